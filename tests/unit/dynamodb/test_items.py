"""Many items by key: every one that exists, in few calls, also where DynamoDB leaves some for later."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.dynamodb import items
from refresh.pool import records
from tests.fakes.desired import TABLE
from tests.fakes.serial import NOW, StillClock
from tests.unit.reconciler import pools

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.pool import Pool

KEYS = [(entity, str(number)) for number in range(125) for entity in ("RUN", "SETTINGS")]


def _by_key(pool: Pool, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], records.Item]:
    return items.by_key(pool.clients.dynamodb, StillClock(), TABLE, keys)


def test_items_are_read_by_entity_and_identifier_a_hundred_in_a_call() -> None:
    pool = pools.made()
    written = {(entity, name): records.item(entity, name, NOW, value=name) for entity, name in KEYS[::2]}
    for each in written.values():
        pool.table.put(each)
    assert _by_key(pool, KEYS) == written
    assert pool.account.calls == ["dynamodb:BatchGetItem"] * 3
    assert items.by_identifier(pool.clients.dynamodb, StillClock(), TABLE, "RUN", ["0", "x"]) == {
        "0": written["RUN", "0"]
    }


def test_no_keys_are_no_call() -> None:
    pool = pools.made()
    assert _by_key(pool, []) == {}
    assert pool.account.calls == []


def test_items_that_do_not_fit_into_an_answer_are_asked_for_again() -> None:
    pool = pools.made()
    keys = [("RUN", str(number)) for number in range(60)]
    for entity, name in keys:
        pool.table.put(records.item(entity, name, NOW, value="x" * 390_000))
    assert list(_by_key(pool, keys)) == keys
    assert pool.account.calls == ["dynamodb:BatchGetItem"] * 2


def test_items_that_stay_unread_are_an_error_after_growing_pauses() -> None:
    clock = StillClock()

    def refuse(**request: Any) -> Any:
        return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    dynamodb: Any = SimpleNamespace(batch_get_item=refuse)
    with pytest.raises(errors.Throttled):
        items.by_key(dynamodb, clock, TABLE, KEYS[:2])
    assert len(clock.slept) > 2
    assert clock.slept == sorted(set(clock.slept))


def test_without_a_table_a_read_by_key_is_an_error_and_a_list_is_empty() -> None:
    pool = pools.made()
    pool.account.state.tables.clear()
    with pytest.raises(errors.NotFound):
        _by_key(pool, KEYS[:1])
    assert list(items.of_entity(pool.clients.dynamodb, TABLE, "RUN", ("SK",))) == []
