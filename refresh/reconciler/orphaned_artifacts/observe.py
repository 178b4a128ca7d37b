"""DynamoDB and EC2: artifacts without a record, and their instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.dynamodb import items
from refresh.pool import ec2_instances, records
from refresh.reconciler.orphaned_artifacts.actual import Actual, Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client


def observe(ec2: EC2Client, dynamodb: DynamoDBClient, table: str, recorded: frozenset[str]) -> Actual:
    """Read every heartbeat and signal whose id is not in `recorded`, and their instances."""
    found = (each for entity in (records.HEARTBEAT, records.SIGNAL) for each in _read(dynamodb, table, entity))
    artifacts = tuple(each for each in found if each.identifier not in recorded)
    return Actual(artifacts, ec2_instances.by_id(ec2, sorted({each.identifier for each in artifacts})))


def _read(dynamodb: DynamoDBClient, table: str, entity: str) -> Iterator[Artifact]:
    for item in items.of_entity(dynamodb, table, entity, ("SK", "updatedAt")):
        identifier = records.identifier_of(item)
        if records.INSTANCE_ID.fullmatch(identifier):
            yield Artifact(entity, identifier, records.text(item, "updatedAt") or "")
