"""The METADATA items and the SETTINGS item of one table in memory, behind DynamoDB's own method names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from refresh.dynamodb.metadata_items import MetadataItems
from refresh.pool import names, records
from tests.fakes.desired import TABLE
from tests.fakes.serial import NOW, Serial, StillClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.ports import Clock


class Items:
    """Items by identifier, read consistently alone; `calls` lists the operations, `puts` the requests of the writes."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self.items = {
            identifier: {**records.item(_entity(identifier), identifier, NOW), "value": value}
            for identifier, value in (values or {}).items()
        }
        self.calls: list[str] = []
        self.puts: list[dict[str, Any]] = []
        self.refusal: Exception | None = None
        """Raised by every write, when set."""

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Give the items that exist."""
        self.calls.append("BatchGetItem")
        assert request["RequestItems"][TABLE]["ConsistentRead"]
        keys = [_identifier(key) for key in request["RequestItems"][TABLE]["Keys"]]
        return {"Responses": {TABLE: [self.items[key] for key in keys if key in self.items]}}

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Give one item, or none."""
        self.calls.append("GetItem")
        assert request["ConsistentRead"]
        found = self.items.get(_identifier(request["Key"]))
        return {"Item": found} if found else {}

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Replace one item."""
        self.calls.append("PutItem")
        self.puts.append(request)
        if self.refusal:
            raise self.refusal
        self.items[_identifier(request["Item"])] = request["Item"]
        return {}


def metadata(items: object, clock: Clock | None = None, others: Iterable[str] = ()) -> MetadataItems:
    """Read and write these items as the components do."""
    return MetadataItems(cast("DynamoDBClient", items), TABLE, clock or StillClock(), Serial(), others=others)


def _entity(identifier: str) -> str:
    return records.SETTINGS if identifier == names.SETTINGS_IDENTIFIER else records.METADATA


def _identifier(key: Mapping[str, Any]) -> str:
    return str(key["SK"]["S"]).removeprefix("ID#")
