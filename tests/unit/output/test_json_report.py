"""The report as JSON: what the published schema says."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages
import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Done, Failed, Postponed, Skipped, Unchecked
from refresh.engine.report import ComponentReport, Report
from refresh.output import json_report
from refresh.pool.records import InstanceRecord
from refresh.pool.snapshot import Ended, InstanceSnapshot, PoolSnapshot
from refresh.reconciler.garbage_collector.changes import Mark, Reason
from refresh.reconciler.launch_template.changes import CreateVersion
from tests.fakes.changes import REFUSAL
from tests.fakes.desired import desired
from tests.fakes.serial import NOW
from tests.pages import ROOT

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
ID = "i-0123456789abcdef0"
RECORD = InstanceRecord(id=ID, state="running", run_id="42", threshold="2026-01-31T09:00:00Z", resource_class="large")
MARK = Mark(RECORD, Reason.EXPIRED, NOW)
VERSION = CreateVersion("lt-1", 1, (("UserData", "a\nb"),), (("ImageId", "ami-1"), ("UserData", "a\nc")), {})
FULL = Report(
    (
        ComponentReport(
            name="garbage collector",
            planned=(MARK, VERSION),
            outcomes=(
                Done(MARK),
                Skipped(MARK, "raced"),
                Failed(VERSION, REFUSAL),
                Postponed(MARK),
                Postponed(MARK, REFUSAL),
            ),
            warnings=("w",),
            refusals=("r",),
        ),
        ComponentReport(
            name="launch template", error=REFUSAL, pending=(VERSION,), unchecked=Unchecked("fog", wholly=False)
        ),
    ),
    desired=desired(),
    started_at=NOW,
    finished_at=NOW,
    pool=PoolSnapshot(
        template_id="lt-1",
        template_version=3,
        queues=(("large", "https://sqs.eu-west-1.amazonaws.com/1/octo-widgets-large-ci-pool"),),
        token_expires_at=NOW,
        instances=(
            InstanceSnapshot(id=ID, state="idle", ec2_state="running", launched_at=NOW, threshold=NOW),
            InstanceSnapshot(id=ID, state="unrecorded", ec2_state="other"),
        ),
    ),
    ended=(
        Ended(id=ID, reason="expired", state="running", run_id="42", overdue=timedelta(minutes=5)),
        Ended(id=ID, reason="unrecorded", state=""),
    ),
)


def _read(report: Report) -> Any:
    return json.loads("".join(json_report.serialized(report)))


@pytest.mark.parametrize(
    "report",
    [
        FULL,
        Report((), desired=desired(), started_at=NOW, finished_at=NOW),
        *(
            Report((each,), desired=desired(), started_at=NOW, finished_at=NOW)
            for each in (
                ComponentReport(name="x", mode=Mode.PLAN, planned=(MARK,), following=(MARK,)),
                ComponentReport(name="x", unchecked=Unchecked("nothing was due", due=False)),
                ComponentReport(name="x", error=errors.Blocked("y is not ready")),
            )
        ),
    ],
)
def test_the_report_fits_its_schema(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(_read(report), SCHEMA)
    assert _read(report)["schema_version"] == json_report.SCHEMA_VERSION


def test_a_change_is_listed_with_its_note_facts_and_differences() -> None:
    mark, version = json_report.change(MARK), json_report.change(VERSION)
    assert (mark["description"], mark["note"]) == (str(MARK), MARK.note)
    assert mark["facts"] == MARK.facts
    image, user_data = version["differences"]
    assert image == {"field": "ImageId", "from": None, "to": "ami-1", "diff": None}
    assert user_data["diff"].splitlines()[-3:] == [" a", "-b", "+c"]


def test_every_outcome_is_listed_in_order_with_its_reason() -> None:
    collector, template = _read(FULL)["components"]
    assert [(each["outcome"], each["reason"]) for each in collector["outcomes"]] == [
        ("done", None),
        ("skipped", "raced"),
        ("failed", str(REFUSAL)),
        ("postponed", None),
        ("postponed", str(REFUSAL)),
    ]
    assert (template["error"], collector["error"]) == (str(REFUSAL), None)
    assert (template["not_checked"], collector["not_checked"]) == ({"reason": "fog", "due": True}, None)
