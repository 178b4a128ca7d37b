"""DynamoDB: heartbeats and signals that have neither a record nor an instance.

An instance whose last heartbeat arrives while its record is being cleaned up leaves one behind. Only a run that cleaned
up an instance looks for them. They are deleted once they are old and EC2 has terminated the instance or does not know
it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, frozen

from refresh.dynamodb.transactions import ACTIONS_LIMIT, Sender
from refresh.engine.change import Unchecked
from refresh.engine.registration import Registration
from refresh.pool import names
from refresh.pool.permissions import EC2, STATE_TABLE, Needs
from refresh.reconciler.orphaned_artifacts import apply, observe, policy
from refresh.reconciler.orphaned_artifacts.actual import Actual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.engine.change import Outcome, Plan
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.orphaned_artifacts.changes import DeleteArtifact


@frozen
class OrphanedArtifacts:
    """Deletes heartbeats and signals that no process will ever read."""

    name: ClassVar[str] = "orphaned artifacts"
    desired: DesiredState
    ec2: EC2Client
    sender: Sender
    recorded: Callable[[], frozenset[str] | Unchecked]
    """Waits for the collector and returns every id that has a record, or why this run does not look."""

    def observe(self) -> Actual:
        """Read both kinds of artifacts, and the instances of those without a record."""
        recorded = self.recorded()
        if isinstance(recorded, Unchecked):
            return Actual(unchecked=recorded)
        return observe.observe(self.ec2, self.sender.dynamodb, names.table(self.desired.repository), recorded)

    def plan(self, actual: Actual, now: datetime) -> Plan[DeleteArtifact]:
        """See `policy.plan`."""
        return policy.plan(actual, now)

    def apply(self, changes: Sequence[DeleteArtifact]) -> Iterator[Outcome]:
        """Delete them in transactions."""
        delete = partial(apply.delete, names.table(self.desired.repository))
        yield from self.sender.write(changes, delete, ACTIONS_LIMIT)

    def predict(self, actual: Actual, changes: Sequence[DeleteArtifact], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """Return what is left after these deletions."""
        deleted = {change.artifact for change in changes}
        return evolve(actual, artifacts=tuple(each for each in actual.artifacts if each not in deleted))


COMPONENT: Registration[Dependencies] = Registration(
    name=OrphanedArtifacts.name,
    kept_in="items of the table",
    keeps="no heartbeats and signals of instances that are gone and have no record",
    changes="deletes them",
    checked="a run that cleaned up an instance",
    calls={
        "dynamodb:Query": Needs("after a cleanup: heartbeats and signals", STATE_TABLE),
        "ec2:DescribeInstances": Needs("after a cleanup: the instances of heartbeats without a record", EC2),
        "dynamodb:TransactWriteItems": Needs(
            "deletes heartbeats and signals that were left behind",
            also={"dynamodb:DeleteItem": STATE_TABLE},
            writes=True,
        ),
    },
    after=("state table", "garbage collector"),
    build=lambda given: OrphanedArtifacts(given.desired, given.clients.ec2, given.sender, given.recorded),
)
