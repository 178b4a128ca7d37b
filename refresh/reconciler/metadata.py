"""DynamoDB: the METADATA items, read together once at the start of a run and each anew afterwards.

Several components keep one item each. A run that changes nothing pays one BatchGetItem for all of them.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from refresh import errors, names, records
from refresh.reconciler import items

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.reconciler.component import Clock


class Metadata:
    """The METADATA items of one table; its reads are consistent."""

    def __init__(self, dynamodb: DynamoDBClient, table: str, clock: Clock, pool: Executor) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._clock = clock
        self._first_look = pool.submit(self._read_all)
        self._fresh = set(names.METADATA_IDENTIFIERS)
        self._lock = Lock()

    def first(self, identifier: str) -> records.Item:
        """Give the item as it was at the start of the run; empty when there was none."""
        return self._first_look.result().get(identifier, {})

    def read(self, identifier: str) -> records.Item:
        """Give the item as it is; the first reader of each item gets the first look. Empty when there is none."""
        with self._lock:
            first_reader = identifier in self._fresh
            self._fresh.discard(identifier)
        if first_reader:
            return self.first(identifier)
        try:
            response = self._dynamodb.get_item(
                TableName=self._table, Key=records.key(records.METADATA, identifier), ConsistentRead=True
            )
        except errors.NotFound:
            return {}
        return dict(response.get("Item", {}))

    def write(self, identifier: str, value: object, condition: Mapping[str, Any] | None = None) -> None:
        """Put the whole item, so that a crash leaves the old or the new one; `condition` holds PutItem's parameters."""
        self._dynamodb.put_item(
            TableName=self._table,
            Item=records.item(records.METADATA, identifier, self._clock.now(), value=value),
            **(condition or {}),
        )

    def _read_all(self) -> dict[str, records.Item]:
        try:
            return items.by_identifier(
                self._dynamodb, self._clock, self._table, records.METADATA, names.METADATA_IDENTIFIERS
            )
        except errors.NotFound:
            return {}
