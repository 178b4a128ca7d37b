"""What happened in a pool: builds from RUN items, machines from HISTORY and from the living records.

Pure. The forms are those of docs/table.md. Everything is optional for the readers here: earlier versions and the
original action write less.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from refresh.pool import lifecycle, records, runs

_NONE = timedelta(0)
_MICROSECOND = timedelta(microseconds=1)
_CUT_OFF_REASONS = frozenset({"expired", "vanished"})
"""For these a machine is ended while its run may still work; for the others no run has it, or the run has ended."""


@frozen(kw_only=True)
class Build:
    """What a run asked the pool for, in its latest attempt, and what it got."""

    label: str
    resource_class: str
    asked_at: datetime
    waited: timedelta | None = None
    """From the question to the answer; None without an answer, or if an earlier version wrote the item."""
    held: int = 0
    """How many machines an earlier attempt of the run had left to it."""
    claimed: int = 0
    """How many came out of the pool."""
    launched: int = 0
    """How many EC2 launched for it."""
    failures: Mapping[str, int] = field(factory=dict)
    """How many launches EC2 refused, by the value of `launch_causes.Cause`."""
    hosted: bool = False
    """Whether its jobs went to hosted runners, by `if-unavailable`."""
    result: str = ""
    """`provided`, `failed`, or "" without an answer."""

    @property
    def counted(self) -> bool:
        """Whether it was provided, and it is known where its machines came from."""
        return self.result == runs.PROVIDED and self.held + self.claimed + self.launched > 0

    @property
    def warm(self) -> bool:
        """Whether it was provided without a launch."""
        return self.counted and not self.launched


@frozen(kw_only=True)
class Machine:
    """One machine of the pool, from its launch to its end."""

    id: str
    resource_class: str
    instance_type: str = ""
    usage_class: str = ""
    launched_at: datetime | None = None
    """None if it is not known."""
    ended_at: datetime | None = None
    """When it was marked to be ended, or soon after its threshold if that was earlier; None while it is alive."""
    busy: timedelta = _NONE
    """For how long runs had it, from claim or launch to release. The original's `release` does not add to it."""
    reason: str = ""
    """Why it was ended; "" while it is alive."""
    cut_off: bool = False
    """Whether it ended while a run had it, or a restart ended its runner."""

    def time_within(self, since: datetime, until: datetime) -> timedelta | None:
        """Return how long it lived within a period; None if its launch is unknown and it may have lived in it."""
        end = until if self.ended_at is None else min(self.ended_at, until)
        if end < since:
            return _NONE
        if self.launched_at is None:
            return None
        return max(end - max(self.launched_at, since), _NONE)

    def busy_within(self, since: datetime, until: datetime) -> timedelta:
        """Return the part of `busy` within a period.

        Of a machine that lived longer than the period only the total is known: it is taken in proportion.
        """
        within = self.time_within(since, until)
        if not within or self.launched_at is None:
            return _NONE
        life = (self.ended_at or until) - self.launched_at
        return timedelta(microseconds=_micro(min(self.busy, life)) * _micro(within) // _micro(life))


@frozen(kw_only=True)
class Period:
    """What is known of the time from `since` to `until`."""

    since: datetime
    until: datetime
    builds: tuple[Build, ...] = ()
    machines: tuple[Machine, ...] = ()


def build_from_item(item: Mapping[str, Any]) -> Build | None:
    """Read a RUN item; None if it does not say when it was asked for, not even by its last write."""
    value = records.mapping(item, "value")
    written = records.text(value, runs.ASKED_AT) or records.text(item, "updatedAt") or ""
    if (asked_at := records.read_time(written)) is None:
        return None
    answered_at = records.read_time(records.text(value, runs.ANSWERED_AT) or "")
    waited = max(answered_at - asked_at, _NONE) if answered_at and runs.ASKED_AT in value else None
    failures = records.mapping(value, runs.FAILURES)
    return Build(
        label=records.identifier_of(item),
        resource_class=records.text(value, "resourceClass") or "",
        asked_at=asked_at,
        waited=waited,
        held=records.count(value, runs.HELD),
        claimed=records.count(value, runs.CLAIMED),
        launched=records.count(value, runs.LAUNCHED),
        failures={cause: count for cause in failures if (count := records.count(failures, cause))},
        hosted=records.truth(value, runs.HOSTED) is True,
        result=records.text(value, "result") or "",
    )


def machine_from_history(item: Mapping[str, Any]) -> Machine | None:
    """Read a HISTORY item; None if it does not say when the machine ended."""
    ended_at = records.read_time(records.text(item, "endedAt") or records.text(item, "updatedAt") or "")
    if ended_at is None:
        return None
    reason, run_id = records.text(item, "endedReason") or "", records.text(item, "endedRunId")
    return Machine(
        id=records.identifier_of(item),
        resource_class=records.text(item, "resourceClass") or "",
        instance_type=records.text(item, "instanceType") or "",
        usage_class=records.text(item, "usageClass") or "",
        launched_at=records.read_time(records.text(item, "launchedAt") or ""),
        ended_at=_end(ended_at, reason, records.text(item, "endedThreshold")),
        busy=timedelta(seconds=records.count(item, "busySeconds")),
        reason=reason,
        cut_off=bool(records.text(item, "cutOff")) or _ended_in_use(records.text(item, "endedState"), run_id, reason),
    )


def machine_from_record(record: records.InstanceRecord, launched_at: datetime | None, now: datetime) -> Machine:
    """Read a record that is still in the table; `launched_at` is EC2's, for a record that does not say it."""
    ended = dict(record.ended)
    terminated = record.state == records.TERMINATED
    reason = ended.get("endedReason", "") if terminated else ""
    return Machine(
        id=record.id,
        resource_class=record.resource_class,
        instance_type=record.instance_type,
        usage_class=record.usage_class,
        launched_at=records.read_time(record.launched_at) or launched_at,
        ended_at=_end(record.marked_at or now, reason, ended.get("endedThreshold")) if terminated else None,
        busy=lifecycle.busy(record, now),
        reason=reason,
        cut_off=bool(record.cut_off) or _ended_in_use(ended.get("endedState"), ended.get("endedRunId"), reason),
    )


def _end(marked_at: datetime, reason: str, threshold: str | None) -> datetime:
    """Return when a machine ended.

    One whose time is over ends itself, or is ended by a release, within minutes; refresh may mark it much later.
    """
    expired_at = records.read_time(threshold or "") if reason == "expired" else None
    late = expired_at is not None and marked_at - expired_at > lifecycle.EXPIRED_SINCE
    return expired_at + lifecycle.EXPIRED_SINCE if expired_at and late else marked_at


def _ended_in_use(state: str | None, run_id: str | None, reason: str) -> bool:
    return state == records.RUNNING and bool(run_id) and reason in _CUT_OFF_REASONS


def _micro(time: timedelta) -> int:
    return time // _MICROSECOND
