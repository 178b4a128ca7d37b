"""DynamoDB in memory: tables that take their time, 1 MB pages, conditions and all-or-nothing transactions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field

from tests.fakes.memory import expressions
from tests.fakes.memory.account import Account, operation, refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Key = tuple[str, str]

PAGE_BYTES = 1_000_000
BATCH_BYTES = 16_000_000
KEYS_PER_BATCH = 100
ACTIONS_PER_TRANSACTION = 100
_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/"
_SHOWN_AFTER = timedelta(seconds=1)
_ACTIVE_AFTER = timedelta(seconds=8)
_TAGS_SHOWN_AFTER = timedelta(seconds=12)
_TTL_TAKES = timedelta(hours=1)


@define
class Table:
    """A table and its items by key."""

    created_at: datetime
    keys: list[dict[str, str]]
    types: list[dict[str, str]]
    protected: bool = False
    time_to_live: tuple[str, datetime] | None = None
    """(attribute, since when)."""
    items: dict[tuple[str, str], dict[str, Any]] = field(factory=dict)
    before: tuple[Key, dict[str, Any] | None] | None = None
    """The key that was written last, and what it had before."""
    writes: int = 0
    """How often something was written."""
    tags: dict[str, str] = field(factory=dict)
    restored_to: datetime | None = None
    """The time of the backup that it was made from."""

    @property
    def stale(self) -> dict[Key, dict[str, Any]]:
        """The items as an eventually consistent read may still see them: without the last write."""
        if self.before is None:
            return self.items
        key, item = self.before
        others = {each: known for each, known in self.items.items() if each != key}
        return others if item is None else {**others, key: item}

    def put(self, item: Mapping[str, Any]) -> None:
        """Replace an item."""
        self._keep(_key(item))
        self.items[_key(item)] = dict(item)

    def delete(self, key: Key) -> None:
        """Delete an item, if there is one."""
        self._keep(key)
        self.items.pop(key, None)

    def _keep(self, key: Key) -> None:
        self.before, self.writes = (key, self.items.get(key)), self.writes + 1

    def of(self, entity: str) -> dict[str, dict[str, Any]]:
        """Give the items of an entity, by identifier."""
        partition = f"TYPE#{entity}"
        return {sk.removeprefix("ID#"): item for (pk, sk), item in self.items.items() if pk == partition}


@define
class DynamoDB:
    """The operations that are used, one method each."""

    account: Account

    def table(self, name: str) -> Table | None:
        """Give a table as it is, whatever its status."""
        found: Table | None = self.account.state.tables.get(name)
        return found

    @operation("dynamodb:CreateTable", writes=True)
    def create_table(self, **request: Any) -> None:
        """Create a table, which is neither shown nor ACTIVE at once."""
        name = request["TableName"]
        if name in self.account.state.tables:
            raise refused("dynamodb:CreateTable", "ResourceInUseException", f"Table already exists: {name}")
        self.account.state.tables[name] = Table(
            self.account.clock.now(),
            request["KeySchema"],
            request["AttributeDefinitions"],
            protected=request.get("DeletionProtectionEnabled", False),
            tags={each["Key"]: each["Value"] for each in request.get("Tags", [])},
        )

    @operation("dynamodb:DescribeTable")
    def describe_table(self, **request: Any) -> dict[str, Any]:
        """Describe a table; a new one is not found for a second."""
        table = self.table(request["TableName"])
        if table is None or self._age(table) < _SHOWN_AFTER:
            raise refused("dynamodb:DescribeTable", "ResourceNotFoundException", "Requested resource not found")
        return {
            "Table": {
                "TableArn": _ARN + request["TableName"],
                "CreationDateTime": table.created_at,
                "TableStatus": "ACTIVE" if self._active(table) else "CREATING",
                "KeySchema": table.keys,
                "AttributeDefinitions": table.types,
                "DeletionProtectionEnabled": table.protected,
                "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
                **self._restore(table),
            }
        }

    @operation("dynamodb:UpdateTimeToLive", writes=True)
    def update_time_to_live(self, **request: Any) -> None:
        """Switch time-to-live on, once."""
        table = self._usable("dynamodb:UpdateTimeToLive", request)
        if table.time_to_live:
            raise refused("dynamodb:UpdateTimeToLive", "ValidationException", "TimeToLive is already enabled")
        table.time_to_live = (request["TimeToLiveSpecification"]["AttributeName"], self.account.clock.now())

    @operation("dynamodb:DescribeTimeToLive")
    def describe_time_to_live(self, **request: Any) -> dict[str, Any]:
        """Describe time-to-live, which is ENABLING for an hour."""
        table = self._usable("dynamodb:DescribeTimeToLive", request)
        if table.time_to_live is None:
            return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}
        attribute, since = table.time_to_live
        status = "ENABLED" if self.account.clock.now() - since > _TTL_TAKES else "ENABLING"
        return {"TimeToLiveDescription": {"TimeToLiveStatus": status, "AttributeName": attribute}}

    @operation("dynamodb:ListTagsOfResource")
    def list_tags_of_resource(self, **request: Any) -> dict[str, Any]:
        """List a table's tags, one a page; those of a new table are not found for a while."""
        table = self._usable("dynamodb:ListTagsOfResource", {"TableName": request["ResourceArn"].removeprefix(_ARN)})
        if self._age(table) < _TAGS_SHOWN_AFTER:
            raise refused("dynamodb:ListTagsOfResource", "ResourceNotFoundException", "Requested resource not found")
        number = int(request.get("NextToken", "0"))
        tags = [{"Key": key, "Value": value} for key, value in sorted(table.tags.items())]
        more = {"NextToken": str(number + 1)} if number + 1 < len(tags) else {}
        return {"Tags": tags[number : number + 1], **more}

    @operation("dynamodb:TagResource", writes=True)
    def tag_resource(self, **request: Any) -> None:
        """Set tags of a table."""
        table = self._usable("dynamodb:TagResource", {"TableName": request["ResourceArn"].removeprefix(_ARN)})
        table.tags.update({each["Key"]: each["Value"] for each in request["Tags"]})

    @operation("dynamodb:BatchGetItem")
    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Give the items that exist, 16 megabytes at most; the other keys are left unprocessed."""
        ((name, asked),) = request["RequestItems"].items()
        if len(asked["Keys"]) > KEYS_PER_BATCH:
            raise refused("dynamodb:BatchGetItem", "ValidationException", "Too many items requested")
        table = self._usable("dynamodb:BatchGetItem", {"TableName": name})
        seen = table.items if asked.get("ConsistentRead") else table.stale
        found: list[dict[str, Any]] = []
        room = BATCH_BYTES
        for number, key in enumerate(asked["Keys"]):
            item = seen.get(_key(key))
            if item is None:
                continue
            needed = size(item)
            if room < needed:
                return {
                    "Responses": {name: found},
                    "UnprocessedKeys": {name: {**asked, "Keys": asked["Keys"][number:]}},
                }
            room -= needed
            found.append(dict(item))
        return {"Responses": {name: found}}

    @operation("dynamodb:GetItem")
    def get_item(self, **request: Any) -> dict[str, Any]:
        """Give one item, or none."""
        table = self._usable("dynamodb:GetItem", request)
        found = (table.items if request.get("ConsistentRead") else table.stale).get(_key(request["Key"]))
        return {"Item": dict(found)} if found else {}

    @operation("dynamodb:PutItem", writes=True)
    def put_item(self, **request: Any) -> dict[str, Any]:
        """Replace an item, if its condition holds; return the item before, if it is asked for."""
        table = self._usable("dynamodb:PutItem", request)
        if not _condition_holds(table, request, _key(request["Item"])):
            raise refused("dynamodb:PutItem", "ConditionalCheckFailedException", "The conditional request failed")
        before = table.items.get(_key(request["Item"]))
        table.put(request["Item"])
        return {"Attributes": dict(before)} if before and request.get("ReturnValues") == "ALL_OLD" else {}

    @operation("dynamodb:UpdateItem", writes=True)
    def update_item(self, **request: Any) -> None:
        """Change an item, if its condition holds."""
        table, key = self._usable("dynamodb:UpdateItem", request), _key(request["Key"])
        if not _condition_holds(table, request, key):
            raise refused("dynamodb:UpdateItem", "ConditionalCheckFailedException", "The conditional request failed")
        _update(table, request, key)

    @operation("dynamodb:Query")
    def query(self, **request: Any) -> dict[str, Any]:
        """Give one page: a megabyte before the filter."""
        table = self._usable("dynamodb:Query", request)
        seen = table.items if request.get("ConsistentRead") else table.stale
        alias = request["KeyConditionExpression"].removeprefix("PK = ")
        partition = request["ExpressionAttributeValues"][alias]["S"]
        start = request["ExclusiveStartKey"]["SK"]["S"] if "ExclusiveStartKey" in request else ""
        names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
        items: list[dict[str, Any]] = []
        room = PAGE_BYTES
        ordered = sorted(sk for pk, sk in seen if pk == partition and sk > start)
        for sort_key in ordered:
            item = seen[partition, sort_key]
            room -= size(item)
            if expressions.holds(request.get("FilterExpression"), item, names, values):
                items.append(expressions.projected(request.get("ProjectionExpression"), item, names))
            if room <= 0 and sort_key != ordered[-1]:
                return {"Items": items, "LastEvaluatedKey": {"PK": {"S": partition}, "SK": {"S": sort_key}}}
        return {"Items": items}

    @operation("dynamodb:TransactWriteItems", writes=True)
    def transact_write_items(self, **request: Any) -> None:
        """Make all the changes or none; a cancelled transaction gives a reason an action."""
        actions = list(_actions(request["TransactItems"]))
        if len(actions) > ACTIONS_PER_TRANSACTION:
            raise refused("dynamodb:TransactWriteItems", "ValidationException", "Member must have length <= 100")
        keys = [(action["TableName"], key) for _, action, key in actions]
        if len(set(keys)) < len(keys):
            problem = "Transaction request cannot include multiple operations on one item"
            raise refused("dynamodb:TransactWriteItems", "ValidationException", problem)
        tables = [self._usable("dynamodb:TransactWriteItems", action) for _, action, _ in actions]
        held = [_condition_holds(table, action, key) for table, (_, action, key) in zip(tables, actions, strict=True)]
        if not all(held):
            raise refused(
                "dynamodb:TransactWriteItems",
                "TransactionCanceledException",
                "Transaction cancelled",
                CancellationReasons=[{"Code": "None" if each else "ConditionalCheckFailed"} for each in held],
            )
        for table, (kind, action, key) in zip(tables, actions, strict=True):
            match kind:
                case "Put":
                    table.put(action["Item"])
                case "Delete":
                    table.delete(key)
                case _:
                    _update(table, action, key)

    def _restore(self, table: Table) -> dict[str, Any]:
        if table.restored_to is None:
            return {}
        under_way = not self._active(table)
        return {"RestoreSummary": {"RestoreDateTime": table.restored_to, "RestoreInProgress": under_way}}

    def restore(self, name: str, to: datetime, items: Mapping[Key, dict[str, Any]]) -> None:
        """Make a table anew from a backup of its items: its keys come back, its tags and settings do not."""
        before = self.account.state.tables[name]
        table = Table(self.account.clock.now(), before.keys, before.types, restored_to=to)
        table.items = dict(items)
        self.account.state.tables[name] = table

    def _usable(self, name: str, request: Mapping[str, Any]) -> Table:
        table = self.table(request["TableName"])
        if table is None or not self._active(table):
            raise refused(name, "ResourceNotFoundException", "Requested resource not found")
        return table

    def _age(self, table: Table) -> timedelta:
        return self.account.clock.now() - table.created_at

    def _active(self, table: Table) -> bool:
        return self._age(table) >= _ACTIVE_AFTER


def size(value: Any) -> int:
    """Estimate an item's size as DynamoDB counts it: the UTF-8 of its names and values."""
    if isinstance(value, str):
        return _length(value)
    if isinstance(value, dict):
        total = 0
        for name, each in value.items():
            total += _length(name) + (_length(each) if isinstance(each, str) else size(each))
        return total
    return sum(map(size, value)) if isinstance(value, list) else 1


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _actions(items: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], Key]]:
    for each in items:
        ((kind, action),) = each.items()
        yield kind, action, _key(action["Item"] if kind == "Put" else action["Key"])


def _update(table: Table, request: Mapping[str, Any], key: Key) -> None:
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    before = table.items.get(key, dict(request["Key"]))
    table.put(expressions.updated(request["UpdateExpression"], before, names, values))


def _condition_holds(table: Table, request: Mapping[str, Any], key: Key) -> bool:
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    return expressions.holds(request.get("ConditionExpression"), table.items.get(key), names, values)


def _key(item: Mapping[str, Any]) -> Key:
    return item["PK"]["S"], item["SK"]["S"]
