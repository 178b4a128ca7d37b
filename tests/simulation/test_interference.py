"""Other processes act at any call of a run: no instance is harmed, and none is forgotten."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

from tests.fakes.memory.account import Watch
from tests.simulation import actors
from tests.simulation.figures import DOUBLES, INTERFERENCES
from tests.simulation.invariants import explained, settle
from tests.simulation.scenes import SCENES, STATES, STRAYS, UNRECORDED, calls, interference, run
from tests.simulation.schedules import InterfereAt, calls_of
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from tests.simulation.figures import Tally


@frozen
class _Together(Watch):
    """Several actors act."""

    seams: tuple[InterfereAt, ...]

    def before(self, number: int, operation: str) -> None:
        """Let all act."""
        for each in self.seams:
            each.before(number, operation)


@pytest.mark.parametrize("state", [*STATES, UNRECORDED])
def test_one_interference_at_any_call_is_harmless(state: str, tally: Tally) -> None:
    """Every actor, every clock, every scene."""
    deeds = actors.deeds()
    assert all(math.gcd(stride, len(deeds)) == 1 for stride in INTERFERENCES.values())
    for scene in (scene for scene in [*SCENES, *STRAYS] if scene.state == state):
        schedules = list(itertools.product(range(calls(scene)), deeds))
        for number, deed in tally.sampled(schedules, INTERFERENCES):
            pool, identifier = scene.build()
            run(pool, interference(pool, identifier, number, deed))
            settle(pool)
            tally.add("interferences")


@pytest.mark.parametrize("state", STATES)
def test_two_interferences_are_harmless(state: str, tally: Tally) -> None:
    """In a row, by true clocks; where anything is due."""
    for scene in (
        each for each in SCENES if each.state == state and each.artifacts and each.ec2 in {"running", "terminated"}
    ):
        points = range(calls(scene))
        deeds = actors.deeds(skews=(0,))
        schedules = list(
            itertools.product(itertools.combinations_with_replacement(points, 2), itertools.product(deeds, deeds))
        )
        for (first, second), (deed, other) in tally.sampled(schedules, DOUBLES):
            pool, identifier = scene.build()
            both = (interference(pool, identifier, first, deed), interference(pool, identifier, second, other))
            run(pool, _Together(both))
            settle(pool)
            tally.add("double interferences")


@pytest.mark.parametrize("state", STATES)
def test_three_interferences_with_two_instances_are_harmless(state: str, tally: Tally) -> None:
    """Drawn at random, by any clock."""
    scenes = [(scene, calls(scene)) for scene in SCENES if scene.state == state]
    for chance in tally.draws(state):
        scene, number = chance.choice(scenes)
        other = chance.choice(SCENES)
        pool, identifier = scene.build()
        both = identifier, other.place(pool)
        drawn = [(chance.choice(both), chance.randrange(number), chance.choice(actors.deeds())) for _ in range(3)]
        with explained((scene, other, drawn)):
            run(pool, _Together(tuple(interference(pool, *each) for each in drawn)))
            settle(pool)
        tally.add("triple interferences")


@pytest.mark.parametrize("world", ["empty account", "mixed instances", "marked, not terminated", "drifted template"])
def test_another_refresh_at_any_call_is_harmless(world: str, tally: Tally) -> None:
    """The schedule overlapped: both do the whole work."""
    for number in range(calls_of(build(world))):
        pool = build(world)
        run(pool, interference(pool, "i-0", number, ("second refresh", 0)))
        settle(pool)
        tally.add("two refreshes")
