"""The report as JSON and the outputs: what the published schema says, and no more than GitHub takes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages
import pytest
from attrs import evolve

from refresh import document, errors, outputs
from refresh.desired import Mode
from refresh.pool import Ended, InstanceNow, PoolNow
from refresh.reconciler.garbage_collector.changes import Mark, Reason, Terminate
from refresh.reconciler.launch_template.changes import CreateVersion
from refresh.records import Instance
from refresh.report import Change, ComponentReport, Done, Failed, Postponed, Report, Skipped
from tests.fakes.desired import desired
from tests.fakes.serial import NOW

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())
ID = "i-0123456789abcdef0"
RECORD = Instance(id=ID, state="running", run_id="42", threshold="2026-01-31T09:00:00Z", resource_class="large")
MARK = Mark(RECORD, Reason.EXPIRED, NOW)
VERSION = CreateVersion("lt-1", 1, (("UserData", "a\nb"),), (("ImageId", "ami-1"), ("UserData", "a\nc")), {})
REFUSAL = errors.Rejected("ec2:X", "No", "no.")


def _report(**changed: Any) -> Report:
    outcomes = (Done(MARK), Done(Terminate(ID)), Skipped(MARK, "raced"), Failed(VERSION, REFUSAL), Postponed(MARK))
    collector = ComponentReport(
        name="garbage collector", planned=(MARK, VERSION), outcomes=outcomes, warnings=("w",), refusals=("r",)
    )
    template = ComponentReport(name="launch template", mode=Mode.APPLY, error=REFUSAL, pending=(VERSION,))
    instance = InstanceNow(
        id=ID, state="idle", ec2_state="running", resource_class="large", launched_at=NOW, threshold=NOW
    )
    pool = PoolNow(
        template_id="lt-1",
        template_version=3,
        queues=(("large", "https://sqs.eu-west-1.amazonaws.com/1/octo-widgets-large-ci-pool"),),
        token_expires_at=NOW,
        instances=(instance, InstanceNow(id=ID, state="unrecorded", ec2_state="other")),
    )
    ended = (
        Ended(id=ID, reason="expired", state="running", run_id="42", overdue=timedelta(minutes=5)),
        Ended(id=ID, reason="unrecorded", state=""),
    )
    report = Report((collector, template), desired=desired(), started_at=NOW, finished_at=NOW, pool=pool, ended=ended)
    return evolve(report, **changed)


def _read(report: Report) -> Any:
    return json.loads("".join(document.written(report)))


@pytest.mark.parametrize(
    "report",
    [
        _report(),
        _report(pool=PoolNow(), ended=(), components=()),
        _report(components=(ComponentReport(name="x", mode=Mode.PLAN, planned=(MARK,), following=(MARK,)),)),
    ],
)
def test_the_report_is_as_its_schema_says(report: Report) -> None:
    """Others build on it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(_read(report), SCHEMA)
    assert _read(report)["schema_version"] == document.SCHEMA_VERSION


def test_a_change_is_told_field_by_field_with_what_is_known_of_it() -> None:
    """A mark with its reason and how long it was overdue, user data as a diff."""
    told = document.change(MARK)
    assert told["description"] == f"mark instance {ID}"
    assert told["note"] == "expired 5 min ago"
    assert told["facts"] == {
        "reason": "expired",
        "state": "running",
        "class": "large",
        "run_id": "42",
        "overdue_seconds": 300,
    }
    image, user_data = document.change(VERSION)["differences"]
    assert image == {"field": "ImageId", "from": None, "to": "ami-1", "diff": None}
    assert user_data["diff"] == "--- user data now\n+++ user data wanted\n@@ -1,2 +1,2 @@\n a\n-b\n+c"


def test_every_outcome_is_told_with_its_reason() -> None:
    """In the order in which they happened."""
    collector, template = _read(_report())["components"]
    assert [(each["outcome"], each["reason"]) for each in collector["outcomes"]] == [
        ("done", None),
        ("done", None),
        ("skipped", "raced"),
        ("failed", str(REFUSAL)),
        ("postponed", None),
    ]
    assert (template["error"], collector["error"]) == (str(REFUSAL), None)


def test_the_outputs_are_what_the_next_step_needs() -> None:
    """Every one of them, as text."""
    values = outputs.outputs(_report(), "refresh-report.json")
    plan = json.loads(values.pop("plan"))
    assert [(each["component"], each["action"]) for each in plan] == [
        ("garbage collector", "mark"),
        ("garbage collector", "create"),
    ]
    assert values == {
        "changed": "true",
        "drift": "true",
        "launch-template-id": "lt-1",
        "launch-template-version": "3",
        "queue-urls": '{"large":"https://sqs.eu-west-1.amazonaws.com/1/octo-widgets-large-ci-pool"}',
        "terminated-count": "1",
        "terminated-instance-ids": f'["{ID}"]',
        "registration-token-expires-at": "2026-01-31T09:05:00Z",
        "failed-components": '["garbage collector","launch template"]',
        "report-path": "refresh-report.json",
    }


def test_what_could_not_be_seen_is_empty() -> None:
    """And nothing was changed."""
    assert outputs.outputs(Report(()), "") == {
        "changed": "false",
        "drift": "false",
        "plan": "[]",
        "launch-template-id": "",
        "launch-template-version": "",
        "queue-urls": "{}",
        "terminated-count": "0",
        "terminated-instance-ids": "[]",
        "registration-token-expires-at": "",
        "failed-components": "[]",
        "report-path": "",
    }


def test_a_plan_that_is_too_long_for_an_output_is_cut_between_changes() -> None:
    """The report file has all of it."""
    planned: tuple[Change, ...] = (MARK,) * 5000
    values = outputs.outputs(Report((ComponentReport(name="garbage collector", planned=planned),)), "")
    assert 100 < len(json.loads(values["plan"])) < 5000
    assert len(values["plan"]) <= outputs.PLAN_LIMIT
