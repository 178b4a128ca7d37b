"""How provisions end, and what is left of them after the next attempt, the release and a refresh."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from attrs import evolve

from refresh.pool import records
from refresh.pool.ownership import PROTECTION_TAG, TEMPLATE_TAG
from tests.fakes.memory.account import Crash, Watch
from tests.simulation import door_invariants
from tests.simulation.actors import run_another
from tests.simulation.agents import BOOTING
from tests.simulation.door_rest import undone
from tests.simulation.doors import RELEASE, provision
from tests.simulation.invariants import SECRET, STRANGER, require
from tests.simulation.provision_invariants import ProvisionGuard, later, working

if TYPE_CHECKING:
    from refresh.desired import DesiredProvision
    from refresh.provision.result import Patience, Provided
    from tests.fakes.memory.account import Seam
    from tests.simulation.provision_worlds import World
    from tests.simulation.stage import Stage

HOUR = 3700
_MESSAGES_SEEN = 70


def watched(
    stage: Stage, desired: DesiredProvision, seam: Seam | None = None, patience: Patience | None = None, **more: Any
) -> Provided:
    """Provision under a seam, every call and the end checked."""
    guard = ProvisionGuard(stage, desired, seam or Watch(), **more)
    if patience:
        guard.stopped = patience.stopped
    guard.start()
    run = provision(stage, desired, patience=patience)
    check_end(guard, run, clean=seam is None)
    return run


def check_world(world: World, run: Provided) -> None:
    """Check that a run without faults has got what can be had in its world."""
    require(run.available == world.provides, "P2", run.report)
    origins = Counter(each.origin for each in run.ready)
    require(world.claimed in {None, origins["claimed"]}, "P2", run)
    require(world.launched in {None, origins["launched"]}, "P2", run)
    require(world.within is None or run.report.duration <= world.within, "P2", run.report.duration)


def crashed(stage: Stage, desired: DesiredProvision, seam: Seam, **more: Any) -> bool:
    """Provision under a seam, every call checked; return whether the process died."""
    ProvisionGuard(stage, desired, seam, **more).start()
    try:
        provision(stage, desired)
    except Crash:
        return True
    return False


def check_end(guard: ProvisionGuard, run: Provided, *, clean: bool = False) -> None:
    """Check what a provision says of itself; `clean` is whether nothing else happened meanwhile."""
    stage, desired = guard.stage, guard.desired
    require(not SECRET.search(repr(run)), "D9", "what is reported")
    require("defect" not in str(run.report.error), "no defect", run.report.error)
    if run.available and guard.strict:
        found = working(stage, desired)
        require(len(found) >= desired.fewest, "D2", f"{found} for {desired.fewest}: {run}")
        require(not guard.given_up or guard.slow_write, "P1", guard.given_up)
    elif not run.available:
        require(run.report.failed, "P2", f"there are too few machines, and nothing says so: {run}")
    if run.report.error is None and guard.strict:
        recorded = stage.pool.table.of(records.INSTANCE)
        lost = [each for each in guard.launched & guard.described if each in stage.pool.alive and each not in recorded]
        require(not lost, "D3", f"{lost} were launched and are not recorded")
    if clean and not run.available and guard.leased:
        require(not left_of(stage, desired, settled=False), "P5", left_of(stage, desired, settled=False))


def settle(stage: Stage, desired: DesiredProvision, *, provides: bool | None = True) -> DesiredProvision:
    """Provision in the next attempt without faults, and again, which adds nothing; return what was wanted last."""
    desired = later(desired)
    # No run begins in the moment in which another one ends.
    stage.pass_time(1)
    run = watched(stage, desired)
    require(provides is None or run.available == provides, "P2", run.report)
    if len(run.ready) >= desired.count:
        desired = later(desired)
        before = dict(_held(stage, desired))
        again = watched(stage, desired)
        require(again.available, "D6", again.report)
        calls = stage.pool.account.writes
        require("ec2:CreateFleet" not in calls and "ec2:TerminateInstances" not in calls, "D6", calls)
        require(before == dict(_held(stage, desired)), "D6", (before, dict(_held(stage, desired))))
    return desired


def _held(stage: Stage, desired: DesiredProvision) -> list[tuple[str, str | None]]:
    return [
        (identifier, records.text(item, "state"))
        for identifier, item in stage.pool.table.of(records.INSTANCE).items()
        if records.text(item, "runId") == desired.label
    ]


def leave(stage: Stage, *wanted: DesiredProvision) -> None:
    """Release and refresh once, as the workflows do: nothing of the labels is left, and an hour later no machine."""
    for desired in wanted:
        release = evolve(RELEASE, run_id=desired.run_id, name=desired.name)
        released = door_invariants.watched(stage, release)
        require(released.exit_code == 0, "P5", released.component)
        require(not undone(stage, release), "P5", undone(stage, release))
    stage.pass_time(_MESSAGES_SEEN)
    refresh(stage)
    left = [left_of(stage, desired) for desired in wanted]
    require(not any(left), "P5", left)
    stage.pass_time(HOUR)
    living = [each for desired in wanted for each in _launched_for(stage, desired)]
    beating = [each for each in living if stage.agents[each].phase != BOOTING]
    require(not beating, "D8", beating)
    refresh(stage)
    living = [each for desired in wanted for each in _launched_for(stage, desired)]
    require(not living, "D8", living)


def refresh(stage: Stage) -> None:
    """Run a refresh."""
    run_another(stage.pool, Watch())
    stage.catch_up()


def left_of(stage: Stage, desired: DesiredProvision, *, settled: bool = True) -> list[str]:
    """List the living machines that have the label, or, once they have `settled`, still serve it."""
    recorded = stage.pool.table.of(records.INSTANCE)
    found = []
    for identifier in _launched_for(stage, desired):
        item, agent = recorded.get(identifier), stage.agents[identifier]
        waits = item is not None and records.text(item, "state") == "idle" and not records.text(item, "runId")
        if not waits or (settled and agent.serves(desired.label)):
            found.append(f"{identifier}: {item and door_invariants.seen_in(item)}, {agent}")
    return found


def _launched_for(stage: Stage, desired: DesiredProvision) -> list[str]:
    """List the living machines of the pool that were the label's last, if they may be ended."""
    found = []
    for identifier in stage.pool.alive:
        tags = stage.pool.account.state.instances[identifier].tags
        last = stage.last_run.get(identifier, tags.get("InitialRunId"))
        ours = TEMPLATE_TAG in tags and STRANGER not in tags and tags.get(PROTECTION_TAG) != "true"
        if ours and last == desired.label:
            found.append(identifier)
    return found
