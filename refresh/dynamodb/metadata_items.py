"""DynamoDB: the METADATA and SETTINGS items, read together once at the start of a run.

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
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Executor

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.ports import Clock

    Key = tuple[str, str]

SETTINGS = records.SETTINGS, names.SETTINGS_IDENTIFIER


class MetadataItems:
    """The METADATA items of one table and its SETTINGS item, read consistently.

    An item is named by its identifier, and by its entity if that is not METADATA.
    """

    def __init__(  # noqa: PLR0913 - where, with what, and two things that only a run knows
        self,
        dynamodb: DynamoDBClient,
        table: str,
        clock: Clock,
        executor: Executor,
        gone: Callable[[], bool] = lambda: False,
        *,
        others: Iterable[str] = (),
    ) -> None:
        """`gone` returns whether the table is being deleted; DynamoDB may still answer for it.

        `others` are identifiers of METADATA items that only this pool has.
        """
        metadata = (*names.METADATA_IDENTIFIERS, *others)
        self._keys = (*((records.METADATA, identifier) for identifier in metadata), SETTINGS)
        """Every item that is read, by entity and identifier."""
        self._dynamodb = dynamodb
        self._gone = gone
        self._table = table
        self._clock = clock
        self._first_read = executor.submit(self._read_all)
        self._known: dict[Key, records.Item] = {}
        """Items that were written or read again since."""
        self._doubtful: set[Key] = set()
        """Items whose write was refused or not answered, and those that another process may have changed."""
        self._lock = Lock()

    def first(self, identifier: str, entity: str = records.METADATA) -> records.Item:
        """Return the item as it was at the start of the run; empty if there was none."""
        return self._first_read.result().get((entity, identifier), {})

    def read(self, identifier: str, entity: str = records.METADATA) -> records.Item:
        """Return the item as this run found or left it; read again only if that is unknown; empty if there is none."""
        key = entity, identifier
        if key in self._doubtful:
            self._settle(key, self._read_one(key))
        with self._lock:
            known = self._known.get(key)
        return self.first(identifier, entity) if known is None else known

    def write(
        self,
        identifier: str,
        value: object,
        condition: Mapping[str, Any] | None = None,
        attributes: Mapping[str, object] | None = None,
        *,
        entity: str = records.METADATA,
    ) -> None:
        """Put the whole item: a crash leaves the old or the new one. `condition` has parameters of PutItem."""
        item = records.item(entity, identifier, self._clock.now(), value=value, **(attributes or {}))
        try:
            self._dynamodb.put_item(TableName=self._table, Item=item, **(condition or {}))
        except errors.RefreshError:
            with self._lock:
                self._doubtful.add((entity, identifier))
            raise
        self._settle((entity, identifier), item)

    def written(self, identifier: str, item: records.Item | None) -> None:
        """Note that a METADATA item was written in a transaction; None if it is not certain what it has now."""
        key = records.METADATA, identifier
        if item is not None:
            self._settle(key, item)
            return
        with self._lock:
            self._doubtful.add(key)

    def read_again(self) -> None:
        """Have every item read again when it is needed next: another process has changed some of them."""
        with self._lock:
            self._doubtful.update(self._keys)

    def _settle(self, key: Key, item: records.Item) -> None:
        with self._lock:
            self._known[key] = item
            self._doubtful.discard(key)

    def _read_one(self, key: Key) -> records.Item:
        try:
            response = self._dynamodb.get_item(TableName=self._table, Key=records.key(*key), ConsistentRead=True)
        except errors.NotFound:
            return {}
        return dict(response.get("Item", {}))

    def _read_all(self) -> dict[Key, records.Item]:
        try:
            found = items.by_key(self._dynamodb, self._clock, self._table, self._keys)
        except errors.NotFound:
            return {}
        return {} if self._gone() else found
