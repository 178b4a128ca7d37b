"""The summary of a day: which run shows it, what that costs, and what an error does to it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from refresh.engine.change import Skipped
from refresh.output.job_summary import markdown
from refresh.pool import names, records, runs
from tests.fakes.world import refusal
from tests.reports import component

if TYPE_CHECKING:
    from refresh.ports import Clients
    from tests.fakes.world import World

NAME, QUERY, PUT = "daily summary", "dynamodb:Query", "dynamodb:PutItem"
NO_CHANGE = 14
"""How many calls a run makes that changes nothing."""


@pytest.fixture
def at() -> str:
    """Give a time of the day that is half a day away, so that it does not pass during a test."""
    return (datetime.now(UTC) + timedelta(hours=12)).strftime("%H:%M")


def _asked(world: World, clients: Clients, label: str, **known: object) -> None:
    """Write what provision writes of a build that was served an hour ago."""
    asked_at = datetime.now(UTC) - timedelta(hours=1)
    value = {
        "resourceClass": "large",
        "result": runs.PROVIDED,
        runs.ASKED_AT: records.wire_time(asked_at),
        runs.ANSWERED_AT: records.wire_time(asked_at + timedelta(seconds=4)),
        **known,
    }
    clients.dynamodb.put_item(TableName=world.table, Item=records.item(records.RUN, label, asked_at, value=value))


def test_the_first_run_after_the_time_shows_the_day_and_the_next_one_makes_no_call_for_it(
    refreshed: World, clients: Clients, at: str
) -> None:
    """It costs one write and three reads, once."""
    _asked(refreshed, clients, "4711", claimed=1)
    _asked(refreshed, clients, "4712", launched=1)
    refreshed.forget_calls()
    report = refreshed.refresh(daily_summary=at, prices='{"large": 0.096}')
    assert (report.exit_code, component(report, NAME).status) == (0, "changed 1")
    assert report.history
    assert (report.history.builds, report.history.warm) == (2, 1)
    page = markdown(report)
    assert "- **served warm**: 1 of 2 (50 %)" in page
    assert "```mermaid\n" in page
    assert (refreshed.aws.writes, len(refreshed.aws.calls)) == ([PUT], NO_CHANGE + 1 + 3)
    refreshed.forget_calls()
    again = refreshed.refresh(daily_summary=at)
    assert (again.history, again.status) == (None, "as desired")
    assert "mermaid" not in markdown(again)
    assert (refreshed.aws.writes, len(refreshed.aws.calls)) == ([], NO_CHANGE)


def test_without_the_input_nothing_is_called_and_nothing_shown(refreshed: World) -> None:
    report = refreshed.refresh()
    assert (report.history, len(refreshed.aws.calls)) == (None, NO_CHANGE)


def test_of_two_runs_at_once_one_shows_it(refreshed: World, clients: Clients, at: str) -> None:
    """The other one finds the day written between its read and its write."""
    first = refreshed.refresh(daily_summary=at)
    assert first.history
    written = refreshed.metadata(clients, names.DAILY_SUMMARY_IDENTIFIER)
    refreshed.delete_metadata(clients, names.DAILY_SUMMARY_IDENTIFIER)

    def overtake(call: str) -> None:
        if call == PUT:
            refreshed.aws.before_call = lambda _: None
            refreshed.put_metadata(clients, names.DAILY_SUMMARY_IDENTIFIER, written)

    refreshed.aws.before_call = overtake
    report = refreshed.refresh(daily_summary=at)
    (outcome,) = component(report, NAME).outcomes
    assert isinstance(outcome, Skipped)
    assert (report.history, report.exit_code) == (None, 0)


def test_a_plan_says_that_the_day_would_be_shown_and_shows_and_writes_nothing(refreshed: World, at: str) -> None:
    report = refreshed.refresh(daily_summary=at, mode="plan")
    (change,) = component(report, NAME).planned
    assert str(change).startswith("show daily summary of 20")
    assert (report.history, report.exit_code) == (None, 0)
    assert (refreshed.aws.writes, len(refreshed.aws.calls)) == ([], NO_CHANGE)


@pytest.mark.shows("F35z")
@pytest.mark.parametrize("code", ["AccessDeniedException"], ids=["F35z"])
def test_history_that_cannot_be_read_is_a_warning_with_the_command_that_shows_it(
    refreshed: World, at: str, code: str
) -> None:
    denied, queries = refusal(QUERY, code), itertools.count()
    # The first one is the collector's, for which the summary waits.
    refreshed.aws.before_call = lambda call: denied if call == QUERY and next(queries) else None
    report = refreshed.refresh(daily_summary=at)
    (warning,) = component(report, NAME).warnings
    assert "`refresh-action status --since 24h`" in warning
    assert f"PermissionDenied: {QUERY}" in warning
    assert (report.history, report.exit_code, report.failed) == (None, 0, ())


def test_day_of_an_empty_pool_is_shown_as_well(world: World, at: str) -> None:
    """In the run that makes the table."""
    report = world.refresh(daily_summary=at)
    assert report.exit_code == 0, markdown(report)
    assert report.history
    assert "- **builds**: 0" in markdown(report)
