"""Whether a free machine of the pool is ready for a run; pure.

Idle is not ready: a record turns idle before its agent has left the run that had it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from refresh.pool import lifecycle
from refresh.pool.records import read_time
from refresh.pool.signals import BOOTED, LEFT, SIGNAL_LIFETIME, beating

if TYPE_CHECKING:
    from refresh.pool.records import InstanceRecord
    from refresh.pool.signals import Report

SETTLED_AFTER = timedelta(minutes=2)
"""By then an agent whose claim was given back has registered and left again, or has never noticed the claim."""


def ready(
    record: InstanceRecord, report: Report, *, looked_at: datetime, seen_at: datetime, signals_expire: bool
) -> bool:
    """Whether a free machine's agent works and has left the last run, and EC2 does not take the machine back.

    `looked_at` is when the record was read, and `seen_at` when its agent's report was. With `signals_expire` a signal
    may be absent since it is old.
    """
    if report.reclaimed_at is not None or not beating(report.beat, seen_at):
        return False
    return _has_left(record, report, looked_at, signals_expire=signals_expire)


def leaving(record: InstanceRecord, report: Report, *, looked_at: datetime, seen_at: datetime) -> bool:
    """Whether a free machine was released moments ago, and its agent is about to leave the run that had it."""
    released = read_time(record.released_at)
    recent = released is not None and looked_at - released <= SETTLED_AFTER
    return recent and report.reclaimed_at is None and beating(report.beat, seen_at)


def never_served(record: InstanceRecord) -> bool:
    """Whether no run has ever had the machine.

    A release sets a time of its own, which may be the same second as that of before.
    """
    fresh = bool(record.fresh_for) and record.fresh_for == record.threshold and not record.last_run_id
    return record.state == lifecycle.CREATED or fresh


def _has_left(record: InstanceRecord, report: Report, looked_at: datetime, *, signals_expire: bool) -> bool:
    """Whether the agent has reported that it left its last run, or that it waits for its first one.

    A run that gives a claim back may do so before the agent has noticed the claim, or while it registers. Then the
    signal is still that of the run before, and older than the record. A machine that no run ever claimed has nothing
    to leave, however often its record was written since it booted.
    """
    signal, since = report.signal, read_time(record.updated_at)
    if signal is None:
        return signals_expire and since is not None and looked_at - since > SIGNAL_LIFETIME
    if signal.state == BOOTED and never_served(record) and not record.last_run_id:
        return True
    if signal.state not in {LEFT, BOOTED}:
        return False
    newer = since is None or (signal.at is not None and signal.at >= since)
    of_last_run = bool(record.last_run_id) and signal.run_id == record.last_run_id
    return newer or of_last_run or (since is not None and looked_at - since > SETTLED_AFTER)
