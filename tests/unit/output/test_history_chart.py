"""The chart in the terminal: what its marks mean, and that it fits 80 columns."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refresh.output.history_chart import lines
from refresh.pool.history_summary import Hour
from tests.fakes.serial import NOW
from tests.unit.output.histories import COLD, DAY, FAILED, HOUR, build, summary

COLUMNS = 80
START = NOW.replace(minute=0, second=0, microsecond=0)


def test_each_build_is_a_mark_of_its_kind_with_the_numbers_behind_it() -> None:
    made = summary(build(), build(), build(**COLD), build(**FAILED), build(NOW - timedelta(minutes=5)), since=HOUR)
    title, legend, first, second = lines(made.hours)
    assert (title, legend) == ("builds per hour, UTC", "# served warm, + with a launch, ! neither")
    hours = [f"{each.start:%H:%M}" for each in made.hours]
    assert first == f"{made.hours[0].start:%b %d} {hours[0]} |##+! 4 (2# 1+ 1!)"
    assert second == f"       {hours[1]} |# 1"


def test_without_failures_the_legend_has_two_marks_and_an_hour_without_builds_no_number() -> None:
    _, legend, *rows = lines(summary(build(**COLD)).hours)
    assert legend == "# served warm, + with a launch"
    assert [row for row in rows if not row.endswith("|")] == [row for row in rows if row.endswith("|+ 1")]


def test_a_mark_stands_for_several_builds_of_a_large_pool_and_the_title_says_so() -> None:
    hours = [Hour(start=START, builds=500, warm=499, cold=1, launched=1)]
    title, _, row = lines(hours)
    assert title == "builds per hour, UTC; each mark is up to 14 of them"
    assert row.endswith(f"|{'#' * 36}+ 500 (499# 1+)")


def test_the_date_stands_where_it_changes() -> None:
    midnight = START.replace(hour=23)
    rows = list(lines([_hour(midnight), _hour(midnight + HOUR), _hour(midnight + 2 * HOUR)]))[2:]
    assert [row[:6].strip() != "" for row in rows] == [True, True, False]
    days = list(lines([_hour(START + number * HOUR) for number in range(30 * 24)]))[2:]
    assert all(row.endswith(" |") and ":" not in row for row in days)


def _hour(start: datetime) -> Hour:
    return Hour(start=start, builds=0, warm=0, cold=0, launched=0)


COUNTS = st.integers(0, 5000)


@given(st.lists(st.tuples(COUNTS, COUNTS, COUNTS), min_size=1, max_size=30 * 24))
def test_the_chart_is_plain_text_of_at_most_80_columns(counts: list[tuple[int, int, int]]) -> None:
    hours = [
        Hour(start=START + number * HOUR, builds=warm + cold + others, warm=warm, cold=cold, launched=cold)
        for number, (warm, cold, others) in enumerate(counts)
    ]
    for line in lines(hours):
        assert line.isascii()
        assert len(line) <= COLUMNS


@pytest.mark.parametrize("since", [HOUR, DAY, 30 * DAY])
def test_it_fits_a_screen(since: timedelta) -> None:
    assert len(list(lines(summary(since=since).hours))) <= 34
