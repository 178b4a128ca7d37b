"""The report as JSON and the outputs: what the published schema says, and no more than GitHub takes."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages
import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Change, Done, Failed, Postponed, Skipped, Unchecked
from refresh.engine.report import ComponentReport, Report
from refresh.output import json_report, step_outputs
from refresh.pool.records import InstanceRecord
from refresh.pool.snapshot import Ended, InstanceSnapshot, PoolSnapshot
from refresh.reconciler.garbage_collector.changes import Mark, Reason, Terminate
from refresh.reconciler.launch_template.changes import CreateVersion
from tests.fakes.desired import desired
from tests.fakes.serial import NOW
from tests.pages import ROOT

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
ID = "i-0123456789abcdef0"
RECORD = InstanceRecord(id=ID, state="running", run_id="42", threshold="2026-01-31T09:00:00Z", resource_class="large")
MARK = Mark(RECORD, Reason.EXPIRED, NOW)
VERSION = CreateVersion("lt-1", 1, (("UserData", "a\nb"),), (("ImageId", "ami-1"), ("UserData", "a\nc")), {})
REFUSAL = errors.Rejected("ec2:X", "No", "no.")


def _report(**changed: Any) -> Report:
    outcomes = (Done(MARK), Done(Terminate(ID)), Skipped(MARK, "raced"), Failed(VERSION, REFUSAL), Postponed(MARK))
    collector = ComponentReport(
        name="garbage collector", planned=(MARK, VERSION), outcomes=outcomes, warnings=("w",), refusals=("r",)
    )
    template = ComponentReport(
        name="launch template",
        mode=Mode.APPLY,
        error=REFUSAL,
        pending=(VERSION,),
        unchecked=Unchecked("fog", wholly=False),
    )
    instance = InstanceSnapshot(
        id=ID, state="idle", ec2_state="running", resource_class="large", launched_at=NOW, threshold=NOW
    )
    pool = PoolSnapshot(
        template_id="lt-1",
        template_version=3,
        queues=(("large", "https://sqs.eu-west-1.amazonaws.com/1/octo-widgets-large-ci-pool"),),
        token_expires_at=NOW,
        instances=(instance, InstanceSnapshot(id=ID, state="unrecorded", ec2_state="other")),
    )
    ended = (
        Ended(id=ID, reason="expired", state="running", run_id="42", overdue=timedelta(minutes=5)),
        Ended(id=ID, reason="unrecorded", state=""),
    )
    report = Report((collector, template), desired=desired(), started_at=NOW, finished_at=NOW, pool=pool, ended=ended)
    return evolve(report, **changed)


def _read(report: Report) -> Any:
    return json.loads("".join(json_report.written(report)))


@pytest.mark.parametrize(
    "report",
    [
        _report(),
        _report(pool=PoolSnapshot(), ended=(), components=()),
        _report(components=(ComponentReport(name="x", mode=Mode.PLAN, planned=(MARK,), following=(MARK,)),)),
        _report(components=(ComponentReport(name="x", unchecked=Unchecked("nothing was due", due=False)),)),
        _report(components=(ComponentReport(name="x", error=errors.Blocked("y is not ready")),)),
    ],
)
def test_the_report_is_as_its_schema_says(report: Report) -> None:
    """Others build on it."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(_read(report), SCHEMA)
    assert _read(report)["schema_version"] == json_report.SCHEMA_VERSION


def test_a_change_is_told_field_by_field_with_what_is_known_of_it() -> None:
    """A mark with its reason and how long it was overdue, user data as a diff."""
    told = json_report.change(MARK)
    assert told["description"] == f"mark instance {ID}"
    assert told["note"] == "expired 5 min ago"
    assert told["facts"] == {
        "reason": "expired",
        "state": "running",
        "class": "large",
        "run_id": "42",
        "overdue_seconds": 300,
    }
    image, user_data = json_report.change(VERSION)["differences"]
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
    assert (template["not_checked"], collector["not_checked"]) == ({"reason": "fog", "due": True}, None)


def test_the_outputs_are_what_the_next_step_needs() -> None:
    """Every one of them, as text."""
    values = step_outputs.outputs(_report(), "refresh-report.json")
    plan = json.loads(values.pop("plan"))
    assert [(each["component"], each["action"]) for each in plan] == [
        ("garbage collector", "mark"),
        ("garbage collector", "create"),
    ]
    assert values == {
        "changed": "true",
        "drift": "true",
        "planned-count": "2",
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
    assert step_outputs.outputs(Report(()), "") == {
        "changed": "false",
        "drift": "false",
        "plan": "[]",
        "planned-count": "0",
        "launch-template-id": "",
        "launch-template-version": "",
        "queue-urls": "{}",
        "terminated-count": "0",
        "terminated-instance-ids": "[]",
        "registration-token-expires-at": "",
        "failed-components": "[]",
        "report-path": "",
    }


def test_every_output_of_a_large_pool_can_be_used_by_the_next_step() -> None:
    """As a variable, as an argument, and all together as GitHub's `toJSON` writes them."""
    ids = [f"i-{number:017x}" for number in range(5000)]
    marks: tuple[Change, ...] = tuple(evolve(MARK, record=evolve(RECORD, id=each)) for each in ids)
    planned = ComponentReport(name="garbage collector", planned=marks, outcomes=tuple(Done(Terminate(i)) for i in ids))
    url = "https://vpce-0123456789abcdef0-01234567.sqs.us-gov-west-1.vpce.amazonaws.com/123456789012"
    queues = tuple((f"class{number}" * 8, f"{url}/{'q' * 80}") for number in range(50))
    values = step_outputs.outputs(Report((planned,), pool=PoolSnapshot(queues=queues)), "refresh-report.json")
    environ = {name.upper().replace("-", "_"): value for name, value in values.items()}
    together = json.dumps(values, indent=2)
    step = (
        'set -e; test "$TOGETHER" = "$1"; for each in "$PLAN" "$QUEUE_URLS" "$TERMINATED_INSTANCE_IDS"; do '
        '/bin/echo "$each" | tail -c 2; done'
    )
    bash = subprocess.run(  # noqa: S603 - a step as GitHub runs it
        ["/bin/bash", "-c", step, "step", together],
        env={**environ, "TOGETHER": together},
        capture_output=True,
        text=True,
        check=True,
    )
    assert bash.stdout == "]\n}\n]\n"
    assert 50 < len(json.loads(values["plan"])) < 5000
    assert json.loads(values["terminated-instance-ids"]) == ids[:744]
    assert len(json.loads(values["queue-urls"])) == 50
    assert (values["planned-count"], values["terminated-count"]) == ("5000", "5000")


def test_a_change_with_a_long_text_is_planned_without_it() -> None:
    """An empty plan would say that nothing is due."""
    script = "\n".join(f"echo {number}" for number in range(5000))
    long = CreateVersion("lt-1", 1, (("UserData", ""),), (("UserData", script),), {})
    (told,) = json.loads(
        step_outputs.outputs(Report((ComponentReport(name="launch template", planned=(long,)),)), "")["plan"]
    )
    assert (told["action"], told["differences"]) == ("create", [])
    assert told["note"].endswith("its differences are in the report file")
