"""The pool as tables for the job's summary and the terminal: plain text that the caller must escape."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import lifecycle
from refresh.pool.snapshot import UNRECORDED
from refresh.text import lasting, relative

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.pool.snapshot import InstanceSnapshot

_STATES = (
    lifecycle.CREATED,
    lifecycle.CLAIMED,
    lifecycle.RUNNING,
    lifecycle.IDLE,
    lifecycle.TERMINATED,
    UNRECORDED,
)
_NAMES = {lifecycle.TERMINATED: "ending"}


@frozen
class Table:
    """A header and rows with the same number of cells; cells from `numeric` on are right-aligned."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: int


def classes(instances: Sequence[InstanceSnapshot], now: datetime | None) -> Table:
    """Count the instances of each resource class by state, with the median age and the oldest."""
    present = tuple(state for state in _STATES if any(each.state == state for each in instances))
    by_class: dict[str, list[InstanceSnapshot]] = {}
    for each in instances:
        by_class.setdefault(each.resource_class, []).append(each)
    rows = tuple(_class_row(name, by_class[name], present, now) for name in sorted(by_class))
    return Table(("class", *map(state_name, present), "all", "median age", "oldest"), rows, 1)


def each_instance(instances: Sequence[InstanceSnapshot], now: datetime | None) -> Table:
    """List every instance by state and threshold."""
    listed = sorted(
        instances,
        key=lambda each: (_STATES.index(each.state), each.threshold.timestamp() if each.threshold else 0, each.id),
    )
    header = ("instance", "state", "EC2", "class", "run", "launched", "threshold")
    return Table(header, tuple(_instance_row(each, now) for each in listed), len(header))


def aligned(table: Table) -> Iterator[str]:
    """Yield the lines of a table for a terminal, with its cells in columns."""
    rows = (table.header, *table.rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if number < table.numeric else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def state_name(state: str) -> str:
    """Return a state for people: the instance of a record in `terminated` is ending."""
    return _NAMES.get(state, state)


def _class_row(
    name: str, instances: Sequence[InstanceSnapshot], states: Sequence[str], now: datetime | None
) -> tuple[str, ...]:
    counts = Counter(each.state for each in instances)
    ages = sorted(now - each.launched_at for each in instances if now and each.launched_at)
    shown = (lasting(ages[len(ages) // 2]), lasting(ages[-1])) if ages else ("", "")
    return (name or "(none)", *(str(counts[state]) for state in states), str(len(instances)), *shown)


def _instance_row(each: InstanceSnapshot, now: datetime | None) -> tuple[str, ...]:
    launched, ends = (relative(moment, now) if moment and now else "" for moment in (each.launched_at, each.threshold))
    threshold = ", ".join(filter(None, (ends, "protected" * each.protected)))
    return (each.id, state_name(each.state), each.ec2_state, each.resource_class, each.run_id, launched, threshold)
