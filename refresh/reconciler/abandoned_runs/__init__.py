"""GitHub: ends the machines of runs that ended without release, such as after a forced cancel.

This is phase one only: the mark makes the machine's agent end it within a minute, and the next run's collector ends
what is left.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from refresh.dynamodb.transactions import Sender
from refresh.engine.change import Unchecked
from refresh.engine.registration import Registration
from refresh.pool import names
from refresh.pool.permissions import STATE_TABLE, Needs
from refresh.reconciler.abandoned_runs import observe, policy, predict
from refresh.reconciler.abandoned_runs.actual import Actual
from refresh.reconciler.garbage_collector.apply import MARKS_PER_TRANSACTION, mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.engine.change import Outcome, Plan
    from refresh.ports import Registry, WorkflowRuns
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.garbage_collector.actual import Actual as Collected
    from refresh.reconciler.garbage_collector.changes import Mark


@frozen
class AbandonedRuns:
    """Marks the machines that runs have left behind."""

    name: ClassVar[str] = "abandoned runs"
    desired: DesiredState
    github: Registry
    runs: WorkflowRuns
    sender: Sender
    collected: Callable[[], Collected | Unchecked]
    """Waits for the collector and returns its last observation, or why there is none."""
    seen: list[Actual] = field(factory=list, init=False, eq=False)
    """GitHub's answers, once this run has them: it asks once."""

    def observe(self) -> Actual:
        """Ask GitHub about the runs that hold machines; later passes only read the records again."""
        if self.seen:
            return observe.read_again(self.sender, names.table(self.desired.repository), self.seen[0])
        collected = self.collected()
        if isinstance(collected, Unchecked):
            return Actual(unchecked=collected)
        machines = policy.held(collected, self.sender.clock.now())
        self.seen.append(observe.observe(self.github, self.runs, self.sender, self.desired.repository, machines))
        return self.seen[0]

    def plan(self, actual: Actual, now: datetime) -> Plan[Mark]:
        """See `policy.plan`."""
        return policy.plan(actual, now)

    def apply(self, changes: Sequence[Mark]) -> Iterator[Outcome]:
        """Send the collector's marks, in batches."""
        marked = partial(mark, names.table(self.desired.repository), self.desired.run_url)
        return self.sender.write(changes, marked, MARKS_PER_TRANSACTION)

    def predict(self, actual: Actual, changes: Sequence[Mark], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `predict.predict`."""
        return predict.predict(actual, changes)


COMPONENT: Registration[Dependencies] = Registration(
    name=AbandonedRuns.name,
    kept_in="EC2 instances and their records",
    keeps="no instance held by a workflow run that was completed without [releasing](release.md) it",
    changes="marks the instances, so that they end themselves",
    checked="a run that finds instances held for more than three minutes",
    calls={
        "dynamodb:BatchGetItem": Needs("records after a mark", STATE_TABLE),
        "dynamodb:TransactWriteItems": Needs(
            "marks instances of runs that are over",
            also={"dynamodb:UpdateItem": STATE_TABLE},
            writes=True,
        ),
    },
    after=("state table", "garbage collector"),
    build=lambda given: AbandonedRuns(
        given.desired, given.clients.github, given.clients.runs, given.sender, given.collected
    ),
)
