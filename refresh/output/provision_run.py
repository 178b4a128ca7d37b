"""A provision that has ended, as summary, outputs and report show it; pure."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from attrs import frozen

from refresh.desired import DesiredProvision
from refresh.engine.report import ComponentReport
from refresh.errors import Interrupted, Refused


@frozen(kw_only=True)
class ReadyMachine:
    """A machine that is ready for the jobs of the run."""

    id: str
    origin: str
    """`HELD`, `CLAIMED` or `LAUNCHED` of `refresh.pool.runs`."""
    instance_type: str = ""
    usage_class: str = ""
    ends_at: datetime | None = None
    """When its maximum runtime is over."""


@frozen(kw_only=True)
class ProvisionRun:
    """A provision that has ended."""

    desired: DesiredProvision
    component: ComponentReport
    ready: tuple[ReadyMachine, ...] = ()
    """The machines that the jobs can use; none if there are too few."""
    available: bool = False
    """Whether enough machines are ready."""
    started_at: datetime
    finished_at: datetime

    @property
    def replaced(self) -> bool:
        """Whether a hosted runner takes the place of the missing machines.

        Not if the run was cancelled, nor if it was refused, as for a label that another job has: the workflow is wrong.
        """
        ended = self.component.planning or isinstance(self.component.error, (Interrupted, Refused))
        return bool(self.desired.if_unavailable) and not self.available and not ended

    @property
    def label(self) -> str:
        """What the jobs ask for in `runs-on`."""
        return self.desired.if_unavailable if self.replaced else self.desired.label

    @property
    def ends_at(self) -> datetime | None:
        """When the maximum runtime of the first machine is over."""
        return min((each.ends_at for each in self.ready if each.ends_at), default=None)

    @property
    def numbers(self) -> Counter[str]:
        """How many machines are ready, by origin."""
        return Counter(each.origin for each in self.ready)

    @property
    def exit_code(self) -> int:
        """0: the jobs can start, on the pool's machines or on the hosted runner; 1: they cannot."""
        if self.component.planning:
            return 1 if self.component.failed else 0
        return 0 if self.available or self.replaced else 1
