"""DynamoDB as refresh relies on it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.pool import records
from refresh.reconciler.registration_token.apply import not_longer_lived

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.conftest import Backend

KEYS = [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}]
TYPES = [{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")]


def _create(backend: Backend, name: str) -> None:
    backend.dynamodb.create_table(
        TableName=name, KeySchema=KEYS, AttributeDefinitions=TYPES, BillingMode="PAY_PER_REQUEST"
    )
    for _ in range(60):
        backend.wait(1)
        try:
            if backend.dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE":
                return
        except errors.NotFound:
            continue
    pytest.fail("the table never became ACTIVE")


@pytest.fixture
def table(backend: Backend, unique: str) -> Iterator[str]:
    """Give a table that is ACTIVE."""
    _create(backend, unique)
    yield unique
    if backend.name == "AWS":
        backend.dynamodb.delete_table(TableName=unique)


def _item(identifier: str, **attributes: str) -> dict[str, Any]:
    return {**records.key("INSTANCE", identifier), **{name: {"S": value} for name, value in attributes.items()}}


def _put(backend: Backend, table: str, identifier: str, **attributes: str) -> None:
    backend.dynamodb.put_item(TableName=table, Item=_item(identifier, **attributes))


def _get(backend: Backend, table: str, identifier: str) -> dict[str, Any]:
    key = records.key("INSTANCE", identifier)
    found = backend.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
    return dict(found.get("Item", {}))


def test_a_table_that_exists_is_not_created_again(backend: Backend, table: str) -> None:
    """Another process made it."""
    with pytest.raises(errors.AlreadyExists):
        backend.dynamodb.create_table(
            TableName=table, KeySchema=KEYS, AttributeDefinitions=TYPES, BillingMode="PAY_PER_REQUEST"
        )


def test_without_a_table_nothing_is_found(backend: Backend, unique: str) -> None:
    """Reads say so, each in the same way."""
    key = records.key("INSTANCE", "i")
    with pytest.raises(errors.NotFound):
        backend.dynamodb.describe_table(TableName=unique)
    with pytest.raises(errors.NotFound):
        backend.dynamodb.get_item(TableName=unique, Key=key)
    with pytest.raises(errors.NotFound):
        backend.dynamodb.batch_get_item(RequestItems={unique: {"Keys": [key]}})
    with pytest.raises(errors.NotFound):
        _query(backend, unique)


def _query(backend: Backend, table: str, **more: Any) -> Any:
    values = {":entity": {"S": "TYPE#INSTANCE"}, **more.pop("values", {})}
    return backend.dynamodb.query(
        TableName=table,
        KeyConditionExpression="PK = :entity",
        ExpressionAttributeValues=values,
        ConsistentRead=True,
        **more,
    )


@pytest.mark.wrong_on(moto="asked twice it says nothing")
def test_time_to_live_is_switched_on_once(backend: Backend, table: str) -> None:
    """A second time is an error, and it shows on which attribute."""
    specification = {"Enabled": True, "AttributeName": "expiresAt"}
    backend.dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)
    shown = backend.dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert shown["AttributeName"] == "expiresAt"
    assert shown["TimeToLiveStatus"] in {"ENABLING", "ENABLED"}
    with pytest.raises(errors.Rejected):
        backend.dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


def test_a_put_if_absent_loses_to_what_is_there(backend: Backend, table: str) -> None:
    """And changes nothing."""
    request = {"TableName": table, "ConditionExpression": "attribute_not_exists(PK)"}
    backend.dynamodb.put_item(**request, Item=_item("i", state="one"))
    with pytest.raises(errors.ConditionFailed):
        backend.dynamodb.put_item(**request, Item=_item("i", state="two"))
    assert _get(backend, table, "i")["state"] == {"S": "one"}


@pytest.mark.parametrize(
    ("stored", "wins"),
    [
        (None, True),
        ({"M": {}}, True),
        ({"M": {"expires_at": {"N": "5"}}}, True),
        ({"M": {"expires_at": {"S": "2026-01-31T09:00:00Z"}}}, True),
        ({"M": {"expires_at": {"S": "2026-01-31T09:30:00Z"}}}, True),
        ({"M": {"expires_at": {"S": "2026-01-31T11:00:00Z"}}}, False),
    ],
)
def test_a_token_is_replaced_by_a_longer_lived_one_only(
    backend: Backend, table: str, stored: Any, *, wins: bool
) -> None:
    """The condition with which refresh stores it."""
    if stored is not None:
        backend.dynamodb.put_item(TableName=table, Item={**_item("token"), "value": stored})
    request: Any = {
        "TableName": table,
        "Item": {**_item("token"), "value": {"M": {"expires_at": {"S": "2026-01-31T10:00:00Z"}}}},
        **not_longer_lived("2026-01-31T09:00:00Z", "2026-01-31T10:00:00Z"),
    }
    if wins:
        backend.dynamodb.put_item(**request)
    else:
        with pytest.raises(errors.ConditionFailed):
            backend.dynamodb.put_item(**request)


def _mark(table: str, identifier: str, judged: str) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": table,
            "Key": records.key("INSTANCE", identifier),
            "UpdateExpression": "SET #state = :new, #runId = :none",
            "ConditionExpression": "#state = :judged AND attribute_not_exists(#runId)",
            "ExpressionAttributeNames": {"#state": "state", "#runId": "runId"},
            "ExpressionAttributeValues": {":new": {"S": "terminated"}, ":judged": {"S": judged}, ":none": {"S": ""}},
        }
    }


def test_a_transaction_is_all_or_nothing_and_names_the_items_that_lost(backend: Backend, table: str) -> None:
    """A reason an action, in their order."""
    for identifier in ("a", "b", "c"):
        _put(backend, table, identifier, state="idle")
    with pytest.raises(errors.TransactionCancelled) as caught:
        backend.dynamodb.transact_write_items(
            TransactItems=[_mark(table, "a", "idle"), _mark(table, "b", "running"), _mark(table, "c", "idle")]
        )
    assert caught.value.reasons == ("None", "ConditionalCheckFailed", "None")
    assert {_get(backend, table, each)["state"]["S"] for each in ("a", "b", "c")} == {"idle"}
    backend.dynamodb.transact_write_items(TransactItems=[_mark(table, "a", "idle"), _mark(table, "c", "idle")])
    assert [_get(backend, table, each)["state"]["S"] for each in ("a", "b", "c")] == [
        "terminated",
        "idle",
        "terminated",
    ]


def test_a_transaction_takes_100_actions_and_no_more(backend: Backend, table: str) -> None:
    """The size of a batch of marks."""

    def puts(number: int) -> list[dict[str, Any]]:
        return [{"Put": {"TableName": table, "Item": _item(str(each))}} for each in range(number)]

    backend.dynamodb.transact_write_items(TransactItems=puts(100))
    with pytest.raises(errors.Rejected):
        backend.dynamodb.transact_write_items(TransactItems=puts(101))


def test_a_transaction_takes_no_item_twice(backend: Backend, table: str) -> None:
    """Not even for two conditions on it."""
    with pytest.raises((errors.Rejected, errors.TransactionCancelled)):
        backend.dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": _item("a")}}] * 2)


@pytest.mark.parametrize(("state", "deleted"), [(None, True), ("terminated", True), ("idle", False)])
def test_cleaning_deletes_what_is_absent_or_still_terminated(
    backend: Backend, table: str, state: str | None, *, deleted: bool
) -> None:
    """Together with its artifacts, or nothing."""
    _put(backend, table, "beat")
    if state:
        _put(backend, table, "i", state=state)
    actions = [
        {
            "Delete": {
                "TableName": table,
                "Key": records.key("INSTANCE", "i"),
                "ConditionExpression": "attribute_not_exists(PK) OR #state = :terminated",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {":terminated": {"S": "terminated"}},
            }
        },
        {"Delete": {"TableName": table, "Key": records.key("INSTANCE", "beat")}},
    ]
    if deleted:
        backend.dynamodb.transact_write_items(TransactItems=actions)
    else:
        with pytest.raises(errors.TransactionCancelled):
            backend.dynamodb.transact_write_items(TransactItems=actions)
    assert bool(_get(backend, table, "beat")) is not deleted


def _pages(backend: Backend, table: str, **more: Any) -> list[list[Any]]:
    pages: list[list[Any]] = []
    start: dict[str, Any] = {}
    while True:
        page = _query(
            backend,
            table,
            ProjectionExpression="SK, #state",
            ExpressionAttributeNames={"#state": "state"},
            **more,
            **start,
        )
        pages.append(page["Items"])
        if "LastEvaluatedKey" not in page:
            return pages
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _fill(backend: Backend, table: str) -> None:
    for number in range(60):
        _put(backend, table, f"{number:03}", state="terminated", padding="x" * 40_000)
    _put(backend, table, "999", state="idle")


def test_a_query_returns_pages_of_one_megabyte_before_projection(backend: Backend, table: str) -> None:
    """However little of an item is asked for."""
    _fill(backend, table)
    pages = _pages(backend, table)
    assert len(pages) == 3
    found = [item for page in pages for item in page]
    assert len(found) == 61
    assert found[-1] == {"SK": {"S": "ID#999"}, "state": {"S": "idle"}}


@pytest.mark.wrong_on(**{"DynamoDB Local": "it fills a page with what the filter has left"})
def test_a_page_may_be_empty_and_not_the_last(backend: Backend, table: str) -> None:
    """The filter comes after the page."""
    _fill(backend, table)
    filtered = {"FilterExpression": "#state <> :terminated", "values": {":terminated": {"S": "terminated"}}}
    assert [len(page) for page in _pages(backend, table, **filtered)] == [0, 0, 1]


def test_an_absent_attribute_differs_from_every_value(backend: Backend, table: str) -> None:
    """A record without a state is not taken for a terminated one."""
    _put(backend, table, "a")
    names, values = {"#state": "state"}, {":terminated": {"S": "terminated"}}
    for sign, expected in (("<>", 1), ("=", 0), ("<", 0)):
        page = _query(
            backend, table, FilterExpression=f"#state {sign} :terminated", ExpressionAttributeNames=names, values=values
        )
        assert len(page["Items"]) == expected, sign


def test_a_batch_gives_what_exists_and_takes_100_keys(backend: Backend, table: str) -> None:
    """What does not exist is left out."""
    _put(backend, table, "a")
    keys = [records.key("INSTANCE", each) for each in ("a", "b")]
    found = backend.dynamodb.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
    assert found["Responses"][table] == [_item("a")]
    many = [records.key("INSTANCE", str(number)) for number in range(101)]
    with pytest.raises(errors.Rejected):
        backend.dynamodb.batch_get_item(RequestItems={table: {"Keys": many}})


def test_of_16_racing_marks_one_wins(backend: Backend, table: str) -> None:
    """A claim and a collection race: exactly one of them holds."""
    _put(backend, table, "a", state="idle")

    def mark(_: int) -> bool:
        try:
            backend.dynamodb.transact_write_items(TransactItems=[_mark(table, "a", "idle")])
        except errors.TransactionCancelled:
            return False
        return True

    # The one in memory is one thread's own.
    with ThreadPoolExecutor(1 if backend.name == "memory" else 16) as pool:
        assert sum(pool.map(mark, range(16))) == 1


def test_an_update_needs_its_condition_and_keeps_the_rest(backend: Backend, table: str) -> None:
    """As a claim does: of two, the second finds another state."""
    _put(backend, table, "a", state="idle", kept="x")
    claim: dict[str, Any] = {
        "TableName": table,
        "Key": records.key("INSTANCE", "a"),
        "UpdateExpression": "SET #state = :state, #runId = :runId",
        "ConditionExpression": "#state = :judged",
        "ExpressionAttributeNames": {"#state": "state", "#runId": "runId"},
        "ExpressionAttributeValues": {":state": {"S": "claimed"}, ":runId": {"S": "77"}, ":judged": {"S": "idle"}},
    }
    backend.dynamodb.update_item(**claim)
    with pytest.raises(errors.ConditionFailed):
        backend.dynamodb.update_item(**claim)
    assert _get(backend, table, "a") == _item("a", state="claimed", kept="x", runId="77")
