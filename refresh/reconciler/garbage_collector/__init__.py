"""EC2 and DynamoDB: ends instances that are due, in two crash-safe phases, and cleans up after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, field, frozen

from refresh.dynamodb.transactions import Sender
from refresh.engine.change import Unchecked
from refresh.engine.registration import Registration
from refresh.pool import names
from refresh.pool.permissions import EC2, STATE_TABLE, TAGGED_INSTANCES, Needs
from refresh.reconciler.garbage_collector import apply, observe, policy, predict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime, timedelta

    from types_boto3_dynamodb.type_defs import TableDescriptionTypeDef
    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.engine.change import Outcome, Plan
    from refresh.engine.shared_read import SharedRead
    from refresh.pool.ec2_instances import Launched
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.garbage_collector.actual import Actual
    from refresh.reconciler.garbage_collector.changes import CollectorChange

_TEMPLATE_UNREAD = Unchecked(
    "EC2 did not describe the launch template (see its error), so instances without a record were not checked",
    wholly=False,
)


@frozen
class GarbageCollector:
    """Ends instances that are due and cleans up after them."""

    name: ClassVar[str] = "garbage collector"
    desired: DesiredState
    ec2: EC2Client
    sender: Sender
    launched: SharedRead[Launched]
    """Reads the instances that were launched from the pool's templates."""
    table: SharedRead[TableDescriptionTypeDef | None]
    """Reads DynamoDB's description of the state table."""
    skew: Callable[[], timedelta]
    """Returns how far AWS's clock is ahead of this machine's."""
    progress: Callable[[str, int, int], None]
    """Called with "terminated", 300 and 5000, for example, during long work."""
    begun: list[frozenset[str]] = field(factory=list, init=False, eq=False)
    """The ids that this run began with, once it has begun: in a busy pool each pass finds something new."""

    def observe(self) -> Actual:
        """Read EC2, then the table, then the clocks; the first pass uses the read of EC2 that has already begun."""
        table, template = names.table(self.desired.repository), names.launch_template(self.desired.repository)
        launched = self.launched()
        self.launched.invalidate()
        actual = observe.observe(self.ec2, self.sender.dynamodb, table, template, launched, self.sender.over)
        restore = observe.restore(self.table) if actual.records or actual.instances else None
        return evolve(actual, skew=self.skew(), restore=restore)

    def plan(self, actual: Actual, now: datetime) -> Plan[CollectorChange]:
        """See `policy.plan`; once the run has begun, instances that become due are left for the next one."""
        plan = policy.plan(self.desired, actual, now)
        begun = [change for change in plan.changes if not self.begun or change.subject in self.begun[0]]
        return evolve(plan, changes=tuple(begun), unchecked=_TEMPLATE_UNREAD if actual.template_ids.unread else None)

    def apply(self, changes: Sequence[CollectorChange]) -> Iterator[Outcome]:
        """See `apply.apply`."""
        if not self.begun:
            self.begun.append(frozenset(change.subject for change in changes))
        table = names.table(self.desired.repository)
        yield from apply.apply(self.ec2, self.sender, table, self.desired.run_url, changes, self.progress)

    def predict(self, actual: Actual, changes: Sequence[CollectorChange], now: datetime) -> Actual:
        """See `predict.predict`."""
        return predict.predict(actual, changes, now)


COMPONENT: Registration[Dependencies] = Registration(
    name=GarbageCollector.name,
    kept_in="EC2 instances and their records",
    keeps="no instance past its threshold, idle beyond `max-instance-age`, or launched but never recorded; records of "
    "ended instances are cleaned up",
    changes="marks instances, terminates them, cleans up their records",
    calls={
        "dynamodb:Query": Needs("always: the records of the instances", STATE_TABLE),
        "ec2:DescribeInstances": Needs("always: the instances of the pool", EC2),
        "dynamodb:TransactWriteItems": Needs(
            "marks instances and cleans up; IAM has no action of this name and checks those of the items",
            also={
                "dynamodb:PutItem": STATE_TABLE,
                "dynamodb:UpdateItem": STATE_TABLE,
                "dynamodb:DeleteItem": STATE_TABLE,
            },
            writes=True,
        ),
        "ec2:TerminateInstances": Needs("instances that are due", TAGGED_INSTANCES, writes=True),
    },
    after=("state table",),
    build=lambda given: GarbageCollector(
        given.desired,
        given.clients.ec2,
        given.sender,
        given.prefetch.launched,
        given.prefetch.table,
        given.clients.skew,
        given.progress,
    ),
)
