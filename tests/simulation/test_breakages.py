"""The simulation notices every deliberate breakage, and nothing without one."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest

from refresh import errors
from refresh.pool import records
from refresh.reconciler.garbage_collector import apply
from refresh.reconciler.garbage_collector.changes import Mark, Reason
from tests.fakes.memory import dynamodb
from tests.fakes.memory.account import Watch
from tests.fakes.serial import NOW
from tests.simulation import actors
from tests.simulation.breakages import BREAKAGES
from tests.simulation.figures import MOST, TALLY
from tests.simulation.invariants import Violation, crashed, failing, settle, watched
from tests.simulation.scenes import (
    FAULTY,
    SCENES,
    STRAYS,
    calls,
    disrupted,
    faulty,
    interference,
    put_ahead,
    put_right,
    restored,
    run,
)
from tests.simulation.schedules import PHASES, CrashAt, FailAlways, calls_of, operations_of, points_of
from tests.simulation.worlds import LATER, WORLDS, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.figures import Tally

EVERY = {"short": 7, "push": 1, "nightly": 1}
"""Every how manyth breakage is tried: each may take the whole search."""
SMALL_PAGE = 600
"""Bytes, so that a handful of records is more than one page."""
SMALL_BATCH = 1500
"""Bytes, so that one call does not give all METADATA items."""


@pytest.fixture(autouse=True)
def _small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for world in WORLDS:
        build(world)
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", SMALL_PAGE)
    monkeypatch.setattr(dynamodb, "BATCH_BYTES", SMALL_BATCH)


def _worlds() -> Iterator[None]:
    for world in WORLDS:
        settle(build(world))
        yield


def _scenes() -> Iterator[None]:
    for scene in [*STRAYS, *SCENES]:
        pool, _ = scene.build()
        run(pool, interference(pool, "", -1, ("beat", 0)))
        settle(pool)
        yield


CRASHED = ("marked, not terminated", "mixed instances", "queue deleted", "outdated template")


def _crashes() -> Iterator[None]:
    for world in CRASHED:
        for point in points_of(build(world)):
            pool = build(world)
            crashed(pool, CrashAt(*point))
            settle(pool)
            yield


def _failures() -> Iterator[None]:
    for world in CRASHED:
        for operation, phase in itertools.product(operations_of(build(world)), PHASES):
            failing(build(world), FailAlways(operation, phase, errors.Rejected))
            yield


def _interferences() -> Iterator[None]:
    # Clocks matter: by true ones, what has expired for us has expired for everybody.
    deeds = actors.deeds(skews=(-60, 0))
    for scene in [*STRAYS, *(each for each in SCENES if each.artifacts)]:
        for number, deed in itertools.product(range(calls(scene)), deeds):
            pool, identifier = scene.build()
            run(pool, interference(pool, identifier, number, deed))
            settle(pool)
            yield


def _restores() -> Iterator[None]:
    for number in range(calls_of(restored())):
        pool = restored()
        crashed(pool, CrashAt(number, "after"))
        watched(pool, Watch())
        put_ahead(pool)
        settle(pool)
        yield


def _disruptions() -> Iterator[None]:
    for number in range(calls_of(disrupted())):
        pool = disrupted()
        crashed(pool, CrashAt(number, "after"))
        for _ in range(2):
            watched(pool, Watch())
            pool.account.clock.moment += LATER
        pool.account.state.disrupted.clear()
        settle(pool)
        yield


def _faults() -> Iterator[None]:
    for world in FAULTY:
        for point in points_of(faulty(world)):
            pool = faulty(world)
            crashed(pool, CrashAt(*point))
            put_right(pool)
            yield


SEARCHES: dict[str, Callable[[], Iterator[None]]] = {
    "worlds": _worlds,
    "scenes": _scenes,
    "failing operations": _failures,
    "crashes": _crashes,
    "restores": _restores,
    "disruptions": _disruptions,
    "faults": _faults,
    "interference": _interferences,
}


def _searched(tally: Tally, breakage: str, most: int) -> tuple[str, str] | None:
    """Search for a broken promise in at most so many schedules of a kind; return the search and the promise."""
    for name, search in SEARCHES.items():
        try:
            for _ in itertools.islice(search(), most):
                tally.add(f"schedules against {breakage}")
        except Violation as violation:
            return name, str(violation).partition(":")[0]
    return None


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_every_deliberate_breakage_patches_code_that_exists(breakage: str) -> None:
    """A short run samples them, so a breakage of moved code must fail here."""
    with BREAKAGES[breakage]():
        pass


@pytest.mark.parametrize("breakage", [each for each in BREAKAGES if each.startswith("mark ")])
def test_a_breakage_of_the_mark_changes_its_condition(breakage: str) -> None:
    """One that changes nothing would cost the longest search, for nothing."""
    expired = records.InstanceRecord(
        id="i-0123456789abcdef0", state="idle", run_id="", threshold="2026-01-01T00:00:00Z"
    )
    change = Mark(expired, Reason.EXPIRED, NOW)
    whole = apply.mark("table", "", change)[0]["Update"]["ConditionExpression"]
    with BREAKAGES[breakage]():
        broken = apply.mark("table", "", change)[0]["Update"].get("ConditionExpression")
    assert broken != whole


@pytest.mark.parametrize("breakage", TALLY.sampled(list(BREAKAGES), EVERY))
def test_every_deliberate_breakage_breaks_a_promise(breakage: str, tally: Tally) -> None:
    with BREAKAGES[breakage]():
        found = _searched(tally, breakage, most=100_000)
    assert found is not None, f"no promise was broken by: {breakage}"
    search, promise = found
    # A breakage that only raises an error proves nothing about the promises.
    assert re.fullmatch(r"[SL]\d+", promise), f"{breakage}: {promise}"
    tally.add(f"breakage noticed: {breakage} ({promise}, {search})")


def test_without_a_breakage_no_promise_is_broken(tally: Tally) -> None:
    """Otherwise the other tests would prove nothing."""
    assert _searched(tally, "nothing", most=MOST[tally.budget]) is None
