"""Lists of names and durations as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

_SHOWN = 10


def enumerated(names: Iterable[str]) -> str:
    """Join names; of many, the first few and the number of the others."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def lasting(duration: timedelta) -> str:
    """Format a duration in the largest unit of which there are at least two."""
    seconds = int(duration.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def relative(moment: datetime, now: datetime) -> str:
    """Format a time relative to now: `5 min ago` or `in 34 min`."""
    return f"{lasting(now - moment)} ago" if moment <= now else f"in {lasting(moment - now)}"
