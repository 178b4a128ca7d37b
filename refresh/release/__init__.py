"""Gives the machines of a run back: to the pool if they can be used again, otherwise to EC2.

The protocol is that of the reconciler's components: observe, plan, apply, until the plan is empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import define, field

from refresh.engine.change import Done
from refresh.release import apply, observe, policy, predict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from refresh.desired import DesiredRelease
    from refresh.dynamodb.transactions import Sender
    from refresh.engine.change import Outcome, Plan
    from refresh.ports import DoorClients
    from refresh.release.actual import Actual
    from refresh.release.changes import ReleaseChange


@define(eq=False)
class Release:
    """Takes a run's labels from all machines."""

    name: ClassVar[str] = "release"
    desired: DesiredRelease
    clients: DoorClients
    sender: Sender
    begin: Callable[[], observe.Reads]
    """Starts the reads of a pass."""
    _reads: observe.Reads | None = field(default=None, init=False)
    _known: Actual | None = field(default=None, init=False)
    """What was read, and all acknowledged writes since; None if it has to be read again."""

    def __attrs_post_init__(self) -> None:
        self._reads = self.begin()

    def observe(self) -> Actual:
        """Read everything; after acknowledged writes return what they made of it, which a read would show as well."""
        if self._known is None:
            reads, self._reads = self._reads or self.begin(), None
            actual = observe.read(self.desired, self.clients, self.sender.clock, reads)
            if policy.needs_ec2(self.desired, actual, self.sender.clock.now() + actual.skew):
                actual = observe.with_instances(self.clients, actual)
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
