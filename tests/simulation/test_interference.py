"""Everybody else acts at any call of a run: nobody is harmed, and nothing is forgotten."""

from __future__ import annotations

import functools
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

from refresh import records
from tests.fakes.memory.account import Account
from tests.simulation import actors
from tests.simulation.invariants import Guard, settle
from tests.simulation.pool import Pool
from tests.simulation.schedules import InterfereAt, calls_of
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from tests.fakes.memory.account import Seam
    from tests.simulation.conftest import Tally

THRESHOLDS: dict[str, Any] = {"long expired": -3600, "just expired": -1, "fresh": 1200, "empty": None, "malformed": "x"}
STATES = (*sorted(records.LIVING_STATES), records.TERMINATED)
EC2 = {"running": None, "shutting-down": 5, "terminated": 120, "unknown": 7200}
"""How many seconds ago the instance began to end."""


@frozen
class Scene:
    """One recorded instance."""

    state: str
    threshold: str
    ec2: str
    artifacts: bool

    def build(self) -> tuple[Pool, str]:
        """Give a pool with it, and its id."""
        snapshot, identifier = _scene(self)
        return Pool(Account.restore(snapshot)), identifier


@functools.cache
def _scene(scene: Scene) -> tuple[bytes, str]:
    pool = build("up to date")
    instance = pool.launch()
    ended = EC2[scene.ec2]
    instance.ended_at = None if ended is None else pool.account.clock.now() - timedelta(seconds=ended)
    seconds = THRESHOLDS[scene.threshold]
    threshold = pool.in_time(seconds) if isinstance(seconds, int) else (seconds or "")
    run_id = "" if scene.state in {"idle", records.TERMINATED} else actors.RUN
    run_id = actors.OTHER_RUN if scene.state == "claimed" else run_id
    pool.record(instance, artifacts=scene.artifacts, state=scene.state, runId=run_id, threshold=threshold)
    return pool.account.snapshot(), instance.id


SCENES = [Scene(*each) for each in itertools.product(STATES, THRESHOLDS, EC2, (False, True))]


@frozen
class _Together:
    """Two seams."""

    one: Seam
    other: Seam

    def before(self, number: int, operation: str) -> None:
        """Let both act."""
        self.one.before(number, operation)
        self.other.before(number, operation)

    def after(self, number: int, operation: str) -> None:
        """Let both act."""
        self.one.after(number, operation)
        self.other.after(number, operation)


def _interfere(pool: Pool, identifier: str, number: int, deed: tuple[str, int]) -> InterfereAt:
    return InterfereAt(number, lambda: actors.act(pool, identifier, *deed))


def _run(pool: Pool, seam: Seam) -> None:
    Guard(pool, seam).start()
    report = pool.run()
    assert not any("defect" in str(each.error) for each in report.components), report.markdown()
    for identifier, item in pool.table.of(records.INSTANCE).items():
        # What has no threshold that can be read never ends by itself; the run says so, and here somebody corrects it.
        if records.text(item, "state") != records.TERMINATED and records.read_time(item["threshold"]["S"]) is None:
            pool.table.put({**item, "threshold": {"S": pool.in_time(3600)}, "SK": {"S": f"ID#{identifier}"}})


def _collecting_calls(scene: Scene) -> int:
    pool, _ = scene.build()
    return calls_of(pool)


@pytest.mark.parametrize("state", STATES)
def test_one_interference_at_any_call_harms_nobody(state: str, tally: Tally) -> None:
    """Every actor, every clock, every scene."""
    for scene in (scene for scene in SCENES if scene.state == state):
        schedules = list(itertools.product(range(_collecting_calls(scene)), actors.deeds()))
        for number, deed in tally.sampled(schedules):
            pool, identifier = scene.build()
            _run(pool, _interfere(pool, identifier, number, deed))
            settle(pool)
            tally.add("interferences", 1)


@pytest.mark.parametrize("state", STATES)
def test_two_interferences_harm_nobody(state: str, tally: Tally) -> None:
    """In a row, by true clocks; where anything is due."""
    for scene in (
        each for each in SCENES if each.state == state and each.artifacts and each.ec2 in {"running", "terminated"}
    ):
        calls = _collecting_calls(scene)
        deeds = actors.deeds(skews=(0,))
        schedules = list(
            itertools.product(itertools.combinations_with_replacement(range(calls), 2), itertools.product(deeds, deeds))
        )
        for (first, second), (deed, other) in tally.sampled(schedules[:: tally.stride]):
            pool, identifier = scene.build()
            one = _interfere(pool, identifier, first, deed)
            _run(pool, _Together(one, _interfere(pool, identifier, second, other)))
            settle(pool)
            tally.add("double interferences", 1)


@pytest.mark.parametrize("world", ["empty account", "mixed instances", "marked, not terminated", "drifted template"])
def test_another_refresh_at_any_call_harms_nobody(world: str, tally: Tally) -> None:
    """The schedule overlapped: both do the whole work."""
    for number in range(calls_of(build(world))):
        pool = build(world)
        _run(pool, _interfere(pool, "i-0", number, ("second refresh", 0)))
        settle(pool)
        tally.add("two refreshes", 1)
