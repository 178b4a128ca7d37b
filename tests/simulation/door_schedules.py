"""What happens to a release at one of its calls: its own crashes, and other programs that run meanwhile."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.pool import records
from tests.fakes.desired import LARGE_QUEUE
from tests.fakes.memory.account import Watch
from tests.fakes.memory.sqs import url
from tests.simulation.door_invariants import crashed, watched
from tests.simulation.door_worlds import build
from tests.simulation.doors import OTHER_RUN, RUN
from tests.simulation.original_calls import OriginalCalls
from tests.simulation.original_provision import OriginalProvision
from tests.simulation.original_release import OriginalRelease
from tests.simulation.schedules import PHASES, CrashAt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refresh.desired import DesiredRelease
    from tests.fakes.memory.account import Phase
    from tests.simulation.stage import Process, Stage

Point = tuple[int, "Phase"]


@frozen
class Overtaken(Watch):
    """At a call, so much time passes that another program makes some of its calls, and at a later one the rest."""

    stage: Stage
    process: Process
    first: int
    calls: int
    then: int

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Let it go on."""
        if number == self.first:
            self.stage.until(self.process, self.calls)
        if number == self.then:
            self.stage.until(self.process)


def calls_in(world: str) -> list[str]:
    """List the calls of a release in a world that is thrown away."""
    stage, desired = build(world)
    watched(stage, desired)
    return list(stage.pool.account.calls)


def points_in(world: str) -> list[Point]:
    """List every call of a release in a world, before and after its effect."""
    return list(itertools.product(range(len(calls_in(world))), PHASES))


def after_a_crash(world: str, point: Point) -> tuple[Stage, DesiredRelease]:
    """Give a world in which a release has died."""
    stage, desired = build(world)
    crashed(stage, desired, CrashAt(*point))
    return stage, desired


def points_after(world: str, point: Point) -> list[Point]:
    """List every call of the release after one that has died."""
    stage, desired = after_a_crash(world, point)
    watched(stage, desired)
    return list(itertools.product(range(len(stage.pool.account.calls)), PHASES))


def offer_all(stage: Stage) -> None:
    """Leave a message for every machine, as earlier releases have: some are out of date."""
    calls = OriginalCalls(stage.pool)
    for identifier in stage.pool.table.of(records.INSTANCE):
        message = {"id": identifier, "resourceClass": "large", "instanceType": "t3.micro", "cpu": 2, "mmem": 4096}
        calls.send(url(LARGE_QUEUE), {**message, "usageClass": "on-demand", "threshold": stage.pool.in_time(900)})
    stage.pass_time(4)


def _claiming(stage: Stage) -> Iterator[float]:
    offer_all(stage)
    return OriginalProvision(stage.pool, OTHER_RUN, count=2).steps()


def _failing(stage: Stage) -> Iterator[float]:
    offer_all(stage)
    return OriginalProvision(stage.pool, OTHER_RUN, count=4, capacity=0).steps()


OF_ANOTHER_RUN: dict[str, Callable[[Stage], Iterator[float]]] = {
    "provision of another run, claiming": _claiming,
    "provision of another run, without capacity": _failing,
    "provision of another run, launching": lambda stage: OriginalProvision(stage.pool, OTHER_RUN).steps(),
    "release of another run": lambda stage: OriginalRelease(stage.pool, OTHER_RUN).steps(),
}
OF_THE_SAME_RUN: dict[str, Callable[[Stage], Iterator[float]]] = {
    "provision of the same run": lambda stage: OriginalProvision(stage.pool, RUN).steps(),
    "release of the same run": lambda stage: OriginalRelease(stage.pool, RUN).steps(),
}
NEIGHBOURS = {**OF_ANOTHER_RUN, **OF_THE_SAME_RUN}
"""The archived action's modes, in what they may do at the same time."""


def calls_of(neighbour: str, world: str) -> int:
    """Count the calls of another program in a world that is thrown away."""
    stage, _ = build(world)
    process = stage.begin(NEIGHBOURS[neighbour](stage))
    stage.until(process)
    return process.made


def overtakings(neighbour: str, world: str) -> list[tuple[int, int, int]]:
    """List which of our calls another program overtakes, with how many of its calls, and when it ends."""
    calls, theirs = len(calls_in(world)), calls_of(neighbour, world)
    pairs = itertools.combinations_with_replacement(range(calls + 1), 2)
    return [(first, number, then) for first, then in pairs for number in range(1, theirs + 1)]


def overtaken(neighbour: str, world: str, schedule: tuple[int, int, int]) -> tuple[Stage, DesiredRelease]:
    """Release while another program runs, and let that come to its end."""
    stage, desired = build(world)
    process = stage.begin(NEIGHBOURS[neighbour](stage))
    first, number, then = schedule
    watched(stage, desired, Overtaken(stage, process, first, number, then))
    stage.until(process)
    return stage, desired


def messages(stage: Stage) -> list[dict[str, Any]]:
    """Give what is in the queue of the class `large`."""
    return [json.loads(each.body) for each in stage.pool.account.state.queues[LARGE_QUEUE].messages]
