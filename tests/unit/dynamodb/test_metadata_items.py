"""METADATA items are read together once, and then each again only where a write leaves it unknown."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from refresh import errors
from refresh.pool import names, records
from tests.fakes.desired import TABLE
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, StillClock

IDLE, RUNTIME = names.IDLE_TIME_IDENTIFIER, names.MAX_RUNTIME_IDENTIFIER
ABSENT = errors.NotFound("dynamodb:GetItem", "ResourceNotFoundException")


def _raising(error: Exception) -> Any:
    def refuse(**_: Any) -> None:
        raise error

    return SimpleNamespace(batch_get_item=refuse, get_item=refuse, put_item=refuse)


def test_all_items_are_read_in_one_call_and_absent_ones_are_empty() -> None:
    items = Items({IDLE: {"N": "420"}})
    found = metadata(items)
    assert found.first(IDLE) == found.read(IDLE) == items.items[IDLE]
    others = set(names.METADATA_IDENTIFIERS) - {IDLE}
    assert [found.read(each) for each in others] == [found.first(each) for each in others] == [{}] * len(others)
    assert items.calls == ["BatchGetItem"]


def test_a_read_after_a_write_returns_what_was_written_without_a_call() -> None:
    """DynamoDB has acknowledged it; a second pass must not judge the past."""
    items = Items({IDLE: {"N": "420"}})
    found = metadata(items)
    found.write(IDLE, 600)
    assert found.read(IDLE) == found.read(IDLE) == items.items[IDLE]
    assert found.read(IDLE)["value"] == {"N": "600"}
    assert found.first(IDLE)["value"] == {"N": "420"}
    assert items.calls == ["BatchGetItem", "PutItem"]


@pytest.mark.parametrize("theirs", [{"N": "900"}, None])
def test_an_item_is_read_again_once_after_a_refused_or_unanswered_write(theirs: dict[str, Any] | None) -> None:
    """The item may be another process's, or ours after all; the next write settles it again."""
    items = Items({IDLE: {"N": "420"}})
    found = metadata(items)
    found.write(IDLE, 480)
    items.refusal = errors.Unavailable("dynamodb:PutItem", "ReadTimeoutError")
    with pytest.raises(errors.Unavailable):
        found.write(IDLE, 600)
    items.refusal = None
    left = {**records.item(records.METADATA, IDLE, NOW), "value": theirs} if theirs else {}
    items.items = {IDLE: left} if theirs else {}
    assert [found.read(IDLE), found.read(IDLE)] == [left, left]
    found.write(IDLE, 60)
    assert found.read(IDLE)["value"] == {"N": "60"}
    assert items.calls == ["BatchGetItem", "PutItem", "PutItem", "GetItem", "PutItem"]


def test_an_item_of_a_transaction_is_known_or_read_again() -> None:
    items = Items({IDLE: {"N": "420"}})
    found = metadata(items)
    found.written(IDLE, {"value": {"N": "480"}})
    assert found.read(IDLE) == {"value": {"N": "480"}}
    found.written(IDLE, None)
    assert found.read(IDLE) == items.items[IDLE]
    assert items.calls == ["BatchGetItem", "GetItem"]


def test_a_missing_table_holds_no_items_and_refuses_writes() -> None:
    """The state table's own component creates it."""
    found = metadata(_raising(ABSENT))
    assert found.read(IDLE) == {}
    with pytest.raises(errors.NotFound):
        found.write(IDLE, 420)
    assert found.read(IDLE) == {}


def test_an_item_is_written_as_a_whole_under_its_key() -> None:
    """A crash leaves the old or the new one."""
    items = Items()
    metadata(items).write(IDLE, 420, {"ConditionExpression": "attribute_not_exists(PK)"})
    written = {**records.item(records.METADATA, IDLE, NOW), "value": {"N": "420"}}
    assert items.puts == [{"TableName": TABLE, "Item": written, "ConditionExpression": "attribute_not_exists(PK)"}]


class _Partial(Items):
    """Leaves all keys but one unprocessed, `times` times."""

    def __init__(self, values: dict[str, Any], times: int) -> None:
        super().__init__(values)
        self.times = times

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        keys = request["RequestItems"][TABLE]["Keys"]
        self.times -= 1
        if self.times < 0:
            return super().batch_get_item(**request)
        first = super().batch_get_item(RequestItems={TABLE: {"Keys": keys[:1], "ConsistentRead": True}})
        return {**first, "UnprocessedKeys": {TABLE: {"Keys": keys[1:], "ConsistentRead": True}}}


def test_unprocessed_keys_are_requested_again_after_a_pause() -> None:
    """A busy DynamoDB answers in part; a missing answer is not a missing item."""
    values = {IDLE: {"N": "420"}, RUNTIME: {"N": "30"}, names.POOL_IDENTIFIER: {"S": "octo/widgets"}}
    clock = StillClock()
    found = metadata(_Partial(values, 2), clock)
    assert {identifier: found.read(identifier)["value"] for identifier in values} == values
    assert clock.slept == [0.1, 0.2]


def test_keys_that_stay_unprocessed_are_an_error_after_five_tries() -> None:
    items, clock = _Partial({}, 99), StillClock()
    with pytest.raises(errors.Throttled, match="UnprocessedKeys"):
        metadata(items, clock).read(IDLE)
    assert items.calls == ["BatchGetItem"] * 5
    assert clock.slept == [0.1, 0.2, 0.4, 0.8]


def test_an_error_of_the_first_read_reaches_every_reader() -> None:
    """It is not taken for an empty table."""
    found = metadata(_raising(errors.PermissionDenied("dynamodb:BatchGetItem", "AccessDeniedException")))
    for identifier in (IDLE, RUNTIME):
        with pytest.raises(errors.PermissionDenied):
            found.read(identifier)
