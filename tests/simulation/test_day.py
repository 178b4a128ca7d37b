"""A whole day with all that goes wrong on it, and how much a minimum of waiting machines changes it."""

from __future__ import annotations

import functools
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.simulation.day import simulated
from tests.simulation.figures import TALLY

if TYPE_CHECKING:
    from tests.simulation.day_figures import Figures
    from tests.simulation.figures import Tally

BUILDS = {"short": 60, "push": 200, "nightly": 500}
MINIMA = {"short": (5,), "push": (0, 5), "nightly": (0, 2, 5)}
LAST_END = timedelta(minutes=61, seconds=30)
"""How long after the last refresh a machine that waits may live: an hour, and a minute until its agent ends it.

The simulated agents take up to half a minute to notice that.
"""


@functools.cache
def _day(minimum: int) -> Figures:
    return simulated(BUILDS[TALLY.budget], minimum)


@pytest.mark.parametrize("minimum", MINIMA[TALLY.budget])
def test_nothing_is_ended_twice_left_alive_or_taken_from_a_job(minimum: int, tally: Tally) -> None:
    """The agents alone end what is left when the schedule stops."""
    day = _day(minimum)
    ledger = day.ledger
    assert day.ended_twice == []
    assert ledger.left == []
    assert ledger.drained <= LAST_END
    assert (ledger.killed, ledger.shared, ledger.unreachable) == ([], [], [])
    assert [each.problem for each in ledger.refreshed if each.problem] == []
    assert ledger.releases_failed == []
    tally.add(f"builds of a day with a minimum of {minimum}", day.builds)
    tally.most(f"per cent of them served warm, minimum of {minimum}", round(100 * day.warm))


@pytest.mark.parametrize("minimum", [each for each in MINIMA[TALLY.budget] if each])
def test_the_minimum_replaces_no_machine_and_launches_none_too_many(minimum: int) -> None:
    assert _day(minimum).ledger.replaced == []
    assert _day(minimum).ledger.beyond == 0


@pytest.mark.skipif(len(MINIMA[TALLY.budget]) == 1, reason="one day is compared with none")
def test_a_larger_minimum_serves_more_builds_without_a_launch() -> None:
    """Also in the storm at nine, when most builds launch whatever the minimum is."""
    days = [_day(minimum) for minimum in MINIMA[TALLY.budget]]
    for few, many in itertools.pairwise(days):
        assert few.warm < many.warm
        assert few.warm_in_storm <= many.warm_in_storm
    assert days[0].warm_in_storm < days[-1].warm_in_storm


def test_a_refresh_with_nothing_to_do_makes_few_calls() -> None:
    assert 0 < _day(MINIMA[TALLY.budget][-1]).quiet_calls <= 14


def test_the_same_day_by_the_archived_action_is_comparable() -> None:
    """It runs on the same machines and builds; what it loses is not our promise."""
    day = simulated(BUILDS[TALLY.budget], archived=True)
    assert day.builds == BUILDS[TALLY.budget]
    assert day.warm < 1
