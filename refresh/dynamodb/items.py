"""DynamoDB: many items by key, and every item of an entity; consistent reads in as few calls as possible.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html,
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.pool import names, records
from refresh.pool.batches import batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.ports import Clock

KEYS_PER_CALL = 100
_TRIES = 5


def by_identifier(
    dynamodb: DynamoDBClient, clock: Clock, table: str, entity: str, identifiers: Iterable[str]
) -> dict[str, records.Item]:
    """Read the items of an entity that exist, by identifier; see `by_key`."""
    found = by_key(dynamodb, clock, table, ((entity, identifier) for identifier in identifiers))
    return {identifier: item for (_, identifier), item in found.items()}


def by_key(
    dynamodb: DynamoDBClient, clock: Clock, table: str, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], records.Item]:
    """Read the items that exist, by entity and identifier.

    Unprocessed keys are requested again with growing pauses, which the SDK does not do. Raises `NotFound` without a
    table, and `Throttled` if keys are still unprocessed after the last try.
    """
    found: dict[tuple[str, str], records.Item] = {}
    for some in batches(keys, KEYS_PER_CALL):
        for item in _read_batch(dynamodb, clock, table, [records.key(*each) for each in some]):
            found[records.entity_of(item), records.identifier_of(item)] = item
    return found


def of_entity(
    dynamodb: DynamoDBClient,
    table: str,
    entity: str,
    attributes: Iterable[str],
    since: tuple[str, datetime] | None = None,
) -> Iterator[records.Item]:
    """Read these attributes of every item of an entity, page by page; nothing without a table.

    `since` is a time and one of the attributes: earlier items are left out, but DynamoDB reads and charges them.
    """
    more: dict[str, Any] = {}
    aliases = {f"#{name}": name for name in attributes}
    values = {":entity": {"S": names.partition_key(entity)}}
    if since:
        more["FilterExpression"] = f"#{since[0]} >= :since"
        values[":since"] = {"S": records.wire_time(since[1])}
    while True:
        try:
            page = dynamodb.query(
                TableName=table,
                KeyConditionExpression="PK = :entity",
                ProjectionExpression=", ".join(aliases),
                ExpressionAttributeNames=aliases,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                **more,
            )
        except errors.NotFound:
            return
        yield from page["Items"]
        if not page.get("LastEvaluatedKey"):
            return
        more["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _read_batch(dynamodb: DynamoDBClient, clock: Clock, table: str, keys: list[records.Item]) -> Iterator[records.Item]:
    for attempted in range(_TRIES):
        if attempted:
            clock.sleep(0.05 * 2**attempted)
        response = dynamodb.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
        yield from map(dict, response["Responses"].get(table, []))
        unprocessed = response.get("UnprocessedKeys", {}).get(table)
        if not unprocessed:
            return
        keys = [dict(key) for key in unprocessed["Keys"]]
    raise errors.Throttled(
        "dynamodb:BatchGetItem", "UnprocessedKeys", f"{len(keys)} items were not read in {_TRIES} tries."
    )
