"""What a pool did, for programs; docs/history.schema.json describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh.pool import records

if TYPE_CHECKING:
    from datetime import timedelta

    from refresh.pool.history_summary import ClassUse, Hour, Summary, Waits

_SECONDS_PER_HOUR = 3600


def history(summary: Summary) -> dict[str, Any]:
    """Return the sums. Times are UTC, shares are from 0 to 1, and null is what is not known."""
    return {
        "since": records.wire_time(summary.since),
        "until": records.wire_time(summary.until),
        "builds": summary.builds,
        "builds_provided": summary.provided,
        "builds_hosted": summary.hosted,
        "builds_failed": summary.failed,
        "builds_warm": summary.warm,
        "builds_counted": summary.counted,
        "warm_share": _rounded(summary.warm_share),
        "wait_seconds": _waits(summary.waits) if summary.waits else None,
        "classes": [_class(each) for each in summary.classes],
        "failed_launches": dict(summary.failures),
        "jobs_cut_off": summary.cut_off,
        "hosted_runner_minutes": summary.runner_minutes,
        "hours": [_hour(each) for each in summary.hours],
    }


def _waits(waits: Waits) -> dict[str, int]:
    return {
        "median": _seconds(waits.median),
        "p95": _seconds(waits.p95),
        "longest": _seconds(waits.longest),
    }


def _class(use: ClassUse) -> dict[str, Any]:
    return {
        "class": use.resource_class,
        "machines": use.machines,
        "machines_without_launch": use.unknown,
        "hours": round(use.time.total_seconds() / _SECONDS_PER_HOUR, 3),
        "busy_hours": round(use.busy.total_seconds() / _SECONDS_PER_HOUR, 3),
        "idle_share": _rounded(use.idle_share),
        "cost": None if use.cost is None else round(float(use.cost), 4),
    }


def _hour(hour: Hour) -> dict[str, Any]:
    return {
        "start": records.wire_time(hour.start),
        "builds": hour.builds,
        "warm": hour.warm,
        "with_launch": hour.cold,
        "machines_launched": hour.launched,
    }


def _seconds(time: timedelta) -> int:
    return int(time.total_seconds())


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
