"""EC2 and DynamoDB: machines of each resource class that wait for a run.

They are launched in advance, and their time is extended as long as refresh runs. Nothing here ends a machine: those
that are not kept expire, and their agents end them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from refresh.engine.change import Done, Postponed, Skipped
from refresh.engine.registration import Item, Registration
from refresh.pool import lifecycle, names, warm_pool_item
from refresh.pool.permissions import LAUNCHES, STATE_TABLE, Needs
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.launch_template import LaunchTemplate
from refresh.reconciler.state_table import StateTable
from refresh.reconciler.warm_pool import apply, observe, policy, predict
from refresh.reconciler.warm_pool.actual import Actual, Progress
from refresh.reconciler.warm_pool.changes import Keep, Launch, Promote, Record, WriteState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.dynamodb.transactions import Sender
    from refresh.engine.change import Outcome, Plan
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.garbage_collector.actual import Actual as Collected
    from refresh.reconciler.warm_pool.actual import Template
    from refresh.reconciler.warm_pool.changes import WarmChange

_ANOTHER_RUN = "another run has launched machines at the same time"


@frozen
class WarmPool:
    """Keeps machines waiting, as many as the minimum of each class says."""

    name: ClassVar[str] = "warm pool"
    desired: DesiredState
    ec2: EC2Client
    sender: Sender
    metadata: MetadataItems
    collected: Callable[[], Collected]
    """Waits for what the garbage collector saw last; raises if it saw nothing."""
    template: Callable[[], Template]
    """Waits for what machines are launched from."""
    progress: Progress = field(factory=Progress, init=False, eq=False)

    def observe(self) -> Actual:
        """Wait for the instances and the template, and read what agents report if a decision needs that."""
        if not self.desired.min_idle:
            return Actual()
        collected = self.collected()
        stored = self.metadata.read(names.WARM_POOL_IDENTIFIER).get("value")
        role, now = observe.role_id(self.metadata), self._now(collected)
        actual = Actual(
            collected=collected,
            template=self.template(),
            stored=stored,
            state=warm_pool_item.from_value(stored).until(now + lifecycle.LARGEST_SKEW),
            records={each.id: each for each in collected.records},
            looked_at=now,
            signals_expire=not role,
        )
        seen = self.progress.onto(actual)
        if self.progress.reports is None:
            self._ask(seen, role)
        return self.progress.onto(actual)

    def _ask(self, actual: Actual, role: str) -> None:
        """Read what agents report, once in a run."""
        now, table = self._now(actual.collected), names.table(self.desired.repository)
        if not policy.undecided(self.desired, actual, now):
            return
        dynamodb, clock = self.sender.dynamodb, self.sender.clock
        asked = policy.questions(self.desired, actual, now)
        self.progress.reports = observe.read_reports(dynamodb, clock, self.sender.executor, table, role, asked)
        self.progress.reported_at = now
        gone = [each for each in actual.state.unready if each not in actual.records]
        self.progress.history = observe.history(dynamodb, clock, table, gone)

    def _now(self, collected: Collected) -> datetime:
        return self.sender.clock.now() + collected.skew

    def plan(self, actual: Actual, now: datetime) -> Plan[WarmChange]:
        """See `policy.plan`."""
        return policy.plan(self.desired, actual, now + actual.collected.skew)

    def apply(self, changes: Sequence[WarmChange]) -> Iterator[Outcome]:
        """Write the item and the records, then ask EC2 for what the item announces."""
        writes = [each for each in changes if not isinstance(each, Launch)]
        announced: Outcome | None = None
        version = str(self.template().version or "")
        for outcome in apply.write(self.desired, version, self.sender, writes):
            self._note(outcome)
            if isinstance(outcome.change, WriteState):
                announced = outcome
            yield outcome
        for launch in (each for each in changes if isinstance(each, Launch)):
            if isinstance(announced, Skipped) and not launch.again:
                yield Skipped(launch, _ANOTHER_RUN)
            elif self.sender.over() or not (launch.again or isinstance(announced, Done)):
                yield Postponed(launch)
            else:
                yield self._launch(launch)

    def _launch(self, change: Launch) -> Outcome:
        template_id = self.template().id
        asked = apply.launched(self.desired, template_id, self.ec2, self.sender, change)
        self.progress.asked[change.resource_class] = asked
        return Done(change) if asked.launched else Postponed(change)

    def _note(self, outcome: Outcome) -> None:
        """Remember what was written, and leave alone what another process has written first."""
        change, done = outcome.change, isinstance(outcome, Done)
        if isinstance(change, WriteState):
            item = apply.state_item(self.sender, change) if done else None
            self.metadata.written(names.WARM_POOL_IDENTIFIER, item)
        elif done and isinstance(change, Promote | Keep | Record):
            self.progress.records[change.subject] = predict.written(change)
        elif isinstance(outcome, Skipped):
            self.progress.lost.add(change.subject)

    def predict(self, actual: Actual, changes: Sequence[WarmChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `predict.predict`."""
        return predict.predict(actual, changes)


_ONLY = "min-idle"
COMPONENT: Registration[Dependencies] = Registration(
    name=WarmPool.name,
    kept_in="EC2 instances and their records",
    keeps="with `min-idle`, that many instances of each class wait for a run; see [the warm pool](warm-pool.md)",
    changes="launches what is missing, extends the time of those that wait",
    calls={
        **LAUNCHES,
        "dynamodb:BatchGetItem": Needs(
            "what agents report, if an instance is missing, has booted or needs more time", STATE_TABLE, only_with=_ONLY
        ),
        "dynamodb:TransactWriteItems": Needs(
            "records launched instances and extends the time of those that wait; IAM has no action of this name and "
            "checks those of the items",
            also={"dynamodb:PutItem": STATE_TABLE, "dynamodb:UpdateItem": STATE_TABLE},
            only_with=_ONLY,
            writes=True,
        ),
    },
    items=(
        Item(
            names.WARM_POOL_IDENTIFIER,
            warm_pool_item.VALUE,
            "only with `min-idle`: launches of instances that are to wait for a run: those whose outcome is not known "
            "yet, and instances that have not become ready yet, which the [breaker](warm-pool.md#the-breaker) counts",
            "refresh alone",
        ),
    ),
    after=(StateTable.name, LaunchTemplate.name, GarbageCollector.name),
    build=lambda given: WarmPool(
        given.desired, given.clients.ec2, given.sender, given.prefetch.metadata, given.require_collected, given.template
    ),
)
