"""EC2 and DynamoDB: ends instances that are due, in two crash-safe phases, and cleans up behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from attrs import frozen

from refresh import names
from refresh.reconciler import transactions
from refresh.reconciler.garbage_collector import application, observation, policy
from refresh.reconciler.garbage_collector.policy import Clean, Mark, Terminate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.reconciler.component import Clock
    from refresh.reconciler.garbage_collector.policy import Actual, CollectorChange, TemplateIds
    from refresh.report import Outcome, Plan


@frozen
class GarbageCollector:
    """Ends what is due and cleans up."""

    name: ClassVar[str] = "garbage collector"
    desired: DesiredState
    ec2: EC2Client
    dynamodb: DynamoDBClient
    clock: Clock
    pool: Executor
    template_ids: Callable[[], TemplateIds]

    def observe(self) -> Actual:
        """Read EC2, then the table."""
        return observation.observe(self.ec2, self.dynamodb, names.table(self.desired.repository), self.template_ids())

    def plan(self, actual: Actual, now: datetime) -> Plan[CollectorChange]:
        """See `policy.plan`."""
        return policy.plan(actual, now)

    def apply(self, changes: Sequence[CollectorChange]) -> Iterator[Outcome]:
        """Send marks, terminations and cleanings, each in their batches."""
        marks: list[Mark] = []
        terminations: list[Terminate] = []
        cleanings: list[Clean] = []
        for change in changes:
            match change:
                case Mark():
                    marks.append(change)
                case Terminate():
                    terminations.append(change)
                case Clean():
                    cleanings.append(change)
                case _:
                    assert_never(change)
        table = names.table(self.desired.repository)
        yield from self._write(
            [application.mark(table, change, self.desired.run_url) for change in marks],
            application.MARKS_PER_TRANSACTION,
        )
        yield from application.terminate(self.ec2, terminations)
        now = self.clock.now()
        yield from self._write(
            [application.clean(table, change, now) for change in cleanings],
            application.CLEANINGS_PER_TRANSACTION,
        )

    def _write(self, writes: list[transactions.Write], per_transaction: int) -> Iterator[Outcome]:
        yield from transactions.write(self.dynamodb, self.clock, self.pool, writes, per_transaction)
