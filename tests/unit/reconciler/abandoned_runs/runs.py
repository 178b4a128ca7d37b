"""Runs, and machines that they hold, as literals."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve

from refresh.pool.records import InstanceRecord, wire_time
from refresh.ports import WorkflowRun
from tests.fakes.serial import NOW

if TYPE_CHECKING:
    from datetime import datetime

ID, OTHER = "i-00000001", "i-00000002"
SECOND = timedelta(seconds=1)
OVER_SINCE = timedelta(minutes=2, seconds=1)
"""Just long enough ago for a run to count as over."""
HELD = InstanceRecord(
    id=ID,
    state="running",
    run_id="77",
    threshold=wire_time(NOW + timedelta(hours=1)),
    updated_at=wire_time(NOW - timedelta(minutes=3, seconds=1)),
)


def held(**changed: Any) -> InstanceRecord:
    """Give the record of a machine that run 77 has had for just long enough."""
    return evolve(HELD, **changed)


def over(run_id: str = "77", attempt: int = 1, completed_at: datetime | None = NOW - OVER_SINCE) -> WorkflowRun:
    """Give a run that has been over for just long enough."""
    return WorkflowRun(id=run_id, attempt=attempt, completed_at=completed_at)


def under_way(run_id: str = "77", attempt: int = 1) -> WorkflowRun:
    """Give a run that is not completed."""
    return WorkflowRun(id=run_id, attempt=attempt)
