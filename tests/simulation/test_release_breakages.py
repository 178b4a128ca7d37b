"""The simulation of release notices every deliberate breakage, and nothing without one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from refresh import errors
from tests.fakes.memory import dynamodb
from tests.simulation import actors
from tests.simulation.door_breakages import BREAKAGES
from tests.simulation.door_invariants import crashed, failing, settle, watched
from tests.simulation.door_schedules import after_a_crash, calls_in, overtaken, overtakings, points_in
from tests.simulation.door_worlds import WORLDS, build
from tests.simulation.figures import TALLY
from tests.simulation.original_provision import OriginalProvision
from tests.simulation.original_release import OriginalRelease
from tests.simulation.schedules import CrashAt, FailAlways, InterfereAt
from tests.simulation.search import in_turn, require_nothing, require_noticed, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.figures import Tally

EVERY = {"short": 4, "push": 1, "nightly": 1}
"""Every how manyth breakage is tried."""
SMALL_PAGE = 600
"""Bytes, so that a handful of records is more than one page."""


@pytest.fixture(autouse=True)
def _small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for world in WORLDS:
        build(world)
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", SMALL_PAGE)


def _worlds() -> Iterator[None]:
    for world in WORLDS:
        settle(*build(world), once=True)
        yield


def _crashes() -> Iterator[None]:
    return in_turn(map(_crashes_in, WORLDS))


def _crashes_in(world: str) -> Iterator[None]:
    for point in spread(points_in(world)):
        stage, desired = build(world)
        crashed(stage, desired, CrashAt(*point))
        settle(stage, desired)
        yield


def _failures() -> Iterator[None]:
    return in_turn(map(_failures_in, WORLDS))


def _failures_in(world: str) -> Iterator[None]:
    for operation in sorted(set(calls_in(world))):
        failing(*build(world), FailAlways(operation, "before", errors.Rejected))
        failing(*build(world), FailAlways(operation, "before", errors.Unavailable))
        yield


def _deeds() -> Iterator[None]:
    return in_turn(map(_deeds_in, ("one running", "half provided")))


def _deeds_in(world: str) -> Iterator[None]:
    machines = sorted(build(world)[0].pool.account.state.instances)
    deeds = [("claim", 0), ("release", 0), ("start", 0), ("expire", 0)]
    for number, deed, machine in spread(list(itertools.product(range(len(calls_in(world))), deeds, machines))):
        stage, desired = build(world)
        watched(stage, desired, InterfereAt(number, lambda: actors.act(stage.pool, machine, *deed)))  # noqa: B023 - it is used at once
        settle(stage, desired)
        yield


def _neighbours() -> Iterator[None]:
    return in_turn(map(_next_to, ("provision of another run, without capacity", "release of the same run")))


def _next_to(neighbour: str) -> Iterator[None]:
    for schedule in spread(overtakings(neighbour, "three running")[::3]):
        settle(*overtaken(neighbour, "three running", schedule))
        yield


def _handed_on() -> Iterator[None]:
    """Let the archived action claim and release what was released, then repeat the release."""
    stage, desired = build("one running")
    settle(stage, desired)
    for steps in (OriginalProvision(stage.pool, "99").steps(), OriginalRelease(stage.pool, "99").steps()):
        stage.until(stage.begin(steps))
        stage.pass_time(30)
    settle(stage, desired)
    yield


SEARCHES: dict[str, Callable[[], Iterator[None]]] = {
    "worlds": _worlds,
    "handed on": _handed_on,
    "deeds": _deeds,
    "crashes": _crashes,
    "failing operations": _failures,
    "the archived action": _neighbours,
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_every_deliberate_breakage_of_release_patches_code_that_exists(breakage: str) -> None:
    """A short run samples them, so a breakage of moved code must fail here."""
    with BREAKAGES[breakage]():
        pass


@pytest.mark.parametrize("breakage", TALLY.sampled(list(BREAKAGES), EVERY))
def test_every_deliberate_breakage_of_release_breaks_a_promise(breakage: str, tally: Tally) -> None:
    require_noticed(f"release: {breakage}", BREAKAGES[breakage](), SEARCHES, "DR", tally)


def test_without_a_breakage_of_release_no_promise_is_broken(tally: Tally) -> None:
    """Otherwise the other tests would prove nothing."""
    require_nothing("release: nothing", SEARCHES, tally)


def test_a_world_after_a_crash_is_rebuilt_the_same() -> None:
    """Pairs of crashes rely on it: no chance is in a schedule."""
    point = points_in("half provided")[-3]
    first, second = (after_a_crash("half provided", point)[0].pool for _ in range(2))
    assert first.table.items == second.table.items
