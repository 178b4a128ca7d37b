"""DynamoDB: the METADATA items, read together once at the start of a run.

Several components keep one item each. A run that changes nothing pays one BatchGetItem for all of them, and one that
writes does not read back what DynamoDB has acknowledged: a consistent read would give the same.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.dynamodb import items
from refresh.pool import names, records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.ports import Clock


class MetadataItems:
    """The METADATA items of one table; its reads are consistent."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table: str,
        clock: Clock,
        executor: Executor,
        gone: Callable[[], bool] = lambda: False,
    ) -> None:
        """`gone` tells whether the table is as good as deleted, for which DynamoDB may still answer."""
        self._dynamodb = dynamodb
        self._gone = gone
        self._table = table
        self._clock = clock
        self._first_look = executor.submit(self._read_all)
        self._known: dict[str, records.Item] = {}
        """What was written, or read anew since."""
        self._doubtful: set[str] = set()
        """What a write was tried on that was refused or not answered."""
        self._lock = Lock()

    def first(self, identifier: str) -> records.Item:
        """Give the item as it was at the start of the run; empty when there was none."""
        return self._first_look.result().get(identifier, {})

    def read(self, identifier: str) -> records.Item:
        """Give the item as this run found or left it, anew only where that is not known; empty when there is none."""
        if identifier in self._doubtful:
            self._settle(identifier, self._read_one(identifier))
        with self._lock:
            known = self._known.get(identifier)
        return self.first(identifier) if known is None else known

    def write(
        self,
        identifier: str,
        value: object,
        condition: Mapping[str, Any] | None = None,
        attributes: Mapping[str, object] | None = None,
    ) -> None:
        """Put the whole item, so that a crash leaves the old or the new one; `condition` holds PutItem's parameters."""
        item = records.item(records.METADATA, identifier, self._clock.now(), value=value, **(attributes or {}))
        try:
            self._dynamodb.put_item(TableName=self._table, Item=item, **(condition or {}))
        except errors.RefreshError:
            with self._lock:
                self._doubtful.add(identifier)
            raise
        self._settle(identifier, item)

    def _settle(self, identifier: str, item: records.Item) -> None:
        with self._lock:
            self._known[identifier] = item
            self._doubtful.discard(identifier)

    def _read_one(self, identifier: str) -> records.Item:
        try:
            response = self._dynamodb.get_item(
                TableName=self._table, Key=records.key(records.METADATA, identifier), ConsistentRead=True
            )
        except errors.NotFound:
            return {}
        return dict(response.get("Item", {}))

    def _read_all(self) -> dict[str, records.Item]:
        try:
            found = items.by_identifier(
                self._dynamodb, self._clock, self._table, records.METADATA, names.METADATA_IDENTIFIERS
            )
        except errors.NotFound:
            return {}
        return {} if self._gone() else found
