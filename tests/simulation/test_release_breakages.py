"""The simulation of release notices every deliberate breakage, and nothing without one."""

from __future__ import annotations

import itertools
import re
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
from tests.simulation.invariants import Violation
from tests.simulation.original_provision import OriginalProvision
from tests.simulation.original_release import OriginalRelease
from tests.simulation.schedules import CrashAt, FailAlways, InterfereAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.figures import Tally

EVERY = {"short": 4, "push": 1, "nightly": 1}
"""Every how manyth breakage is tried."""
MOST = {"short": 5, "push": 200, "nightly": 100_000}
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
    for world in WORLDS:
        for point in points_in(world):
            stage, desired = build(world)
            crashed(stage, desired, CrashAt(*point))
            settle(stage, desired)
            yield


def _failures() -> Iterator[None]:
    for world in WORLDS:
        for operation in sorted(set(calls_in(world))):
            failing(*build(world), FailAlways(operation, "before", errors.Rejected))
            failing(*build(world), FailAlways(operation, "before", errors.Unavailable))
            yield


def _deeds() -> Iterator[None]:
    for world in ("one running", "half provided"):
        machines = sorted(build(world)[0].pool.account.state.instances)
        deeds = [("claim", 0), ("release", 0), ("start", 0), ("expire", 0)]
        for number, deed, machine in itertools.product(range(len(calls_in(world))), deeds, machines):
            stage, desired = build(world)
            watched(stage, desired, InterfereAt(number, lambda: actors.act(stage.pool, machine, *deed)))  # noqa: B023 - it is used at once
            settle(stage, desired)
            yield


def _neighbours() -> Iterator[None]:
    for neighbour in ("provision of another run, without capacity", "release of the same run"):
        for schedule in overtakings(neighbour, "three running")[::3]:
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


def _searched(tally: Tally, breakage: str, most: int) -> tuple[str, str] | None:
    """Search for a broken promise in at most so many schedules of a kind; return the search and the promise."""
    for name, search in SEARCHES.items():
        try:
            for _ in itertools.islice(search(), most):
                tally.add(f"schedules against: {breakage}")
        except Violation as violation:
            return name, str(violation).partition(":")[0]
    return None


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_every_deliberate_breakage_of_release_patches_code_that_exists(breakage: str) -> None:
    """A short run samples them, so a breakage of moved code must fail here."""
    with BREAKAGES[breakage]():
        pass


@pytest.mark.parametrize("breakage", TALLY.sampled(list(BREAKAGES), EVERY))
def test_every_deliberate_breakage_of_release_breaks_a_promise(breakage: str, tally: Tally) -> None:
    with BREAKAGES[breakage]():
        found = _searched(tally, breakage, most=100_000)
    assert found is not None, f"no promise was broken by: {breakage}"
    search, promise = found
    # A breakage that only raises an error proves nothing about the promises.
    assert re.fullmatch(r"[DR]\d+", promise), f"{breakage}: {promise}"
    tally.add(f"breakage noticed: {breakage} ({promise}, {search})")


def test_without_a_breakage_of_release_no_promise_is_broken(tally: Tally) -> None:
    """Otherwise the other tests would prove nothing."""
    assert _searched(tally, "nothing", most=MOST[tally.budget]) is None


def test_a_world_after_a_crash_is_rebuilt_the_same() -> None:
    """Pairs of crashes rely on it: no chance is in a schedule."""
    point = points_in("half provided")[-3]
    first, second = (after_a_crash("half provided", point)[0].pool for _ in range(2))
    assert first.table.items == second.table.items
