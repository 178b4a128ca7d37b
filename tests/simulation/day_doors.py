"""Who provisions, releases and refreshes on a simulated day: this program, or the archived action."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from attrs import evolve, field, frozen

from refresh.pool import names, records
from refresh.pool.runs import LAUNCHED
from refresh.pool.usage import UsageClass
from refresh.provision.result import Patience
from refresh.reconciler import reconciliation
from tests.fakes.serial import Serial
from tests.simulation.doors import PROVISION, RELEASE, provision, release
from tests.simulation.original_calls import OriginalCalls
from tests.simulation.original_provision import OriginalProvision
from tests.simulation.original_refresh import OriginalRefresh
from tests.simulation.original_release import OriginalRelease

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fakes.memory.ec2 import Instance
    from tests.simulation.day_plan import Build
    from tests.simulation.day_stage import DayStage
    from tests.simulation.stage import Process as Other
    from tests.simulation.together import Process

Got = dict[str, bool]
"""The machines that a build has got; by id, whether it was there before."""


class Doors(Protocol):
    """One of the two, on a stage."""

    def usage(self, machine: Instance) -> str:
        """Return the usage class of a machine as it is launched."""
        ...

    def provision(self, build: Build, process: Process, cut_at: Callable[[], bool]) -> Got:
        """Get machines for a build; none if there are too few, or it was cancelled meanwhile."""
        ...

    def release(self, build: Build, process: Process) -> str:
        """Give them back; return what went wrong, or ""."""
        ...

    def refresh(self, process: Process) -> str:
        """Refresh; return what went wrong, or ""."""
        ...


@frozen
class Ours:
    """This program."""

    stage: DayStage
    wanted: Mapping[str, Any]
    """What the owner wants of refresh, other than usual."""

    def usage(self, machine: Instance) -> str:
        """Return what EC2 has launched."""
        return machine.lifecycle

    def provision(self, build: Build, process: Process, cut_at: Callable[[], bool]) -> Got:
        """Provision in the process, which is asked to stop when it is cancelled."""
        usage = (UsageClass.SPOT, UsageClass.ON_DEMAND) if build.any_usage else (UsageClass.ON_DEMAND,)
        desired = evolve(PROVISION, run_id=build.run_id, count=build.count, usage_classes=usage)
        provided = provision(self.stage, desired, process, Patience(stopped=cut_at))
        if not provided.available:
            return {}
        return {each.id: each.origin != LAUNCHED for each in provided.ready}

    def release(self, build: Build, process: Process) -> str:
        """Release in the process."""
        run = release(self.stage.pool, evolve(RELEASE, run_id=build.run_id), process)
        return "" if run.exit_code == 0 else str((run.component.error, run.component.refusals))

    def refresh(self, process: Process) -> str:
        """Refresh in the process."""
        pool = self.stage.pool
        desired = evolve(pool.desired, **self.wanted)
        report = reconciliation.begin(desired, pool.clients, process, Serial()).report()
        failed = [(each.name, each.error, each.refusals, each.failures) for each in report.failed]
        return str(failed) if failed else ""


@frozen
class DayCalls(OriginalCalls):
    """The calls of the archived action, which report what is ended."""

    ended: Callable[[list[str]], object] = field(default=lambda _: None, kw_only=True)

    def end(self, identifiers: list[str]) -> None:
        """End instances."""
        self.ended(identifiers)
        super().end(identifiers)


@frozen
class Archived:
    """The archived action, on the same machines with the same agents."""

    stage: DayStage
    builds: Mapping[str, Build]
    ended: Callable[[list[str]], object]
    takes_over: bool = False
    """Whether its refresh writes a launch template of its own."""
    unoffered: list[str] = field(factory=list)
    """The machines that its release gave back and never offered."""

    def usage(self, machine: Instance) -> str:
        """Return what the build wants that has launched it."""
        build = self.builds.get(machine.tags.get("InitialRunId", ""))
        return _usage(build) if build else machine.lifecycle

    def provision(self, build: Build, process: Process, cut_at: Callable[[], bool]) -> Got:
        """Provision until it is cancelled, which kills it."""
        theirs = OriginalProvision(self.stage.pool, build.run_id, count=build.count, usage_class=_usage(build))
        theirs.calls = self._calls
        self._run(process, self.stage.begin(theirs.steps()), cut_at)
        return {each: each in theirs.claimed for each in theirs.provided}

    def release(self, build: Build, process: Process) -> str:
        """Release; nothing of it is ever reported."""
        theirs = OriginalRelease(self.stage.pool, build.run_id)
        self._run(process, self.stage.begin(theirs.steps()))
        self.unoffered.extend(set(theirs.released) - set(theirs.offered))
        return ""

    def refresh(self, process: Process) -> str:
        """Refresh; nothing of it is ever reported."""
        self._run(process, self.stage.begin(OriginalRefresh(self._calls, self.takes_over).steps()))
        return ""

    @property
    def _calls(self) -> DayCalls:
        return DayCalls(self.stage.pool, ended=self.ended)

    def _run(self, process: Process, theirs: Other, cut_at: Callable[[], bool] = lambda: False) -> None:
        """Wait in the process until the other program has ended, or kill it."""
        while theirs.due is not None:
            if cut_at():
                theirs.dies_at, theirs.due = -math.inf, None
                return
            process.sleep(max(0.01, (theirs.due - process.now()).total_seconds()))


def _usage(build: Build) -> str:
    return "spot" if build.any_usage else "on-demand"


def state_of(stage: DayStage, identifier: str) -> tuple[str, str, str]:
    """Return state, run and threshold of a machine's record; "" for what is not there."""
    item = stage.pool.table.items.get((f"TYPE#{records.INSTANCE}", f"ID#{identifier}"), {})
    state, run, threshold = (records.text(item, each) or "" for each in ("state", "runId", "threshold"))
    return state, run, threshold


def label(build: Build) -> str:
    """Return the label that a build's jobs ask for."""
    return names.label(build.run_id)
