"""A process may die at any call, and any call may fail: the next runs repair everything."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

import pytest

from refresh import errors
from tests.simulation.actors import run_another
from tests.simulation.figures import SINGLES
from tests.simulation.invariants import crashed, explained, failing, settle, watched
from tests.simulation.schedules import (
    PHASES,
    CrashAt,
    FailAlways,
    FailAt,
    InterfereAt,
    calls_of,
    operations_of,
    points_of,
    second_crashes,
)
from tests.simulation.worlds import WORLDS, build

if TYPE_CHECKING:
    from tests.simulation.figures import Tally

KINDS = (errors.Unavailable, errors.Throttled, errors.PermissionDenied, errors.CredentialsExpired, errors.Rejected)


@pytest.mark.parametrize("world", WORLDS)
def test_every_world_settles(world: str, tally: Tally) -> None:
    settle(build(world))
    tally.add("clean")


@pytest.mark.parametrize("world", WORLDS)
def test_a_crash_at_any_call_is_repaired_by_the_next_run(world: str, tally: Tally) -> None:
    """Before its effect and after it."""
    for point in tally.sampled(points_of(build(world)), SINGLES):
        pool = build(world)
        assert crashed(pool, CrashAt(*point))
        settle(pool)
        tally.add("single crashes")


@pytest.mark.parametrize("world", WORLDS)
def test_a_crash_of_the_repairing_run_is_repaired_too(world: str, tally: Tally) -> None:
    """A night runs all pairs of crash points, a push all second ones after a third of the first ones."""
    for point in tally.sampled(points_of(build(world))):
        pool = build(world)
        for _ in second_crashes(pool, point):
            settle(pool)
            tally.add("crash pairs")


@pytest.mark.parametrize("world", WORLDS)
def test_three_crashes_in_a_row_are_repaired(world: str, tally: Tally) -> None:
    """Drawn at random."""
    points = points_of(build(world))
    for chance in tally.draws(world):
        pool = build(world)
        drawn = chance.choices(points, k=3)
        for point in drawn:
            crashed(pool, CrashAt(*point))
        with explained(drawn):
            settle(pool)
        tally.add("crash triples")


@pytest.mark.parametrize("world", WORLDS)
def test_a_crash_during_another_run_is_repaired(world: str, tally: Tally) -> None:
    """One process is at any of its calls while another dies at any of its own."""
    calls = range(calls_of(build(world)))
    schedules = list(itertools.product(calls, calls, PHASES))
    for position, number, phase in tally.sampled(schedules, row=len(calls) * len(PHASES)):
        pool = build(world)
        dying = functools.partial(run_another, pool, CrashAt(number, phase))
        watched(pool, InterfereAt(position, dying))
        settle(pool)
        tally.add("crashes during another run")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_failure_of_any_call_is_reported_and_repaired(world: str, kind: type[errors.ApiError], tally: Tally) -> None:
    """The call has no effect, or only its answer is lost; no failure goes unreported."""
    for point in tally.sampled(points_of(build(world)), SINGLES):
        failing(build(world), FailAt(*point, kind))
        tally.add("single failures")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_operation_that_always_fails_is_reported_and_repaired_later(
    world: str, kind: type[errors.ApiError], tally: Tally
) -> None:
    """Permission is missing, or a service is down for the whole run."""
    points = list(itertools.product(operations_of(build(world)), PHASES))
    for operation, phase in tally.sampled(points, SINGLES):
        failing(build(world), FailAlways(operation, phase, kind))
        tally.add("failing operations")
