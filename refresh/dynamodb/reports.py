"""DynamoDB: what the agents of machines report, by their keys.

No query can read this: IAM limits what an instance may write by the partition of an item, so each report is in a
partition of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.dynamodb import items
from refresh.pool import signals
from refresh.pool.batches import batches

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.pool import records
    from refresh.ports import Clock


def read(  # noqa: PLR0913, PLR0917 - the clients, the table and the keys
    dynamodb: DynamoDBClient, clock: Clock, executor: Executor, table: str, role_id: str, identifiers: Iterable[str]
) -> dict[str, signals.Report]:
    """Read what the agents of these instances report, all at once; nothing of those that have not reported.

    `role_id` is the id of the instances' role, "" if it is unknown; see `signals.keys`. Raises as `items.by_key` does.
    """
    under_way = [
        executor.submit(items.by_key, dynamodb, clock, table, some)
        for some in batches(signals.keys(role_id, identifiers), items.KEYS_PER_CALL)
    ]
    found: dict[tuple[str, str], records.Item] = {}
    for each in under_way:
        found |= each.result()
    return signals.read_reports(found)
