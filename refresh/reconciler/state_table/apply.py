"""DynamoDB: create, await and claim the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import errors
from refresh.engine import tagging
from refresh.pool import names, records
from refresh.reconciler.state_table.policy import KEY_SCHEMA

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import CreateTableInputTypeDef, TableDescriptionTypeDef

    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.shared_read import SharedRead
    from refresh.ports import Clock
    from refresh.reconciler.state_table.changes import ClaimTable, CreateTable, EnableTimeToLive

    Description = SharedRead[TableDescriptionTypeDef | None]

ACTIVE_WAIT_SECONDS = 60
_POLL_SECONDS = 1


def create(change: CreateTable, dynamodb: DynamoDBClient, description: Description, clock: Clock) -> None:
    """Create the table, and wait until it is ACTIVE.

    DescribeTable may not know it for a moment, also when another run has just created it. Without the wait, the next
    look would take it for absent and end the run.
    """
    request: CreateTableInputTypeDef = {
        "TableName": change.table,
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _, _ in KEY_SCHEMA],
        "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
    }
    # Organizations may deny the creation of untagged resources, so the tags are part of the request.
    if change.tags:
        request["Tags"] = tagging.written(change.tags)
    # Before the call: the table may exist although its answer was lost.
    description.invalidate()
    try:
        dynamodb.create_table(**request)
    except errors.AlreadyExists:
        wait_for(change.table, description, clock, "ACTIVE")
        raise
    wait_for(change.table, description, clock, "ACTIVE")


def wait_for(table: str, description: Description, clock: Clock, *statuses: str | None) -> None:
    """Describe the table until it has one of these statuses; None stands for a table that is gone."""
    status: str | None = None
    for _ in range(ACTIVE_WAIT_SECONDS // _POLL_SECONDS):
        description.invalidate()
        found = description()
        status = found.get("TableStatus", "UNKNOWN") if found else None
        if status in statuses:
            return
        clock.sleep(_POLL_SECONDS)
    description.invalidate()
    raise errors.Unavailable(
        "dynamodb:DescribeTable",
        "NotActive",
        f"table {table} is still not ACTIVE after {ACTIVE_WAIT_SECONDS} s ({status or 'not found'}).",
    )


def enable_time_to_live(change: EnableTimeToLive, dynamodb: DynamoDBClient) -> None:
    """Let DynamoDB delete items by `expiresAt`."""
    dynamodb.update_time_to_live(
        TableName=change.table,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": records.TIME_TO_LIVE_ATTRIBUTE},
    )


def claim(change: ClaimTable, metadata: MetadataItems) -> None:
    """Write the claim, unless there is one.

    Earlier versions named no server: the first run with the repository's name completes such a claim.
    """
    unclaimed = {
        "ConditionExpression": "attribute_not_exists(PK) OR (#value = :repository AND attribute_not_exists(#server))",
        "ExpressionAttributeNames": {"#value": "value", "#server": records.SERVER_ATTRIBUTE},
        "ExpressionAttributeValues": {":repository": {"S": change.repository}},
    }
    server = {records.SERVER_ATTRIBUTE: change.server}
    metadata.write(names.POOL_IDENTIFIER, change.repository, unclaimed, server)
