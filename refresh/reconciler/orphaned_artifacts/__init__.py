"""DynamoDB: heartbeats and signals that stand alone, without a record and without an instance.

An instance that beat once more while its record was cleaned leaves one behind. They are looked for only in a run that
cleaned something, and deleted only when they are old and EC2 has ended the instance or does not know it.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, frozen

from refresh.dynamodb import items
from refresh.dynamodb.transactions import ACTIONS_LIMIT, Sender
from refresh.engine.change import Change, Plan, Unchecked
from refresh.pool import ec2_instances, names, records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.dynamodb.transactions import Actions
    from refresh.engine.change import Outcome

OLDEST_KEPT = timedelta(hours=1)
"""Living instances beat every five seconds, and provision records what it launched within minutes."""

_GONE = frozenset({Ec2State.TERMINATED, Ec2State.UNKNOWN})


@frozen
class Artifact:
    """A HEARTBEAT or WS item without an instance record."""

    entity: str
    identifier: str
    updated_at: str


@frozen
class Actual:
    """Artifacts without a record, and their instances as EC2 has them."""

    artifacts: tuple[Artifact, ...] = ()
    instances: Mapping[str, Ec2Instance] | None = None
    unchecked: Unchecked | None = None
    """Why they were not read."""


@frozen
class DeleteArtifact(Change):
    """Delete an artifact, if nobody has written it since."""

    noun: ClassVar[str] = "artifact"
    verb: ClassVar[str] = "delete"
    done: ClassVar[str] = "deleted"
    sign: ClassVar[str] = "-"
    artifact: Artifact

    @property
    def subject(self) -> str:
        return f"{self.artifact.entity} of {self.artifact.identifier}"

    @property
    def note(self) -> str:
        return f"orphaned, last written {self.artifact.updated_at}"


def plan(actual: Actual, now: datetime) -> Plan[DeleteArtifact]:
    """Plan to delete what is old and what no living instance can miss."""
    instances = actual.instances or {}
    return Plan(
        tuple(
            DeleteArtifact(each)
            for each in actual.artifacts
            if _old(each, now)
            and instances.get(each.identifier, Ec2Instance(each.identifier, Ec2State.UNKNOWN)).state in _GONE
        ),
        unchecked=actual.unchecked,
    )


@frozen
class OrphanedArtifacts:
    """Deletes heartbeats and signals that nobody will ever read."""

    name: ClassVar[str] = "orphaned artifacts"
    desired: DesiredState
    ec2: EC2Client
    sender: Sender
    recorded: Callable[[], frozenset[str] | Unchecked]
    """Waits for the collector and gives every id that has a record, or why this run does not look."""

    def observe(self) -> Actual:
        """Read both kinds of artifacts, and ask EC2 for the instances of those without a record."""
        recorded = self.recorded()
        if isinstance(recorded, Unchecked):
            return Actual(unchecked=recorded)
        artifacts = tuple(
            each
            for entity in (records.HEARTBEAT, records.SIGNAL)
            for each in self._read(entity)
            if each.identifier not in recorded
        )
        identifiers = sorted({each.identifier for each in artifacts})
        return Actual(artifacts, ec2_instances.by_id(self.ec2, identifiers))

    def plan(self, actual: Actual, now: datetime) -> Plan[DeleteArtifact]:
        """See the module's `plan`."""
        return plan(actual, now)

    def predict(self, actual: Actual, changes: Sequence[DeleteArtifact], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """Tell which artifacts will be left once these changes are made."""
        deleted = {change.artifact for change in changes}
        return evolve(actual, artifacts=tuple(each for each in actual.artifacts if each not in deleted))

    def apply(self, changes: Sequence[DeleteArtifact]) -> Iterator[Outcome]:
        """Delete them in transactions."""
        table = names.table(self.desired.repository)
        yield from self.sender.write(changes, partial(_delete, table), ACTIONS_LIMIT)

    def _read(self, entity: str) -> Iterator[Artifact]:
        table = names.table(self.desired.repository)
        for item in items.of_entity(self.sender.dynamodb, table, entity, ("SK", "updatedAt")):
            identifier = records.identifier_of(item)
            if records.INSTANCE_ID.fullmatch(identifier):
                yield Artifact(entity, identifier, records.text(item, "updatedAt") or "")


def _old(artifact: Artifact, now: datetime) -> bool:
    written = records.read_time(artifact.updated_at)
    return written is not None and now - written > OLDEST_KEPT


def _delete(table: str, change: DeleteArtifact) -> Actions:
    artifact = change.artifact
    return [
        {
            "Delete": {
                "TableName": table,
                "Key": records.key(artifact.entity, artifact.identifier),
                "ConditionExpression": "#updatedAt = :judged",
                "ExpressionAttributeNames": {"#updatedAt": "updatedAt"},
                "ExpressionAttributeValues": {":judged": {"S": artifact.updated_at}},
            }
        }
    ]
