"""When the summary of a day is due: once for each day on which its time has passed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest

from refresh import errors
from refresh.engine.convergence import following
from refresh.reconciler.daily_summary import DailySummary, policy
from refresh.reconciler.daily_summary.actual import Actual
from refresh.reconciler.daily_summary.changes import ShowSummary
from tests.fakes.desired import desired

NOW = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)
TODAY, YESTERDAY = "2026-01-31", "2026-01-30"


def _due(at: str, stored: Any = None, now: datetime = NOW) -> list[str]:
    wanted = desired(daily_summary=time.fromisoformat(at))
    actual = Actual({"S": stored} if isinstance(stored, str) else stored)
    return [each.day.isoformat() for each in policy.plan(wanted, actual, now).changes]


@pytest.mark.parametrize(
    ("at", "stored", "due"),
    [
        ("09:05", None, [TODAY]),
        ("09:05", YESTERDAY, [TODAY]),
        ("09:05", TODAY, []),
        ("09:06", None, [YESTERDAY]),
        ("09:06", YESTERDAY, []),
        # The time was moved to a later one, or the clock of the other run is ahead.
        ("09:06", TODAY, []),
        ("09:05", "2026-01-29", [TODAY]),
        # Nothing that a run writes: it must not suppress the summary forever.
        ("09:05", "2027-01-01", [TODAY]),
        ("09:05", "today", [TODAY]),
        ("09:05", {"N": "1"}, [TODAY]),
    ],
)
def test_it_is_due_once_for_each_day_on_which_its_time_has_passed(at: str, stored: Any, due: list[str]) -> None:
    assert _due(at, stored) == due


def test_a_run_after_midnight_shows_what_none_has_shown_before_it() -> None:
    """GitHub starts scheduled runs late, and drops some."""
    assert _due("23:50", YESTERDAY, datetime(2026, 2, 1, 0, 5, tzinfo=UTC)) == [TODAY]


def test_the_time_is_in_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    assert policy.due(time(9, 30), datetime(2026, 1, 31, 10, 0, tzinfo=berlin)) == date(2026, 1, 30)


def test_without_the_input_it_is_never_due() -> None:
    assert policy.plan(desired(), Actual(), NOW).changes == ()


def test_a_change_depends_on_what_was_read_and_names_its_day() -> None:
    (change,) = policy.plan(desired(daily_summary=time(7)), Actual({"S": YESTERDAY}), NOW).changes
    assert (str(change), change.note) == (f"show daily summary of {TODAY}", "what the pool did in 24 hours")
    assert change == ShowSummary(date(2026, 1, 31))
    assert policy.unchanged(change.before)["ExpressionAttributeValues"] == {":before": {"S": YESTERDAY}}
    assert "attribute_not_exists" in policy.unchanged(None)["ConditionExpression"]


def test_nothing_follows_a_summary() -> None:
    wanted = desired(daily_summary=time(7))
    component = DailySummary(wanted, None, None)  # type: ignore[arg-type] # a plan calls nothing
    planned = component.plan(Actual(), NOW).changes
    assert following(component, Actual(), planned, NOW) == ()
    assert component.predict(Actual(), (), NOW) == Actual()


def test_what_could_not_be_read_is_a_warning() -> None:
    unread = policy.unread(errors.Throttled("dynamodb:Query", "ThrottlingException"))
    plan = policy.plan(desired(daily_summary=time(7)), Actual({"S": TODAY}, unread=unread), NOW)
    assert (plan.changes, plan.warnings) == ((), (unread,))
    assert "`refresh-action status --since 24h`" in unread
