"""When a free machine is ready for a run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.pool import readiness
from refresh.pool.records import InstanceRecord, wire_time
from refresh.pool.signals import BOOTED, LEFT, REGISTERED, Report, Signal
from tests.fakes.serial import NOW

UNTIL = wire_time(NOW + timedelta(minutes=50))
WARM = InstanceRecord(
    id="i-00000001", state="idle", run_id="", threshold=UNTIL, fresh_for=UNTIL, updated_at=wire_time(NOW)
)
"""A machine that refresh has just promoted: it booted long before that, and no run has had it."""
REPORT = Report(signal=Signal(BOOTED, "warm-77-large", NOW - timedelta(minutes=9)), beat=NOW)


def _ready(record: InstanceRecord = WARM, report: Report = REPORT, *, expires: bool = False, **at: datetime) -> bool:
    times = {"looked_at": NOW, "seen_at": NOW, **at}
    return readiness.ready(record, report, **times, signals_expire=expires)


@pytest.mark.parametrize(
    ("changed", "ready"),
    [
        ({}, True),
        ({"state": "created", "fresh_for": ""}, True),
        ({"fresh_for": ""}, False),
        ({"fresh_for": wire_time(NOW)}, False),
        ({"last_run_id": "42"}, False),
    ],
)
def test_a_machine_that_no_run_ever_had_is_ready_as_soon_as_it_has_booted(
    changed: dict[str, Any], *, ready: bool
) -> None:
    """Also when its record was written later, as by its promotion; a claim that was given back is no such record."""
    assert _ready(evolve(WARM, **changed)) is ready


def test_a_machine_whose_agent_is_silent_or_that_ec2_takes_back_is_not_ready() -> None:
    assert not _ready(seen_at=NOW + timedelta(seconds=16))
    assert not _ready(report=evolve(REPORT, reclaimed_at=NOW))
    assert not _ready(report=Report())


@pytest.mark.parametrize("state", [REGISTERED, "UD_FAILED", ""])
def test_a_machine_that_has_not_booted_or_serves_is_not_ready(state: str) -> None:
    assert not _ready(report=evolve(REPORT, signal=Signal(state, "42", NOW)))


def test_a_missing_signal_says_nothing_unless_it_may_have_expired() -> None:
    silent, late = evolve(REPORT, signal=None), NOW + timedelta(days=1, seconds=1)
    assert _ready(report=silent, expires=True, looked_at=late)
    assert not _ready(report=silent, expires=True)
    assert not _ready(report=silent, looked_at=late)
    assert not _ready(evolve(WARM, updated_at=""), silent, expires=True, looked_at=late)


def test_the_signal_of_before_the_record_counts_after_two_minutes() -> None:
    served, left = evolve(WARM, fresh_for=""), evolve(REPORT, signal=Signal(LEFT, "42", NOW - timedelta(seconds=1)))
    assert not _ready(served, left)
    assert _ready(served, left, looked_at=NOW + timedelta(seconds=121))
    assert _ready(evolve(served, last_run_id="42"), left)
    assert _ready(evolve(served, updated_at=""), left)


def test_a_release_in_the_second_that_a_new_machine_had_until_makes_it_no_new_one() -> None:
    """Runs with `reuse: false` must not get it."""
    assert readiness.never_served(WARM)
    assert not readiness.never_served(evolve(WARM, last_run_id="42", released_at=wire_time(NOW)))
