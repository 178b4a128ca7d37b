"""Other programs act at any call of release: no machine is harmed, and none is forgotten."""

from __future__ import annotations

import itertools

import pytest

from tests.fakes.memory.account import Watch
from tests.simulation import actors
from tests.simulation.door_invariants import crashed, settle, watched
from tests.simulation.door_schedules import (
    NEIGHBOURS,
    Overtaken,
    after_a_crash,
    calls_in,
    calls_of,
    overtaken,
    overtakings,
    points_in,
)
from tests.simulation.door_worlds import build
from tests.simulation.figures import TALLY, Tally
from tests.simulation.schedules import CrashAt, InterfereAt

WORLDS = ("one running", "three running", "failed provision", "half provided", "not to be used again", "released")
DEEDS = [
    deed
    for deed in actors.deeds(skews=(-3, 0, 60))
    # Not release's business, or an owner's hand that looks at nothing.
    if deed[0] not in {"forge", "edit template", "delete queue", "second refresh", "dump", "renew"}
    # By a fast clock it expires in a minute only: it need not be offered until then.
    and deed != ("expire", 60)
]
OVERTAKINGS = {"short": 97, "push": 11, "nightly": 1}
"""Every how manyth schedule is run: there are tens of thousands."""
DEED_STRIDES = {"short": 23, "push": 7, "nightly": 1}
EVERY_WORLD = {"short": 4, "push": 1, "nightly": 1}
BOTH = list(itertools.product(NEIGHBOURS, WORLDS))


@pytest.mark.parametrize(("neighbour", "world"), TALLY.sampled(BOTH[0:], EVERY_WORLD))
def test_the_archived_action_at_any_call_is_harmless(neighbour: str, world: str, tally: Tally) -> None:
    """So many of its calls at one of ours, and the rest at a later one."""
    for schedule in tally.sampled(overtakings(neighbour, world), OVERTAKINGS):
        stage, desired = overtaken(neighbour, world, schedule)
        settle(stage, desired)
        tally.add("releases next to the archived action")


@pytest.mark.parametrize(("neighbour", "world"), TALLY.sampled(BOTH[1:], EVERY_WORLD))
def test_the_archived_action_that_dies_at_any_call_is_harmless(neighbour: str, world: str, tally: Tally) -> None:
    """Before, during and after a release."""
    schedules = list(itertools.product(range(len(calls_in(world)) + 1), range(1, calls_of(neighbour, world))))
    for position, number in tally.sampled(schedules, OVERTAKINGS):
        stage, desired = build(world)
        process = stage.begin(NEIGHBOURS[neighbour](stage), dies_at=number)
        watched(stage, desired, Overtaken(stage, process, position, number, position))
        stage.until(process)
        settle(stage, desired)
        tally.add("releases next to a dying archived action")


@pytest.mark.parametrize(("neighbour", "world"), TALLY.sampled(BOTH[2:], EVERY_WORLD))
def test_the_archived_action_after_a_crash_is_harmless(neighbour: str, world: str, tally: Tally) -> None:
    schedules = list(itertools.product(points_in(world), range(1, calls_of(neighbour, world) + 1)))
    for point, number in tally.sampled(schedules, OVERTAKINGS):
        stage, desired = after_a_crash(world, point)
        process = stage.begin(NEIGHBOURS[neighbour](stage))
        stage.until(process, number)
        crashed(stage, desired, CrashAt(*point))
        stage.until(process)
        settle(stage, desired)
        tally.add("crashes next to the archived action")


@pytest.mark.parametrize("world", WORLDS)
def test_a_deed_at_any_call_of_release_is_harmless(world: str, tally: Tally) -> None:
    """Every actor of the simulation, with every clock, on every machine."""
    machines = sorted(build(world)[0].pool.account.state.instances)
    schedules = list(itertools.product(range(len(calls_in(world))), DEEDS, machines))
    for number, deed, machine in tally.sampled(schedules, DEED_STRIDES):
        stage, desired = build(world)
        act = InterfereAt(number, lambda: actors.act(stage.pool, machine, *deed))  # noqa: B023 - it is used at once
        watched(stage, desired, act)
        settle(stage, desired)
        tally.add("interferences with release")


@pytest.mark.parametrize("world", WORLDS)
def test_a_refresh_at_any_call_of_release_is_harmless(world: str, tally: Tally) -> None:
    for number in range(len(calls_in(world))):
        stage, desired = build(world)
        watched(stage, desired, InterfereAt(number, lambda: actors.run_another(stage.pool, Watch())))  # noqa: B023 - it is used at once
        settle(stage, desired)
        tally.add("refreshes during a release")


@pytest.mark.parametrize("world", WORLDS)
def test_another_release_at_any_call_is_harmless(world: str, tally: Tally) -> None:
    """Two jobs release the same run, and one of them may die."""
    for number, point in tally.sampled(
        list(itertools.product(range(len(calls_in(world))), points_in(world))), OVERTAKINGS
    ):
        stage, desired = build(world)

        def another() -> None:
            account = stage.pool.account  # noqa: B023 - it is used at once
            kept = account.seam, account.look, list(account.calls), list(account.requests)
            crashed(stage, desired, CrashAt(*point))  # noqa: B023 - it is used at once
            account.seam, account.look, account.calls[:], account.requests[:] = kept

        watched(stage, desired, InterfereAt(number, another))
        settle(stage, desired)
        tally.add("releases during a release")
