"""A release may die at any call, and any call may fail: the next release does what is left."""

from __future__ import annotations

import itertools

import pytest
from attrs import evolve

from refresh import errors
from tests.simulation.door_invariants import crashed, failing, settle, watched
from tests.simulation.door_schedules import after_a_crash, calls_in, points_after, points_in
from tests.simulation.door_worlds import WORLDS, build
from tests.simulation.figures import SINGLES, Tally
from tests.simulation.paces import FAST, SLOW, USUAL
from tests.simulation.schedules import PHASES, CrashAt, FailAlways, FailAt

KINDS = (errors.Unavailable, errors.Throttled, errors.PermissionDenied, errors.CredentialsExpired, errors.Rejected)
FIRSTS = {"short": 5, "push": 1, "nightly": 1}
PAIRS = {"short": 11, "push": 1, "nightly": 1}
"""Every how manyth first and second crash is tried."""


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("pace", [FAST, USUAL, SLOW], ids=["fast", "usual", "slow"])
def test_one_release_is_enough_and_a_second_one_writes_nothing(world: str, pace: object, tally: Tally) -> None:
    stage, desired = build(world, pace)  # type: ignore[arg-type]
    settle(stage, desired, once=True)
    tally.add("clean releases")


@pytest.mark.parametrize("world", WORLDS)
def test_a_release_that_died_at_any_call_is_finished_by_the_next_one(world: str, tally: Tally) -> None:
    """Before its effect and after it."""
    for point in tally.sampled(points_in(world), SINGLES):
        stage, desired = build(world)
        assert crashed(stage, desired, CrashAt(*point))
        settle(stage, desired)
        tally.add("single crashes of release")


@pytest.mark.parametrize("world", WORLDS)
def test_a_crash_of_the_second_release_is_repaired_too(world: str, tally: Tally) -> None:
    """All pairs of crash points."""
    for first in tally.sampled(points_in(world), FIRSTS):
        for second in tally.sampled(points_after(world, first), PAIRS):
            stage, desired = after_a_crash(world, first)
            assert crashed(stage, desired, CrashAt(*second))
            settle(stage, desired)
            tally.add("crash pairs of release")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_call_of_release_that_fails_is_reported_and_repaired(
    world: str, kind: type[errors.ApiError], tally: Tally
) -> None:
    """The call has no effect, or only its answer is lost."""
    for point in tally.sampled(points_in(world), SINGLES):
        stage, desired = build(world)
        failing(stage, desired, FailAt(*point, kind))
        tally.add("single failures of release")


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", [each for each in KINDS if each is not errors.Throttled], ids=lambda it: it.__name__)
def test_an_operation_of_release_that_always_fails_is_reported_and_repaired(
    world: str, kind: type[errors.ApiError], tally: Tally
) -> None:
    """Permission is missing, or a service is down for the whole run."""
    points = list(itertools.product(sorted(set(calls_in(world))), PHASES))
    for operation, phase in tally.sampled(points, SINGLES):
        stage, desired = build(world)
        failing(stage, desired, FailAlways(operation, phase, kind))
        tally.add("failing operations of release")


def test_nothing_is_changed_while_a_job_needs_the_machines() -> None:
    """GitHub shows it; with `force` they are cut off."""
    stage, desired = build("three running")
    jobs = stage.pool.account.state.jobs
    jobs[desired.run_id] = [evolve(jobs[desired.run_id][0], completed=False)]
    assert watched(stage, desired).exit_code == 1
    assert stage.pool.account.writes == []
    settle(stage, evolve(desired, force=True), once=True)
