"""Many provisions at once, in orders and with delays that are drawn: nobody gets what another one has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from refresh.pool import records
from tests.fakes.memory.account import Crash
from tests.simulation import door_invariants
from tests.simulation.doors import PROVISION, RELEASE, provision, release
from tests.simulation.figures import TALLY
from tests.simulation.invariants import require
from tests.simulation.provision_ends import check_end, leave
from tests.simulation.provision_invariants import ProvisionGuard
from tests.simulation.provision_worlds import build_crowd
from tests.simulation.schedules import CrashAt
from tests.simulation.together import Process, Together

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from refresh.desired import DesiredProvision
    from refresh.provision.result import Provided
    from tests.simulation.figures import Tally
    from tests.simulation.stage import Stage

CROWD = 50
CROWDS = {"short": 1, "push": 2, "nightly": 300}
"""How many orders of fifty are drawn."""
MIXED = {"short": 1, "push": 30, "nightly": 5_000}
"""How many orders of a few with different wishes."""


def label_of(number: int) -> DesiredProvision:
    """Return what one of many runs wants: a machine."""
    return evolve(PROVISION, run_id=str(1000 + number))


def provides(stage: Stage, desired: DesiredProvision) -> Callable[[Process], Provided]:
    """Give the work of a provision that is watched."""

    def work(process: Process) -> Provided:
        guard = ProvisionGuard(stage, desired)
        process.seam, process.look = guard, guard.look
        run = provision(stage, desired, process)
        check_end(guard, run)
        return run

    return work


def _crowd(chance: random.Random, machines: int) -> tuple[Stage, list[Process]]:
    """Let fifty runs ask for a machine each, all at the same time."""
    stage = build_crowd(machines)
    together = Together(stage, chance)
    processes = [together.add(provides(stage, label_of(number))) for number in range(CROWD)]
    together.run()
    return stage, processes


@pytest.mark.parametrize("machines", TALLY.sampled([50, 20], {"short": 2, "push": 1, "nightly": 1}))
def test_of_fifty_provisions_at_once_each_gets_a_machine(machines: int, tally: Tally) -> None:
    """No machine is claimed twice; on fifty ready machines nobody launches, on twenty thirty do."""
    for _, chance in zip(range(CROWDS[tally.budget]), tally.draws(f"{machines} machines"), strict=False):
        stage, processes = _crowd(chance, machines)
        _check_crowd(stage, processes, machines)
        tally.add(f"crowds of {CROWD} on {machines} machines")
        tally.most(f"simulated ms until the last of {CROWD} on {machines} machines has its machine", _lasted(processes))
        tally.most(f"calls of the busiest of {CROWD} on {machines} machines", max(each.calls for each in processes))


def _lasted(processes: list[Process]) -> int:
    """Return the milliseconds from the start of the first to the end of the last."""
    ended = max(each.ended_at for each in processes if each.ended_at)
    return round((ended - min(each.began_at for each in processes)).total_seconds() * 1000)


def _check_crowd(stage: Stage, processes: list[Process], machines: int) -> None:
    ready = [each.result.ready for each in processes]
    require(all(len(each) == 1 for each in ready), "D10", ready)
    require(len({each.id for (each,) in ready}) == CROWD, "D10", "a machine is claimed twice")
    claimed = sum(each.origin == "claimed" for (each,) in ready)
    require(claimed == machines, "D10", f"{claimed} of {machines} were claimed")
    launched = len(stage.pool.alive) - machines
    require(launched == CROWD - machines, "D10", f"{launched} were launched")


def _dying(stage: Stage, desired: DesiredProvision, number: int) -> Callable[[Process], object]:
    def work(process: Process) -> object:
        guard = ProvisionGuard(stage, desired, CrashAt(number, "after"))
        process.seam, process.look = guard, guard.look
        try:
            return provision(stage, desired, process)
        except Crash:
            return None

    return work


def _releasing(stage: Stage, run_id: str, seconds: float) -> Callable[[Process], object]:
    def work(process: Process) -> object:
        desired = evolve(RELEASE, run_id=run_id)
        process.sleep(seconds)
        guard = door_invariants.DoorGuard(stage, desired)
        process.seam, process.look = guard, guard.look
        return release(stage.pool, desired, process)

    return work


def test_provisions_and_releases_at_once_keep_their_promises(tally: Tally) -> None:
    """A few runs that want one to three machines, some of which die; and the releases of earlier runs."""
    for _, chance in zip(range(MIXED[tally.budget]), tally.draws("a mixed crowd"), strict=False):
        stage = build_crowd(chance.randint(0, 6), working=2)
        together = Together(stage, chance)
        wanted = [evolve(label_of(number), count=chance.randint(1, 3)) for number in range(chance.randint(2, 6))]
        for desired in wanted:
            if chance.random() < 0.2:
                together.add(_dying(stage, desired, chance.randint(0, 30)))
            else:
                together.add(provides(stage, desired))
        for run in range(2):
            together.add(_releasing(stage, str(2000 + run), chance.uniform(0, 20)))
        together.run()
        _check_apart(stage)
        leave(stage, *wanted)
        tally.add("mixed crowds")


def _check_apart(stage: Stage) -> None:
    """Check that no living machine that has a label serves another one."""
    for identifier, item in stage.pool.table.of(records.INSTANCE).items():
        agent, run = stage.agents[identifier], records.text(item, "runId") or ""
        wrong = agent.alive and records.text(item, "state") == records.RUNNING and not agent.serves(run)
        require(not wrong, "D2", f"{identifier} of {run}: {agent}")
