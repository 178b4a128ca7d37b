"""A table restored from a backup: its outdated records end no living instance."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.engine.change import Plan
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TEMPLATE_TAG, TemplateIds
from refresh.pool.records import InstanceRecord, wire_time
from refresh.reconciler.garbage_collector import policy
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, CollectorChange, Mark, Reason, Terminate
from refresh.reconciler.garbage_collector.restores import Restore, restore_of
from tests.fakes.desired import desired
from tests.fakes.serial import NOW

ID, OTHER = "i-0123456789abcdef0", "i-0123456789abcdef1"
RESTORE = Restore(NOW - timedelta(hours=3), NOW - timedelta(hours=1))
PAST, FUTURE = (wire_time(NOW + timedelta(seconds=seconds)) for seconds in (-301, 1))
BEFORE, SINCE = (wire_time(RESTORE.made_at + timedelta(seconds=seconds)) for seconds in (0, 1))
RECORD = InstanceRecord(id=ID, state="idle", run_id="", threshold=PAST, updated_at=BEFORE)
FUTURE_RECORD = evolve(RECORD, threshold=FUTURE)
MARKED = evolve(RECORD, state=records.TERMINATED)


def _plan(
    ec2: Ec2State | None, record: InstanceRecord, launched_at: datetime | None = None, restore: Restore = RESTORE
) -> Plan[Any]:
    instances = {ID: Ec2Instance(ID, ec2, launched_at, {TEMPLATE_TAG: "lt-ours"})} if ec2 else {}
    actual = Actual(instances, (record,), TemplateIds("lt-ours"), restore=restore)
    return policy.plan(desired(), actual, NOW)


@pytest.mark.parametrize("written", [BEFORE, wire_time(RESTORE.to), "", "yesterday"])
@pytest.mark.parametrize("state", sorted(records.LIVING_STATES))
def test_no_living_instance_ends_by_a_restored_record(state: str, written: str) -> None:
    planned = _plan(Ec2State.RUNNING, evolve(RECORD, state=state, updated_at=written))
    assert planned.changes == ()
    (refusal,) = planned.refusals
    assert refusal.startswith(f"{ID}: ")
    assert wire_time(RESTORE.to) in refusal
    assert "docs/operations.md" in refusal


def test_an_instance_does_not_age_by_a_restored_record() -> None:
    """It may have been claimed since."""
    planned = _plan(Ec2State.RUNNING, FUTURE_RECORD, NOW - timedelta(days=8))
    assert (planned.changes, len(planned.refusals)) == ((), 1)


@pytest.mark.parametrize("since", [SINCE, SINCE.replace("Z", ".250Z")])
def test_a_record_written_since_the_restore_is_judged_as_usual(since: str) -> None:
    record = evolve(RECORD, updated_at=since)
    assert _plan(Ec2State.RUNNING, record) == Plan((Mark(record, Reason.EXPIRED, NOW),))


@pytest.mark.parametrize(
    ("ec2", "record", "change"),
    [
        (Ec2State.TERMINATED, RECORD, Mark(RECORD, Reason.VANISHED, NOW)),
        (Ec2State.TERMINATED, FUTURE_RECORD, Mark(FUTURE_RECORD, Reason.VANISHED, NOW)),
        (Ec2State.SHUTTING_DOWN, RECORD, None),
        (None, RECORD, Mark(RECORD, Reason.EXPIRED, NOW)),
        (Ec2State.RUNNING, MARKED, Terminate(ID)),
        (Ec2State.TERMINATED, MARKED, Clean(MARKED)),
    ],
)
def test_an_instance_that_has_ended_or_was_marked_is_collected(
    ec2: Ec2State | None, record: InstanceRecord, change: CollectorChange | None
) -> None:
    assert _plan(ec2, record) == Plan((change,) if change else ())


def test_an_unknown_instance_is_not_marked_soon_after_the_restore() -> None:
    assert _plan(None, RECORD, restore=Restore(RESTORE.to, NOW - policy.UNKNOWN_GRACE)) == Plan()


def test_an_instance_launched_before_the_restore_is_not_adopted() -> None:
    """It may have been recorded after the backup, and have a job."""
    other = evolve(RECORD, id=OTHER, state="running", threshold=FUTURE)
    lost = _plan(Ec2State.RUNNING, other, RESTORE.made_at)
    assert (lost.changes, len(lost.refusals)) == ((), 1)
    later = RESTORE.made_at + policy.UNRECORDED_GRACE
    assert _plan(Ec2State.RUNNING, other, later).changes == (Adopt(ID, "", NOW, later),)


def test_a_restore_is_read_from_the_description_of_the_table() -> None:
    summary = {"RestoreDateTime": RESTORE.to, "RestoreInProgress": False}
    assert restore_of({"RestoreSummary": summary, "CreationDateTime": RESTORE.made_at}) == RESTORE
    assert restore_of({"RestoreSummary": summary}) == Restore(RESTORE.to, RESTORE.to)
    earlier = RESTORE.to - timedelta(hours=1)
    assert restore_of({"RestoreSummary": summary, "CreationDateTime": earlier}) == Restore(RESTORE.to, RESTORE.to)
    assert restore_of({"CreationDateTime": NOW}) is restore_of(None) is None
