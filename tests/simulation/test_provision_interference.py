"""Other programs act at any call of provision: no machine is harmed, none is forgotten, and none serves two labels."""

from __future__ import annotations

import itertools

import pytest

from refresh.desired import DesiredProvision
from refresh.pool import records
from tests.fakes.memory.account import Watch
from tests.simulation import actors
from tests.simulation.door_schedules import NEIGHBOURS, OF_ANOTHER_RUN, Overtaken
from tests.simulation.figures import TALLY, Tally
from tests.simulation.provision_ends import leave, settle, watched
from tests.simulation.provision_invariants import later
from tests.simulation.provision_schedules import (
    Forging,
    calls_in,
    calls_of,
    numbers,
    overtaken,
    overtakings,
    points_in,
    provision_aside,
    refresh_aside,
    release_aside,
)
from tests.simulation.provision_worlds import WORLDS as ALL_WORLDS
from tests.simulation.provision_worlds import build, provides_later
from tests.simulation.schedules import InterfereAt
from tests.simulation.stage import Stage

WORLDS = ("one ready", "two of three ready", "more ready than wanted", "half provided", "held, running", "script fails")
DEEDS = [
    deed
    for deed in actors.deeds(skews=(-3, 0, 60))
    # Not provision's business, or an owner's hand that looks at nothing.
    if deed[0] not in {"forge", "edit template", "delete queue", "second refresh", "dump", "renew"}
]
OVERTAKINGS = {"short": 2_999, "push": 701, "nightly": 1}
"""Every how manyth schedule is run: there are tens of thousands."""
DEED_STRIDES = {"short": 997, "push": 61, "nightly": 1}
ASIDES = {"short": 30, "push": 3, "nightly": 1}
DYING = {"short": 997, "push": 61, "nightly": 1}
EVERY_WORLD = {"short": 13, "push": 1, "nightly": 1}
SOME_WORLDS = TALLY.sampled(WORLDS, {"short": 4, "push": 1, "nightly": 1})
BOTH = list(itertools.product(NEIGHBOURS, WORLDS))


@pytest.mark.parametrize(("neighbour", "world"), TALLY.sampled(BOTH, EVERY_WORLD))
def test_the_archived_action_at_any_call_of_provision_is_harmless(neighbour: str, world: str, tally: Tally) -> None:
    """So many of its calls at one of ours, and the rest at a later one."""
    for schedule in tally.sampled(overtakings(neighbour, world), OVERTAKINGS):
        stage, desired = overtaken(neighbour, world, schedule)
        if neighbour in OF_ANOTHER_RUN:
            desired = settle(stage, desired, provides=provides_later(world))
        leave(stage, desired)
        tally.add("provisions next to the archived action")


@pytest.mark.parametrize(("neighbour", "world"), TALLY.sampled(BOTH[1:], EVERY_WORLD))
def test_the_archived_action_that_dies_at_any_call_is_harmless_to_provision(
    neighbour: str, world: str, tally: Tally
) -> None:
    calls = calls_in(world)
    schedules = list(itertools.product([*numbers(calls), len(calls)], range(1, calls_of(neighbour, world))))
    for position, number in tally.sampled(schedules, OVERTAKINGS):
        stage, desired = build(world)
        process = stage.begin(NEIGHBOURS[neighbour](stage), dies_at=number)
        seam = Overtaken(stage, process, position, number, position)
        watched(stage, desired, seam, strict=neighbour in OF_ANOTHER_RUN)
        stage.until(process)
        leave(stage, desired)
        tally.add("provisions next to a dying archived action")


@pytest.mark.parametrize("world", SOME_WORLDS)
def test_a_deed_at_any_call_of_provision_is_harmless(world: str, tally: Tally) -> None:
    """Every actor of the simulation, with every clock, on every machine that is there at the start."""
    machines = sorted(build(world)[0].pool.account.state.instances)
    schedules = list(itertools.product(numbers(calls_in(world)), DEEDS, machines))
    for number, deed, machine in tally.sampled(schedules, DEED_STRIDES):
        stage, desired = build(world)
        act = InterfereAt(number, lambda: actors.act(stage.pool, machine, *deed))  # noqa: B023 - it is used at once
        watched(stage, desired, act, strict=False)
        # A machine that has just died seems to live for as long as its last heartbeat is recent.
        stage.pass_time(20)
        leave(stage, settle(stage, desired, provides=provides_later(world)))
        tally.add("interferences with provision")


@pytest.mark.parametrize("world", SOME_WORLDS)
def test_a_refresh_at_any_call_of_provision_is_harmless(world: str, tally: Tally) -> None:
    for number in tally.sampled(numbers(calls_in(world)), ASIDES):
        stage, desired = build(world)
        watched(stage, desired, InterfereAt(number, lambda: refresh_aside(stage)))  # noqa: B023 - it is used at once
        leave(stage, settle(stage, desired, provides=provides_later(world)))
        tally.add("refreshes during a provision")


@pytest.mark.parametrize("world", SOME_WORLDS)
def test_the_release_at_any_call_of_provision_is_harmless(world: str, tally: Tally) -> None:
    """Its job may run while a cancelled provision still works: what that does afterwards is found by the next one."""
    for number in tally.sampled(numbers(calls_in(world)), ASIDES):
        stage, desired = build(world)
        watched(stage, desired, InterfereAt(number, lambda: release_aside(stage)), strict=False)  # noqa: B023 - it is used at once
        leave(stage, desired)
        tally.add("releases during a provision")


def _came_to(world: str, *, forged: bool) -> tuple[list[str], dict[str, object]]:
    """Provision, and give the calls and the items that it wrote."""
    stage, desired = build(world)
    watched(stage, desired, Forging(stage, desired.label) if forged else Watch())
    return list(stage.pool.account.calls), dict(stage.pool.table.of(records.INSTANCE))


@pytest.mark.parametrize("world", [each for each in ALL_WORLDS if ALL_WORLDS[each].role_known])
def test_what_other_machines_report_of_a_machine_changes_nothing(world: str, tally: Tally) -> None:
    """A job on one of them may write heartbeats and signals for all, at any call."""
    assert _came_to(world, forged=True) == _came_to(world, forged=False)
    tally.add("provisions with forged reports")


@pytest.mark.parametrize("attempt", [0, 1], ids=["in the same attempt", "in the next attempt"])
@pytest.mark.parametrize("world", SOME_WORLDS)
def test_a_second_provision_for_the_label_at_any_call_is_harmless(world: str, attempt: int, tally: Tally) -> None:
    """In the same attempt it is refused; the next one takes over, and either may die."""
    points = [None, *points_in(world)]
    schedules = list(itertools.product(numbers(calls_in(world)), points))
    for number, point in tally.sampled(schedules, DYING):
        stage, desired = build(world)
        another = later(desired) if attempt else desired

        def act(stage: Stage = stage, another: DesiredProvision = another, point: object = point) -> None:
            provision_aside(stage, another, point)  # type: ignore[arg-type]

        watched(stage, desired, InterfereAt(number, act), strict=False)
        leave(stage, settle(stage, another, provides=provides_later(world)))
        tally.add("provisions during a provision for the same label")
