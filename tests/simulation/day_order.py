"""The order of the processes of a simulated day: each call takes its time, and the day sees what it did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field

from tests.fakes.memory.account import LATENCY, Crash
from tests.simulation.together import Process, Together

if TYPE_CHECKING:
    from tests.simulation.day_stage import DayStage

_READS = ("dynamodb:BatchGetItem", "dynamodb:Query")
_SLOWEST = 0.08
"""By how many seconds a call may take longer than the fastest."""


class Witness(Protocol):
    """Sees the calls of all processes."""

    stage: DayStage

    @property
    def busy(self) -> set[str]:
        """The machines on which a job runs."""
        ...

    def saw(self, process: Process, operation: str, request: dict[str, Any]) -> None:
        """See a write that had its effect."""
        ...


@define(eq=False)
class Order(Together):
    """Lets each call take its time while those of others go on, and shows each one to the day."""

    day: Witness = field(kw_only=True)

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - each process counts its own calls
        """Let others go on while the call is under way."""
        clock, process = self.stage.pool.account.clock, self._running
        clock.moment -= LATENCY
        late = timedelta(seconds=self.chance.uniform(0, _SLOWEST))
        self.wait(process, process.now() + LATENCY + late)
        process.calls += 1
        if operation in _READS:
            self.day.stage.before_read()
        if operation == "github:ListRunners":
            self.day.stage.list_runners(self.day.busy)
        process.seam.before(process.calls - 1, operation)

    def after(self, number: int, operation: str) -> None:  # noqa: ARG002 - see above
        """Write down what the call did."""
        account, process = self.stage.pool.account, self._running
        for name, request in account.requests:
            self.day.saw(process, name, request)
        account.requests.clear()
        account.calls.clear()
        process.seam.after(process.calls - 1, operation)


@define
class CutAt:
    """A seam under which a process dies at its first call after a moment."""

    process: Process
    moment: datetime

    def before(self, number: int, operation: str) -> None:
        """Die, if it is time."""
        if self.process.now() >= self.moment:
            raise Crash(number, operation)

    def after(self, number: int, operation: str) -> None:
        """See what a call did."""
