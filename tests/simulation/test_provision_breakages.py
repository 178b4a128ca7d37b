"""The simulation of provision notices every deliberate breakage, and nothing without one."""

from __future__ import annotations

import itertools
import random
import re
from typing import TYPE_CHECKING

import pytest

from refresh import errors
from tests.fakes.memory import dynamodb
from tests.simulation import actors
from tests.simulation.figures import TALLY
from tests.simulation.invariants import Violation, require
from tests.simulation.provision_breakages import BREAKAGES
from tests.simulation.provision_ends import check_world, crashed, leave, settle, watched
from tests.simulation.provision_schedules import calls_in, numbers, points_in, provision_aside
from tests.simulation.provision_worlds import WORLDS, build, build_crowd, provides_later
from tests.simulation.schedules import CrashAt, FailAt, InterfereAt
from tests.simulation.test_provision_together import label_of, provides
from tests.simulation.together import Together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.figures import Tally

EVERY = {"short": 15, "push": 1, "nightly": 1}
"""Every how manyth breakage is tried."""
MOST = {"short": 1, "push": 25, "nightly": 100_000}
"""How many schedules of a kind prove that nothing is found where nothing is broken."""
LIMIT = 2_000
SMALL_PAGE = 900
"""Bytes, so that a handful of records is more than one page."""


@pytest.fixture(autouse=True)
def _small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for world in WORLDS:
        build(world)
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", SMALL_PAGE)


def _worlds() -> Iterator[None]:
    for name, world in WORLDS.items():
        stage, desired = build(name)
        check_world(world, watched(stage, desired))
        leave(stage, settle(stage, desired, provides=provides_later(name)))
        yield


def _deeds() -> Iterator[None]:
    """Let others change the machines between what is read and what is written."""
    for world in ("more ready than wanted", "two of three ready"):
        machines = sorted(build(world)[0].pool.account.state.instances)
        deeds = [("claim", 0), ("expire", 0)]
        for number, deed, machine in itertools.product(numbers(calls_in(world)), deeds, machines):
            stage, desired = build(world)
            act = InterfereAt(number, lambda: actors.act(stage.pool, machine, *deed))  # noqa: B023 - it is used at once
            watched(stage, desired, act, strict=False)
            yield


def _pauses() -> Iterator[None]:
    """Let a call take long enough for the agents to act."""
    for world in ("quota", "no capacity"):
        for number in numbers(calls_in(world)):
            stage, desired = build(world)
            watched(stage, desired, InterfereAt(number, lambda: stage.pass_time(2)))  # noqa: B023 - it is used at once
            settle(stage, desired, provides=False)
            yield


def _failures() -> Iterator[None]:
    """Lose one answer."""
    for world in ("nothing warm", "two of three ready", "part is enough"):
        for number in numbers(calls_in(world)):
            for phase in ("before", "after"):
                stage, desired = build(world)
                watched(stage, desired, FailAt(number, phase, errors.Unavailable))
                leave(stage, settle(stage, desired, provides=provides_later(world)))
                yield


def _crashes() -> Iterator[None]:
    for world in ("nothing warm, three wanted", "two of three ready", "half provided"):
        for point in points_in(world):
            stage, desired = build(world)
            crashed(stage, desired, CrashAt(*point))
            leave(stage, settle(stage, desired, provides=provides_later(world)))
            yield


def _twice() -> Iterator[None]:
    """Let two jobs of one attempt provide for the same label."""
    for world in ("one ready", "nothing warm"):
        for number in numbers(calls_in(world)):
            stage, desired = build(world)
            act = InterfereAt(number, lambda: provision_aside(stage, desired))  # noqa: B023 - it is used at once
            watched(stage, desired, act, strict=False)
            yield


def _crowds() -> Iterator[None]:
    """Let runs begin in the same moment, on too few machines."""
    for seed, machines in itertools.product(range(3), (0, 3)):
        together = Together(build_crowd(machines), random.Random(seed), spread=0)  # noqa: S311 - no secret is made of it
        processes = [together.add(provides(together.stage, label_of(number))) for number in range(4)]
        together.run()
        ids = {each.id for process in processes for each in process.result.ready}
        require(len(ids) == len(processes), "D10", ids)
        yield


SEARCHES: dict[str, Callable[[], Iterator[None]]] = {
    "worlds": _worlds,
    "crowds": _crowds,
    "two jobs of one attempt": _twice,
    "lost answers": _failures,
    "deeds": _deeds,
    "slow calls": _pauses,
    "crashes": _crashes,
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
def test_every_deliberate_breakage_of_provision_patches_code_that_exists(breakage: str) -> None:
    """A short run samples them, so a breakage of moved code must fail here."""
    with BREAKAGES[breakage]():
        pass


@pytest.mark.parametrize(
    "breakage", TALLY.sampled(list(BREAKAGES)[1:], EVERY) if TALLY.budget == "short" else list(BREAKAGES)
)
def test_every_deliberate_breakage_of_provision_breaks_a_promise(breakage: str, tally: Tally) -> None:
    with BREAKAGES[breakage]():
        found = _searched(tally, breakage, LIMIT)
    assert found is not None, f"no promise was broken by: {breakage}"
    search, promise = found
    # A breakage that only raises an error proves nothing about the promises.
    assert re.fullmatch(r"[DPR]\d+", promise), f"{breakage}: {promise}"
    tally.add(f"breakage noticed: {breakage} ({promise}, {search})")


def test_without_a_breakage_of_provision_no_promise_is_broken(tally: Tally) -> None:
    """Otherwise the other tests would prove nothing."""
    assert _searched(tally, "nothing", most=MOST[tally.budget]) is None
