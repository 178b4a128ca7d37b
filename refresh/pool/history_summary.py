"""The sums of a pool's history: builds, waits, machine hours, costs, by `pool.history`'s builds and machines.

Pure.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from refresh.pool.history import Build, Machine, Period

_NONE = timedelta(0)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_SECONDS_PER_HOUR = 3600


@frozen(kw_only=True)
class Waits:
    """How long provided builds waited: each figure is the wait of one of them, by the nearest rank."""

    median: timedelta
    p95: timedelta
    longest: timedelta


@frozen(kw_only=True)
class ClassUse:
    """The machines of a resource class within a period."""

    resource_class: str
    machines: int
    """How many lived in the period; those in `unknown` as well."""
    unknown: int
    """How many have no known launch, and are in none of the figures below."""
    time: timedelta
    """The sum of the machines' time within the period."""
    busy: timedelta
    """For how much of it runs had them."""
    cost: Decimal | None
    """By the price of the class per machine hour; None without a price."""

    @property
    def hours(self) -> float:
        """`time` in hours."""
        return self.time / _HOUR

    @property
    def idle_share(self) -> float | None:
        """The share of the time in which no run had the machines, from 0 to 1; None without known time."""
        return 1 - self.busy / self.time if self.time else None


@frozen(kw_only=True)
class Hour:
    """One hour of a period, from a full hour in UTC on."""

    start: datetime
    builds: int
    """How many asked in it."""
    warm: int
    """How many of these were served without a launch."""
    cold: int
    """How many of these were served with a launch."""
    launched: int
    """How many machines were launched for these."""


@frozen(kw_only=True)
class Summary:
    """The sums of a period."""

    since: datetime
    until: datetime
    builds: int
    provided: int
    failed: int
    """How many got neither machines nor hosted runners."""
    hosted: int
    """How many went to hosted runners."""
    warm: int
    """How many of `counted` were served without a launch."""
    counted: int
    """How many were provided and say where their machines came from."""
    waits: Waits | None
    """None if no provided build says how long it waited."""
    classes: tuple[ClassUse, ...]
    """By name."""
    failures: tuple[tuple[str, int], ...]
    """Launches that EC2 refused, by the value of `launch_causes.Cause`; the most frequent first."""
    cut_off: int
    """How many of the machines that ended in the period had cut off a job, by a restart or by their end."""
    runner_minutes: int
    """Minutes of hosted runners for the jobs with `provision` and `release`, as GitHub bills: each started minute.

    A provision is as long as its wait; a release is one minute, and each provided build has one. The runs of refresh
    are not in the table and so not in this number.
    """
    hours: tuple[Hour, ...]
    """Each hour of the period, also those without builds."""

    @property
    def warm_share(self) -> float | None:
        """The share of builds served without a launch, from 0 to 1; None if none is counted."""
        return self.warm / self.counted if self.counted else None


def summarize(period: Period, prices: Mapping[str, Decimal]) -> Summary:
    """Add up a period; `prices` are those of a machine hour by class.

    Builds that asked outside the period are left out; so is the time of machines outside it.
    """
    builds = [each for each in period.builds if period.since <= each.asked_at < period.until]
    provided = [each for each in builds if each.result == runs.PROVIDED]
    failures: Counter[str] = Counter()
    for build in builds:
        failures.update(build.failures)
    return Summary(
        since=period.since,
        until=period.until,
        builds=len(builds),
        provided=len(provided),
        failed=sum(each.result == runs.FAILED and not each.hosted for each in builds),
        hosted=sum(each.hosted for each in builds),
        warm=sum(each.warm for each in builds),
        counted=sum(each.counted for each in builds),
        waits=_waits(each.waited for each in provided if each.waited is not None),
        classes=tuple(_classes(period, prices)),
        failures=tuple(sorted(failures.items(), key=lambda each: (-each[1], each[0]))),
        cut_off=sum(each.cut_off and _ended_within(each, period) for each in period.machines),
        runner_minutes=sum(map(_runner_minutes, builds)),
        hours=tuple(_hours(period, builds)),
    )


def _waits(waits: Iterable[timedelta]) -> Waits | None:
    ordered = sorted(waits)
    if not ordered:
        return None
    return Waits(median=_ranked(ordered, 50), p95=_ranked(ordered, 95), longest=ordered[-1])


def _ranked(ordered: list[timedelta], percent: int) -> timedelta:
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def _runner_minutes(build: Build) -> int:
    provision = 0 if build.waited is None else max(-(-build.waited // _MINUTE), 1)
    return provision + (build.result == runs.PROVIDED)


def _lived_within(machine: Machine, period: Period) -> bool:
    launched_at = machine.launched_at or period.since
    return launched_at < period.until and (machine.ended_at is None or machine.ended_at >= period.since)


def _ended_within(machine: Machine, period: Period) -> bool:
    return machine.ended_at is not None and period.since <= machine.ended_at < period.until


def _classes(period: Period, prices: Mapping[str, Decimal]) -> Iterable[ClassUse]:
    within = [each for each in period.machines if _lived_within(each, period)]
    for name in sorted({each.resource_class for each in within}):
        machines = [each for each in within if each.resource_class == name]
        times = [each.time_within(period.since, period.until) for each in machines]
        time = sum((each for each in times if each is not None), _NONE)
        hours = Decimal(time // timedelta(seconds=1)) / _SECONDS_PER_HOUR
        yield ClassUse(
            resource_class=name,
            machines=len(machines),
            unknown=times.count(None),
            time=time,
            busy=sum((each.busy_within(period.since, period.until) for each in machines), _NONE),
            cost=hours * prices[name] if name in prices else None,
        )


def _hours(period: Period, builds: list[Build]) -> Iterable[Hour]:
    by_hour: dict[datetime, list[Build]] = {}
    for build in builds:
        by_hour.setdefault(_hour_of(build.asked_at), []).append(build)
    start = _hour_of(period.since)
    while start < period.until:
        asked = by_hour.get(start, [])
        yield Hour(
            start=start,
            builds=len(asked),
            warm=sum(each.warm for each in asked),
            cold=sum(each.counted and not each.warm for each in asked),
            launched=sum(each.launched for each in asked),
        )
        start += _HOUR


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
