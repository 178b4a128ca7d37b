"""A whole day of a pool: hundreds of builds, a refresh every ten minutes, and what goes wrong meanwhile.

Every process is a thread of which only one runs at a moment, in simulated time.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field

from refresh.pool import records
from refresh.ports import WorkflowJob, WorkflowRun
from tests.fakes.memory.account import Account, Crash
from tests.simulation.agents import BOOTING, WAITING
from tests.simulation.day_doors import Archived, Doors, Got, Ours, label, state_of
from tests.simulation.day_figures import Figures, Ledger, Refreshed, Served
from tests.simulation.day_order import CutAt, Order
from tests.simulation.day_plan import Build, DayPlan, Ending, draw
from tests.simulation.day_stage import BEAT, DayStage
from tests.simulation.paces import Fault
from tests.simulation.together import Process
from tests.simulation.worlds import build as build_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.memory.ec2 import Instance

_READY = ("idle", "created")
_WARM = "warm-"
_AFTERWARDS = timedelta(minutes=75)
"""For how long the machines are watched after the last refresh."""


def ours(day: Day) -> Doors:
    """Let this program provision, release and refresh."""
    return Ours(day.stage, day.wanted)


def archived_action(day: Day) -> Doors:
    """Let the archived action do so."""
    # Its calls pass no seam, so its agents must beat in time.
    day.stage.often = BEAT
    return Archived(day.stage, day.builds, day.ended)


@define(eq=False)
class Day:
    """A day of the pool."""

    plan: DayPlan
    wanted: Mapping[str, Any] = field(factory=dict)
    """What the owner wants of refresh, other than usual."""
    choose: Callable[[Day], Doors] = ours
    stage: DayStage = field(init=False)
    doors: Doors = field(init=False)
    order: Order = field(init=False)
    ledger: Ledger = field(init=False)
    working: dict[str, str] = field(factory=dict)
    """The run of the job that each machine has."""
    marks: set[str] = field(factory=set)
    refreshing: dict[int, list[int]] = field(factory=dict)
    """By process of refresh: what it has written, launched and ended."""

    def __attrs_post_init__(self) -> None:
        """Begin at midnight, with a pool that has no machines."""
        pool = build_pool("up to date")
        clock = pool.account.clock
        clock.moment = (clock.moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        self.ledger = Ledger(clock.moment)
        self.stage = DayStage(pool, plan=self.plan, usage=self._usage)
        self.doors = self.choose(self)
        self.order = Order(self.stage, random.Random(self.plan.seed), spread=0, day=self)  # noqa: S311 - no secret

    def _usage(self, machine: Instance) -> str:
        return self.doors.usage(machine)

    @property
    def builds(self) -> dict[str, Build]:
        """The builds by their runs."""
        return {each.run_id: each for each in self.plan.builds}

    @property
    def account(self) -> Account:
        """The account."""
        return self.stage.pool.account

    def run(self, name: str) -> Figures:
        """Let the day pass."""
        self.stage.start()
        self.order.add(self._arrivals)
        self.order.run()
        last = self.account.clock.now()
        self.stage.pass_time(_AFTERWARDS.total_seconds())
        machines = list(self.stage.machines.values())
        self.ledger.left = [each.id for each in machines if each.ended_at is None]
        self.ledger.drained = max([timedelta(), *(each.ended_at - last for each in machines if each.ended_at)])
        return Figures.of(name, self.ledger, machines, self.account.clock.now())

    def _arrivals(self, process: Process) -> None:
        """Begin every build and every refresh in time."""
        begin: list[tuple[float, Callable[[Process], object]]] = [(each, self._refresh) for each in self.plan.refreshes]
        begin += [(each.at, self._work_of(each)) for each in self.plan.builds]
        for at, work in sorted(begin, key=lambda each: each[0]):
            moment = self.ledger.began_at + timedelta(seconds=at)
            process.sleep((moment - process.now()).total_seconds())
            self.order.add(work)

    def _refresh(self, process: Process) -> None:
        at, seen = process.now(), self.refreshing.setdefault(id(process), [0, 0, 0])
        problem = self.doors.refresh(process)
        self.ledger.refreshed.append(
            Refreshed(at=at, calls=process.calls, writes=seen[0], launched=seen[1], ended=seen[2], problem=problem)
        )
        del self.refreshing[id(process)]

    def _work_of(self, build: Build) -> Callable[[Process], object]:
        def work(process: Process) -> None:
            cut_at = process.now() + timedelta(seconds=build.cut_after)
            if build.ending is Ending.DONE:
                cut_at = datetime.max.replace(tzinfo=cut_at.tzinfo)
            self._github(build, None)
            got = self._provide(build, process, cut_at)
            over_at = min(process.now() + timedelta(seconds=build.lasts), cut_at)
            if got:
                self._jobs(build, process, got, over_at)
            if build.ending is Ending.FORCED and process.now() >= cut_at:
                self._github(build, process.now())
                return
            process.seam = CutAt(process, datetime.max.replace(tzinfo=cut_at.tzinfo))
            process.sleep(build.pause)
            if problem := self.doors.release(build, process):
                self.ledger.releases_failed.append(problem)
            self._github(build, process.now())

        return work

    def _provide(self, build: Build, process: Process, cut_at: datetime) -> Got:
        began_at = process.now()
        if build.ending is Ending.FORCED:
            process.seam = CutAt(process, cut_at)
        try:
            got = self.doors.provision(build, process, lambda: process.now() >= cut_at)
        except Crash:
            got = {}
        if not got:
            if process.now() >= cut_at:
                self.ledger.cut_off += 1
            else:
                self.ledger.unserved.append(build.run_id)
            return {}
        waited = (process.now() - began_at).total_seconds()
        self.ledger.served.append(
            Served(run_id=build.run_id, waited=waited, warm=all(got.values()), in_storm=build.in_storm)
        )
        return got

    def _jobs(self, build: Build, process: Process, got: Got, over_at: datetime) -> None:
        """Let a job run on each machine until it is over, or the machine is."""
        began_at, run = process.now(), label(build)
        for each in got:
            if each in self.working:
                self.ledger.shared.append(f"{each} of {self.working[each]} for {run}")
            if not self.stage.agents[each].serves(run):
                self.ledger.unreachable.append(f"{each} for {run}: {self.stage.agents[each].phase}")
            self.working[each] = run
        process.sleep(max(0.0, (over_at - began_at).total_seconds()))
        for each in got:
            self.working.pop(each, None)
            machine = self.stage.machines[each]
            ended_at = min(machine.ended_at or over_at, over_at)
            self.ledger.busy += max(timedelta(), ended_at - began_at)
            if ended_at < over_at:
                if self.stage.agents[each].taken_back_at:
                    self.ledger.reclaimed += 1
                else:
                    self.ledger.killed.append(f"{each} of {run}, {state_of(self.stage, each)}")

    def _github(self, build: Build, over_at: datetime | None) -> None:
        """Let GitHub know of the run of a build, and that it is over."""
        state = self.account.state
        state.runs[build.run_id] = WorkflowRun(id=build.run_id, attempt=1, completed_at=over_at)
        state.jobs[build.run_id] = [WorkflowJob(name="build", labels=(label(build),), completed=True)]

    @property
    def busy(self) -> set[str]:
        """The machines on which a job runs."""
        return set(self.working)

    def saw(self, process: Process, operation: str, request: dict[str, Any]) -> None:
        """Write down what a call did."""
        mine = self.refreshing.get(id(process))
        if mine:
            mine[0] += 1
            self._look_for_marks()
        if operation == "ec2:TerminateInstances":
            self.ended(request["InstanceIds"])
            if mine:
                mine[2] += len(request["InstanceIds"])
        if operation == "ec2:CreateFleet" and mine:
            mine[1] += int(request["TargetCapacitySpecification"]["TotalTargetCapacity"])
            self.ledger.beyond += max(
                0, self._waiting(process.began_at) - sum(number for _, number in self.wanted["min_idle"])
            )

    def _waiting(self, since: datetime) -> int:
        """Count the machines that a build could have since then or once they have booted; just launched ones too."""
        found = 0
        for identifier, machine in self.account.state.instances.items():
            agent = self.stage.agents.get(identifier)
            broken = agent and (agent.phase not in {WAITING, BOOTING} or agent.pace.fault is Fault.NEVER_BOOTS)
            if machine.ended_at or broken or (agent and agent.signal and (agent.signal.at or since) > since):
                continue
            state, run, threshold = state_of(self.stage, identifier)
            ahead = threshold > self.stage.pool.in_time(0)
            launched = not state and machine.tags["InitialRunId"].startswith(_WARM)
            found += machine.lifecycle != "spot" and (launched or (ahead and not run and state in _READY))
        return found

    def ended(self, identifiers: list[str]) -> None:
        """Count the machines that a call ends."""
        for each in identifiers:
            self.ledger.ended[each] += 1
            ended_at = self.stage.machines[each].ended_at
            if ended_at and ended_at < self.account.clock.now():
                self.ledger.ended_late.append(each)

    def _look_for_marks(self) -> None:
        for identifier, item in self.stage.pool.table.of(records.INSTANCE).items():
            if identifier in self.marks or records.text(item, "state") != records.TERMINATED:
                continue
            self.marks.add(identifier)
            reason, was = records.text(item, "endedReason") or "", records.text(item, "endedState")
            self.ledger.marked[reason] += 1
            ahead = (records.text(item, "endedThreshold") or "") > self.stage.pool.in_time(0)
            if was == "idle" and ahead and reason != "vanished":
                self.ledger.replaced.append(f"{identifier}: {reason}")


def simulated(builds: int, minimum: int = 0, *, archived: bool = False, seed: str = "day") -> Figures:
    """Let a day with so many builds pass; the same seed gives the same builds, with our doors and the original's."""
    wanted = {"min_idle": (("large", minimum),)} if minimum else {}
    name = "archived action" if archived else f"`min-idle` {minimum}"
    return Day(draw(builds, seed), wanted, archived_action if archived else ours).run(name)
