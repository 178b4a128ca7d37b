"""Builds over time as bars of plain characters, for a terminal of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.output import history_figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.output.history_figures import Bar
    from refresh.pool.history_summary import Hour

_MARKS = 36
"""How long the longest bar is, and a mark for each kind more, since each is rounded up."""
WARM, LAUNCHED, OTHERS = "#", "+", "!"


def lines(hours: Sequence[Hour]) -> Iterator[str]:
    """Yield a title with the meaning of the marks, then a bar for each hour, or for each few hours of a long time."""
    step, bars = history_figures.bars(hours)
    most = max((each.all for each in bars), default=0)
    builds_per_mark = max(-(-most // _MARKS), 1)
    scale = f"; each mark is up to {builds_per_mark} of them" if builds_per_mark > 1 else ""
    others = f", {OTHERS} neither" if any(each.others for each in bars) else ""
    yield f"builds per {history_figures.period(step)}, UTC{scale}"
    yield f"{WARM} served warm, {LAUNCHED} with a launch{others}"
    before: datetime | None = None
    for each in bars:
        yield f"{_label(each.start, before, step)} |{_marks(each, builds_per_mark)}{_numbers(each)}".rstrip()
        before = each.start


def _label(start: datetime, before: datetime | None, step: int) -> str:
    """Write the date where it changes, and the time unless the bar is a day."""
    day = f"{start:%b %d}"
    if step == history_figures.HOURS_PER_DAY:
        return day
    same = before is not None and before.date() == start.date()
    return f"{'' if same else day:6} {start:%H:%M}"


def _marks(bar: Bar, builds_per_mark: int) -> str:
    return "".join(mark * -(-count // builds_per_mark) for mark, count in _kinds(bar))


def _numbers(bar: Bar) -> str:
    """Write the numbers behind the bar; a single kind needs no sum."""
    kinds = [f"{count}{mark}" for mark, count in _kinds(bar) if count]
    if len(kinds) > 1:
        return f" {bar.all} ({' '.join(kinds)})"
    return f" {bar.all}" if bar.all else ""


def _kinds(bar: Bar) -> tuple[tuple[str, int], ...]:
    return (WARM, bar.warm), (LAUNCHED, bar.launched), (OTHERS, bar.others)
