"""Whether the summary of a day is due, and on which condition a run shows it; pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from refresh.engine.change import Plan, Unchecked
from refresh.pool import records
from refresh.reconciler.daily_summary.changes import ShowSummary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.desired import DesiredState
    from refresh.errors import ApiError
    from refresh.reconciler.daily_summary.actual import Actual

SHOWN = timedelta(hours=24)
"""How far the summary looks back."""
_DAY = timedelta(days=1)
_SWITCHED_OFF = Unchecked("daily-summary is not set", due=False)


def plan(desired: DesiredState, actual: Actual, now: datetime) -> Plan[ShowSummary]:
    """Plan to show the summary if its time has passed since it was shown last."""
    if desired.daily_summary is None:
        return Plan(unchecked=_SWITCHED_OFF)
    day = due(desired.daily_summary, now)
    warnings = (actual.unread,) if actual.unread else ()
    changes = () if _was_shown(actual.stored, day) else (ShowSummary(day, actual.stored),)
    return Plan(changes, warnings=warnings)


def due(at: time, now: datetime) -> date:
    """Return the latest day on which this time, in UTC, has passed: before it, that is yesterday."""
    today = now.astimezone(UTC)
    return today.date() if today.time() >= at else today.date() - _DAY


def unread(error: ApiError) -> str:
    """Say that the summary of this day is not shown, and where it can be seen."""
    hours = SHOWN // timedelta(hours=1)
    return (
        f"what the pool did in the last {hours} hours could not be read, and no other run shows it today: {error} "
        f"`refresh-action status --since {hours}h` shows it."
    )


def unchanged(before: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the condition that no other run has shown it since the item was read."""
    named = {"ExpressionAttributeNames": {"#value": "value"}}
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(#value)", **named}
    return {"ConditionExpression": "#value = :before", **named, "ExpressionAttributeValues": {":before": before}}


def _was_shown(stored: Mapping[str, Any] | None, day: date) -> bool:
    """Whether it was shown for this day, or for the next: then the time was moved to a later one, or a clock is ahead.

    A date further ahead is an error of the item, which must not suppress the summary forever.
    """
    written = records.text({"value": stored}, "value")
    return written in {day.isoformat(), (day + _DAY).isoformat()}
