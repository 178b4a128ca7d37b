"""Findings in words: what failed, many names, how long something lasts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from refresh.report import Change, ComponentReport, Failed

_SHOWN = 10


def problems(component: ComponentReport) -> list[str]:
    """List what failed in a component, as a person should read it; the first few of many that failed alike."""
    failed = [line for failures in alike(component) for line in _told(failures)]
    return [*([str(component.error)] if component.error else []), *component.refusals, *failed]


def _told(failures: list[Failed]) -> list[str]:
    """Tell of failures of one kind: once if they read the same, else the first few."""
    first = failures[0]
    what = first.change.action()
    if len({str(failure.error) for failure in failures}) == 1:
        return [f"{what} {enumerated(failure.change.subject for failure in failures)}: {first.error}"]
    more = [f"{what}: {len(failures) - _SHOWN} more ({first.error.kind})"] if len(failures) > _SHOWN else []
    return [*(f"{failure.change}: {failure.error}" for failure in failures[:_SHOWN]), *more]


def enumerated(names: Iterable[str]) -> str:
    """Join names, the first few of many."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def alike(component: ComponentReport) -> list[list[Failed]]:
    """Group the failures of a component by the change that failed and the kind of its error."""
    groups: dict[tuple[type[Change], str], list[Failed]] = {}
    for failure in component.failures:
        groups.setdefault((type(failure.change), failure.error.kind), []).append(failure)
    return list(groups.values())


def lasting(duration: timedelta) -> str:
    """Say how long something lasts, in the largest unit of which there are at least two."""
    seconds = int(duration.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def relative(moment: datetime, now: datetime) -> str:
    """Say how far a moment is from now, `5 min ago` or `in 34 min`."""
    return f"{lasting(now - moment)} ago" if moment <= now else f"in {lasting(moment - now)}"
