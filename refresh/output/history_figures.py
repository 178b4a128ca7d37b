"""What a pool did, in words and tables for terminal and job summary: plain text that the caller must escape."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.output.pool_table import Table
from refresh.text import lasting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from refresh.pool.history_summary import ClassUse, Hour, Summary

_HOUR = timedelta(hours=1)
HOURS_PER_DAY = 24
_STEPS = (1, 2, 3, 6, 12, HOURS_PER_DAY)
"""How many hours a bar may stand for: each divides a day."""
_MOST_BARS = 32
_CENT = Decimal("0.01")
_LONG_WAIT = timedelta(minutes=10)


@frozen
class Bar:
    """The builds of some hours."""

    start: datetime
    warm: int
    """Served without a launch."""
    launched: int
    """Served with a launch."""
    others: int
    """Neither: failed, on hosted runners, not answered, or by an earlier version, which does not say it."""

    @property
    def all(self) -> int:
        """All builds."""
        return self.warm + self.launched + self.others


def figures(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yield each figure's name and text; those of which nothing is known or nothing happened are left out."""
    yield "builds", _builds(summary)
    if summary.warm_share is not None:
        known = "" if summary.counted == summary.provided else ", of those that say it"
        share = f"{summary.warm} of {summary.counted} ({percent(summary.warm_share)}){known}"
        yield "served warm", share
    if waits := summary.waits:
        median, most, longest = (_wait(each) for each in (waits.median, waits.p95, waits.longest))
        yield "waits", f"median {median}, 95 % within {most}, longest {longest}"
    if summary.classes:
        yield "machine hours", _machine_hours(summary.classes)
    if summary.failures:
        yield "failed launches", _failures(summary.failures)
    if summary.cut_off:
        yield "jobs cut off", str(summary.cut_off)
    if summary.runner_minutes:
        yield "hosted runners", f"about {summary.runner_minutes} min for provision and release"


def classes(uses: Sequence[ClassUse]) -> Table:
    """Show the machines of each class; costs only if there are prices."""
    rows = [(each.resource_class or "(none)", each) for each in uses]
    header = ("class", "machines", "hours", "busy", "idle")
    priced = any(each.cost is not None for each in uses)
    cells = tuple(
        (name, str(each.machines), _hours(each.time), _hours(each.busy), _share(each), *([_cost(each)] * priced))
        for name, each in rows
    )
    return Table((*header, *(["cost"] * priced)), cells, 1)


def unknown(uses: Iterable[ClassUse]) -> str:
    """Say how many machines are in no figure; "" if all are."""
    number = sum(each.unknown for each in uses)
    if not number:
        return ""
    have = "machine has" if number == 1 else "machines have"
    return (
        f"{number} {have} no known time of launch, as those of the original's provision, and "
        f"{'is' if number == 1 else 'are'} not in the hours."
    )


def bars(hours: Sequence[Hour]) -> tuple[int, list[Bar]]:
    """Return for how many hours each bar stands, and the bars."""
    step = next(each for each in _STEPS if -(-len(hours) // each) < _MOST_BARS or each == HOURS_PER_DAY)
    found: dict[datetime, list[Hour]] = {}
    for hour in hours:
        start = hour.start - hour.start.hour % step * _HOUR
        found.setdefault(start, []).append(hour)
    return step, [_bar(start, each) for start, each in found.items()]


def period(step: int) -> str:
    """Name the time that a bar stands for: `hour`, `6 hours`, `day`."""
    return {1: "hour", HOURS_PER_DAY: "day"}.get(step, f"{step} hours")


def percent(share: float) -> str:
    """Write a share; what is neither none nor all is written as neither."""
    rounded = round(share * 100)
    return f"{min(max(rounded, 1), 99) if 0 < share < 1 else rounded} %"


def _builds(summary: Summary) -> str:
    unanswered = summary.builds - summary.provided - summary.hosted - summary.failed
    parts = (
        (summary.provided, "provided"),
        (summary.hosted, "on hosted runners"),
        (summary.failed, "failed"),
        (unanswered, "without an answer"),
    )
    listed = [(count, what) for count, what in parts if count]
    if len(listed) == 1:
        return f"{summary.builds} (all {listed[0][1]})"
    return f"{summary.builds} ({', '.join(f'{count} {what}' for count, what in listed)})" if listed else "0"


def _failures(failures: Sequence[tuple[str, int]]) -> str:
    number = sum(count for _, count in failures)
    causes = [cause if len(failures) == 1 else f"{count} {cause}" for cause, count in failures]
    return f"{number} ({', '.join(causes)})"


def _wait(time: timedelta) -> str:
    """Write a wait; a few minutes in seconds, since that is what people compare."""
    return f"{int(time.total_seconds())} s" if time < _LONG_WAIT else lasting(time)


def _machine_hours(uses: Sequence[ClassUse]) -> str:
    time, busy = (sum(each, timedelta()) for each in zip(*((use.time, use.busy) for use in uses), strict=True))
    costs = [each.cost for each in uses if each.cost is not None]
    idle = f", {percent(1 - busy / time)} idle" if time else ""
    without = [each.resource_class for each in uses if each.cost is None]
    missing = f" without {', '.join(without)}" if costs and without else ""
    cost = f", cost {sum(costs, Decimal()).quantize(_CENT)}{missing}" if costs else ""
    return f"{_hours(time)}{idle}{cost}"


def _bar(start: datetime, hours: Sequence[Hour]) -> Bar:
    warm, launched, every = (sum(each) for each in zip(*((x.warm, x.cold, x.builds) for x in hours), strict=True))
    return Bar(start, warm, launched, max(every - warm - launched, 0))


def _hours(time: timedelta) -> str:
    return f"{time / _HOUR:.1f}"


def _share(use: ClassUse) -> str:
    return "" if use.idle_share is None else percent(use.idle_share)


def _cost(use: ClassUse) -> str:
    return "" if use.cost is None else str(use.cost.quantize(_CENT))
