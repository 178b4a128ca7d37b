"""DynamoDB: the METADATA items, read together once at the start of a run.

Several components keep one item each. A run without changes needs one BatchGetItem for all of them, and a run that
writes does not read acknowledged writes back: a consistent read would return the same.
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
    """The METADATA items of one table, read consistently."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table: str,
        clock: Clock,
        executor: Executor,
        gone: Callable[[], bool] = lambda: False,
    ) -> None:
        """`gone` returns whether the table is being deleted; DynamoDB may still answer for it."""
        self._dynamodb = dynamodb
        self._gone = gone
        self._table = table
        self._clock = clock
        self._first_read = executor.submit(self._read_all)
        self._known: dict[str, records.Item] = {}
        """Items that were written or read again since."""
        self._doubtful: set[str] = set()
        """Items whose write was refused or not answered."""
        self._lock = Lock()

    def first(self, identifier: str) -> records.Item:
        """Return the item as it was at the start of the run; empty if there was none."""
        return self._first_read.result().get(identifier, {})

    def read(self, identifier: str) -> records.Item:
        """Return the item as this run found or left it; read again only if that is unknown; empty if there is none."""
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
        """Put the whole item: a crash leaves the old or the new one. `condition` has parameters of PutItem."""
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
