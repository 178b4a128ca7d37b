"""What happens to a provision at one of its calls: its own crashes, and other programs that run meanwhile."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import records, signals
from tests.fakes import instance_items
from tests.fakes.memory.account import Watch
from tests.simulation import door_invariants
from tests.simulation.actors import run_another
from tests.simulation.door_schedules import NEIGHBOURS, OF_ANOTHER_RUN, Overtaken
from tests.simulation.doors import RELEASE
from tests.simulation.provision_ends import crashed, watched
from tests.simulation.provision_invariants import later
from tests.simulation.provision_worlds import build
from tests.simulation.schedules import PHASES, CrashAt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refresh.desired import DesiredProvision
    from tests.fakes.memory.account import Phase
    from tests.simulation.door_schedules import Point
    from tests.simulation.stage import Process, Stage

_TRIED = {"dynamodb:BatchGetItem": 3}
"""How many calls of a kind are tried, of a wait for example: the others see the same."""
_USUALLY_TRIED = 6


def calls_in(world: str) -> list[str]:
    """List the calls of a provision in a world that is thrown away."""
    stage, desired = build(world)
    watched(stage, desired)
    return list(stage.pool.account.calls)


def numbers(calls: Sequence[str]) -> list[int]:
    """List the calls at which something different can happen: of each kind the first ones, and the last."""
    found = []
    for number, name in enumerate(calls):
        before, after = calls[:number].count(name), calls[number + 1 :].count(name)
        if before < _TRIED.get(name, _USUALLY_TRIED) or not after:
            found.append(number)
    return found


def points_in(world: str) -> list[Point]:
    """List every call of a provision in a world, before and after its effect."""
    return list(itertools.product(numbers(calls_in(world)), PHASES))


def after_a_crash(world: str, point: Point) -> tuple[Stage, DesiredProvision]:
    """Give a world in which a provision has died a moment ago."""
    stage, desired = build(world)
    crashed(stage, desired, CrashAt(*point))
    stage.pass_time(1)
    return stage, desired


def points_after(world: str, point: Point) -> list[Point]:
    """List every call of the next attempt after a provision that has died."""
    stage, desired = after_a_crash(world, point)
    watched(stage, later(desired))
    return list(itertools.product(numbers(stage.pool.account.calls), PHASES))


def calls_of(neighbour: str, world: str) -> int:
    """Count the calls of another program in a world that is thrown away."""
    stage, _ = build(world)
    process = stage.begin(NEIGHBOURS[neighbour](stage))
    stage.until(process)
    return process.made


def overtakings(neighbour: str, world: str) -> list[tuple[int, int, int]]:
    """List which of our calls another program overtakes, with how many of its calls, and when it ends."""
    calls = calls_in(world)
    places = [*numbers(calls), len(calls)]
    theirs = calls_of(neighbour, world)
    pairs = itertools.combinations_with_replacement(places, 2)
    return [(first, number, then) for first, then in pairs for number in range(1, theirs + 1)]


def overtaken(neighbour: str, world: str, schedule: tuple[int, int, int]) -> tuple[Stage, DesiredProvision]:
    """Provision while another program runs, and let that come to its end."""
    stage, desired = build(world)
    process: Process = stage.begin(NEIGHBOURS[neighbour](stage))
    first, number, then = schedule
    seam = Overtaken(stage, process, first, number, then)
    watched(stage, desired, seam, strict=neighbour in OF_ANOTHER_RUN)
    stage.until(process)
    return stage, desired


@frozen
class Forging(Watch):
    """At every call, a job on another machine writes heartbeats and signals for all machines, where it can."""

    stage: Stage
    label: str

    def at(self, number: int, operation: str, phase: Phase) -> None:  # noqa: ARG002 - the seam's shape
        """Write them, each time another signal."""
        table, now = self.stage.pool.table, self.stage.pool.account.clock.now()
        forged = signals.REGISTERED, signals.REGISTRATION_FAILED, signals.LEFT, signals.SCRIPT_FAILED, signals.BOOTED
        for identifier in table.of(records.INSTANCE):
            for item in instance_items.artifacts(identifier, now, self.label, forged[number % len(forged)]):
                table.put(item)


def _aside(stage: Stage, act: Callable[[], object]) -> None:
    """Let another process of this program act in the middle of one."""
    account = stage.pool.account
    kept = account.seam, account.look, list(account.calls), list(account.requests)
    act()
    account.seam, account.look, account.calls[:], account.requests[:] = kept


def release_aside(stage: Stage) -> None:
    """Let the run's release work, as after a cancel of one job."""
    _aside(stage, lambda: door_invariants.crashed(stage, RELEASE, Watch()))


def refresh_aside(stage: Stage) -> None:
    """Let a refresh work."""
    run_another(stage.pool, Watch())


def provision_aside(stage: Stage, desired: DesiredProvision, point: Point | None = None) -> None:
    """Let another provision work; it may die."""
    seam = CrashAt(*point) if point else Watch()
    _aside(stage, lambda: crashed(stage, desired, seam, strict=False))
