"""Release as a component: observe, plan, apply, until no machine has the labels any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import define, field

from refresh.dynamodb.transactions import Sender
from refresh.engine.account import AccountGate
from refresh.engine.change import Done
from refresh.engine.component import Run
from refresh.engine.convergence import Convergence
from refresh.release import apply, observe, policy, predict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from refresh.desired import DesiredRelease
    from refresh.engine.change import Outcome, Plan
    from refresh.engine.component import Gate
    from refresh.ports import Clock, DoorClients
    from refresh.release.actual import Actual
    from refresh.release.changes import ReleaseChange


@define(eq=False)
class Release:
    """Takes a run's labels from all machines."""

    name: ClassVar[str] = "release"
    desired: DesiredRelease
    clients: DoorClients
    sender: Sender
    read: Callable[[], Actual]
    """Reads what is judged, without the instances that may have to end."""
    _known: Actual | None = field(default=None, init=False)
    """What was read, and all acknowledged writes since; None if it has to be read again."""

    def observe(self) -> Actual:
        """Read everything; if all writes of the last pass succeeded, return their predicted result instead."""
        if self._known is None:
            actual = self.read()
            if ids := policy.questionable(self.desired, actual, self.sender.clock.now() + actual.skew):
                actual = observe.with_instances(self.clients, actual, ids)
            self._known = actual
        return self._known

    def plan(self, actual: Actual, now: datetime) -> Plan[ReleaseChange]:
        """See `policy.plan`."""
        return policy.plan(self.desired, actual, now)

    def apply(self, changes: Sequence[ReleaseChange]) -> Iterator[Outcome]:
        """See `apply.apply`."""
        known, self._known = self.observe(), None
        outcomes = []
        for outcome in apply.apply(self.desired, self.clients, self.sender, known.settings, changes):
            outcomes.append(outcome)
            yield outcome
        if all(isinstance(each, Done) for each in outcomes):
            self._known = predict.predict(known, changes)

    def predict(self, actual: Actual, changes: Sequence[ReleaseChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `predict.predict`."""
        return predict.predict(actual, changes)


def begin(  # noqa: PLR0913 - the four things that a run is made of, and its hooks by name
    desired: DesiredRelease,
    clients: DoorClients,
    clock: Clock,
    executor: Executor,
    *,
    first: observe.Reads | None = None,
    deadline: datetime | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Convergence[Actual, ReleaseChange]:
    """Build a release; nothing new begins after `deadline` or once `stopped`. `first` are reads that are under way."""
    under_way = [first] if first else []

    def read() -> Actual:
        reads = under_way.pop() if under_way else observe.start(desired, clients, clock, executor)
        return observe.read(desired, clients, clock, executor, reads)

    run = Run(
        mode=desired.mode,
        clock=clock,
        deadline=deadline,
        stopped=stopped,
        continued="Run this job again: it does what is left.",
        if_late="If it happens often, look in the log for calls that AWS throttled.",
    )
    gate = AccountGate(desired.allowed_account_ids, clients.on_demand, executor)
    return of_machines(desired, clients, run, executor, read, gate)


def of_machines(
    desired: DesiredRelease,
    clients: DoorClients,
    run: Run,
    executor: Executor,
    read: Callable[[], Actual],
    *gates: Gate,
) -> Convergence[Actual, ReleaseChange]:
    """Build a release of the machines that `read` returns, and of no others."""
    release = Release(desired, clients, Sender(clients.dynamodb, run.clock, executor, run.over), read)
    return Convergence(release, run, *gates)
