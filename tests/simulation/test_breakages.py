"""The simulation notices every deliberate breakage, and nothing without one."""

from __future__ import annotations

import itertools
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
from tests.simulation.figures import TALLY
from tests.simulation.invariants import crashed, failing, settle, watched
from tests.simulation.scenes import (
    FAULTY,
    SCENES,
    STRAYS,
    Scene,
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
from tests.simulation.search import in_turn, require_nothing, require_noticed, spread
from tests.simulation.worlds import LATER, WORLDS, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.figures import Tally

EVERY = {"short": 7, "push": 1, "nightly": 1}
"""Every how manyth breakage is tried."""
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
    for scene in spread([*STRAYS, *SCENES]):
        pool, _ = scene.build()
        run(pool, interference(pool, "", -1, ("beat", 0)))
        settle(pool)
        yield


CRASHED = ("marked, not terminated", "mixed instances", "queue deleted", "outdated template")


def _crashes() -> Iterator[None]:
    return in_turn(map(_crashes_in, CRASHED))


def _crashes_in(world: str) -> Iterator[None]:
    for point in spread(points_of(build(world))):
        pool = build(world)
        crashed(pool, CrashAt(*point))
        settle(pool)
        yield


def _failures() -> Iterator[None]:
    return in_turn(map(_failures_in, CRASHED))


def _failures_in(world: str) -> Iterator[None]:
    for operation, phase in spread(list(itertools.product(operations_of(build(world)), PHASES))):
        failing(build(world), FailAlways(operation, phase, errors.Rejected))
        yield


def _interferences() -> Iterator[None]:
    # What is just due is what races decide.
    scenes = [*(each for each in SCENES if each.artifacts), *STRAYS]
    scenes.sort(key=lambda each: (each.threshold, each.ec2) != ("just expired", "running"))
    return itertools.chain.from_iterable(map(_interferences_in, scenes))


def _interferences_in(scene: Scene) -> Iterator[None]:
    # Clocks matter: by true ones, what has expired for us has expired for everybody.
    for number, deed in spread(list(itertools.product(range(calls(scene)), actors.deeds(skews=(-60, 0))))):
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
    return in_turn(map(_faults_in, FAULTY))


def _faults_in(world: str) -> Iterator[None]:
    for point in spread(points_of(faulty(world))):
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
    require_noticed(breakage, BREAKAGES[breakage](), SEARCHES, "SL", tally)


def test_without_a_breakage_no_promise_is_broken(tally: Tally) -> None:
    """Otherwise the other tests would prove nothing."""
    require_nothing("nothing", SEARCHES, tally)
