"""What the collector's changes say, in the log, in the summary and to programs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from refresh.engine.change import Difference
from refresh.pool.records import InstanceRecord, wire_time
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, CollectorChange, Mark, Reason, Terminate
from tests.fakes.serial import NOW

ID = "i-0123456789abcdef0"
PAST = wire_time(NOW - timedelta(seconds=301))
RECORD = InstanceRecord(id=ID, state="running", run_id="42", threshold=PAST, resource_class="large")
MARKED = InstanceRecord(
    id=ID, state="terminated", run_id="", threshold="", ended=(("endedBy", "x"), ("endedReason", "expired"))
)
LAUNCHED = NOW - timedelta(days=9)


@pytest.mark.parametrize(
    ("change", "text", "note"),
    [
        (Mark(RECORD, Reason.EXPIRED, NOW), f"mark instance {ID}", "expired 5 min ago"),
        (Mark(RECORD, Reason.VANISHED, NOW, LAUNCHED), f"mark instance {ID}", "vanished"),
        (Mark(RECORD, Reason.AGED, NOW, LAUNCHED), f"mark instance {ID}", "aged, launched 9 d ago"),
        (Adopt(ID, "42", NOW, LAUNCHED), f"adopt instance {ID}", "unrecorded, launched 9 d ago"),
        (Terminate(ID, MARKED), f"terminate instance {ID}", "marked as expired"),
        (Terminate(ID, RECORD), f"terminate instance {ID}", ""),
        (Terminate(ID), f"terminate instance {ID}", ""),
        (Clean(MARKED), f"clean instance {ID}", ""),
    ],
)
def test_a_change_names_its_instance_and_reason(change: CollectorChange, text: str, note: str) -> None:
    assert (str(change), change.note) == (text, note)


def test_a_mark_shows_the_attributes_that_it_changes() -> None:
    assert Mark(RECORD, Reason.EXPIRED, NOW).differences == (
        Difference("state", "running", "terminated"),
        Difference("threshold", PAST, wire_time(NOW)),
    )


@pytest.mark.parametrize(
    ("threshold", "overdue"), [(PAST, 301), (None, 0), ("soon", 0), (wire_time(NOW + timedelta(seconds=1)), 0)]
)
def test_a_mark_gives_programs_its_facts(threshold: str | None, overdue: int) -> None:
    record = InstanceRecord(id=ID, state="idle", run_id=None, threshold=threshold, resource_class="large")
    assert Mark(record, Reason.VANISHED, NOW).facts == {
        "reason": "vanished",
        "state": "idle",
        "class": "large",
        "run_id": "",
        "overdue_seconds": overdue,
    }


def test_an_adoption_gives_programs_its_facts() -> None:
    assert Adopt(ID, "42", NOW, NOW).facts == {"reason": "unrecorded", "run_id": "42"}


@pytest.mark.parametrize("later", [NOW, NOW + timedelta(seconds=1)])
def test_a_mark_that_is_judged_again_later_is_the_same_change(later: datetime) -> None:
    assert Mark(RECORD, Reason.EXPIRED, NOW) == Mark(RECORD, Reason.EXPIRED, later, later)
