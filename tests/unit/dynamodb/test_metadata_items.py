"""METADATA items are read together once and then each anew; and what is begun early is read once."""

from __future__ import annotations

from typing import Any

import pytest

from refresh import errors
from refresh.engine.shared_read import SharedRead
from refresh.pool import names, records
from tests.fakes.desired import TABLE
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, Serial, StillClock

IDLE, RUNTIME = names.IDLE_TIME_IDENTIFIER, names.MAX_RUNTIME_IDENTIFIER
ABSENT = errors.NotFound("dynamodb:GetItem", "ResourceNotFoundException")


def test_the_first_readers_of_all_items_pay_one_call() -> None:
    """A run that changes nothing asks once."""
    items = Items({IDLE: {"N": "420"}})
    found = metadata(items)
    assert {identifier: found.read(identifier).get("value") for identifier in names.METADATA_IDENTIFIERS} == {
        **dict.fromkeys(names.METADATA_IDENTIFIERS),
        IDLE: {"N": "420"},
    }
    assert items.calls == ["BatchGetItem"]


def test_a_later_read_sees_what_was_written_since_and_asks_for_nothing() -> None:
    """DynamoDB has acknowledged it; a second pass must not judge the past."""
    items = Items({IDLE: {"N": "420"}})
    found = metadata(items)
    found.read(IDLE)
    found.write(IDLE, 600)
    assert found.read(IDLE) == found.read(IDLE) == items.items[IDLE]
    assert found.read(IDLE)["value"] == {"N": "600"}
    assert found.first(IDLE)["value"] == {"N": "420"}
    assert items.calls == ["BatchGetItem", "PutItem"]


@pytest.mark.parametrize("theirs", [{"N": "900"}, None])
def test_what_a_refused_or_unanswered_write_left_is_read_anew_once(theirs: dict[str, Any] | None) -> None:
    """Somebody else's item may be there, or ours all the same; and another write is known again."""
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


def test_the_start_can_be_looked_at_without_using_up_the_first_look() -> None:
    """`first` is for those who only want the start of the run."""
    items = Items({IDLE: {"N": "420"}})
    found = metadata(items)
    assert found.first(IDLE) == found.read(IDLE)
    assert found.first(RUNTIME) == {}
    assert items.calls == ["BatchGetItem"]


def test_an_item_that_is_gone_is_empty() -> None:
    """Also on a later read."""
    items = Items()
    found = metadata(items)
    assert (found.read(IDLE), found.read(IDLE)) == ({}, {})
    assert items.calls == ["BatchGetItem"]


def test_a_table_that_is_not_there_holds_nothing() -> None:
    """No table is no error: the state table's own component creates it."""

    class _NoTable:
        def batch_get_item(self, **_: Any) -> None:
            raise ABSENT

        def get_item(self, **_: Any) -> None:
            raise ABSENT

        def put_item(self, **_: Any) -> None:
            raise ABSENT

    found = metadata(_NoTable())
    assert found.read(IDLE) == {}
    with pytest.raises(errors.NotFound):
        found.write(IDLE, 420)
    assert found.read(IDLE) == {}


def test_reads_are_consistent() -> None:
    """What another process just wrote is seen."""
    asked: list[bool] = []

    class _Asked(Items):
        def batch_get_item(self, **request: Any) -> dict[str, Any]:
            asked.append(request["RequestItems"][TABLE]["ConsistentRead"])
            return super().batch_get_item(**request)

        def get_item(self, **request: Any) -> dict[str, Any]:
            asked.append(request["ConsistentRead"])
            return super().get_item(**request)

    items = _Asked()
    found = metadata(items)
    found.read(IDLE)
    items.refusal = ABSENT
    with pytest.raises(errors.NotFound):
        found.write(IDLE, 420)
    found.read(IDLE)
    assert asked == [True, True]


def test_an_item_is_written_as_a_whole_under_its_key() -> None:
    """A crash leaves the old or the new one."""
    items = Items()
    metadata(items).write(IDLE, 420, {"ConditionExpression": "attribute_not_exists(PK)"})
    assert items.puts == [
        {
            "TableName": TABLE,
            "Item": {
                "PK": {"S": "TYPE#METADATA"},
                "SK": {"S": "ID#idle_time_sec"},
                "entityType": {"S": "METADATA"},
                "identifier": {"S": "idle_time_sec"},
                "value": {"N": "420"},
                "updatedAt": {"S": records.wire_time(NOW)},
            },
            "ConditionExpression": "attribute_not_exists(PK)",
        }
    ]


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
        first = super().batch_get_item(RequestItems={TABLE: {"Keys": keys[:1]}})
        return {**first, "UnprocessedKeys": {TABLE: {"Keys": keys[1:], "ConsistentRead": True}}}


def test_unprocessed_keys_are_asked_for_again_after_a_pause() -> None:
    """DynamoDB answers in part when it is busy; a missing answer is not a missing item."""
    values = {IDLE: {"N": "420"}, RUNTIME: {"N": "30"}, names.POOL_IDENTIFIER: {"S": "octo/widgets"}}
    clock = StillClock()
    found = metadata(_Partial(values, 2), clock)
    assert {identifier: found.read(identifier)["value"] for identifier in values} == values
    assert clock.slept == [0.1, 0.2]


def test_keys_that_stay_unprocessed_are_an_error_and_not_an_endless_loop() -> None:
    """After five tries the reader is told; nothing is taken for absent."""
    items = _Partial({}, 99)
    clock = StillClock()
    found = metadata(items, clock)
    with pytest.raises(errors.Throttled, match="UnprocessedKeys"):
        found.read(IDLE)
    assert items.calls == ["BatchGetItem"] * 5
    assert clock.slept == [0.1, 0.2, 0.4, 0.8]


def test_an_error_of_the_first_look_reaches_every_reader() -> None:
    """Nobody takes it for an empty table."""

    class _Denied:
        def batch_get_item(self, **_: Any) -> None:
            raise errors.PermissionDenied("dynamodb:BatchGetItem", "AccessDeniedException")

    found = metadata(_Denied())
    for identifier in (IDLE, RUNTIME):
        with pytest.raises(errors.PermissionDenied):
            found.read(identifier)


def test_an_early_read_begins_at_once_and_holds_until_it_is_outdated() -> None:
    """Then it is read once more; `first` always gives the start."""
    answers = iter("abc")
    early = SharedRead(Serial(), lambda: next(answers))
    assert next(answers) == "b"
    assert (early.first(), early(), early()) == ("a", "a", "a")
    early.invalidate()
    assert (early(), early(), early.first()) == ("c", "c", "a")


def test_an_early_read_that_failed_is_raised_where_it_is_needed() -> None:
    """Not where it was begun; and another one is tried when it is outdated."""
    answers = iter([ABSENT, None])

    def read() -> str:
        if error := next(answers):
            raise error
        return "there"

    early = SharedRead(Serial(), read)
    with pytest.raises(errors.NotFound):
        early.first()
    with pytest.raises(errors.NotFound):
        early()
    early.invalidate()
    assert early() == "there"
