"""The life of a record: every write is conditional on what was read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.pool import lifecycle, records
from refresh.pool.lifecycle import Threshold
from refresh.pool.records import InstanceRecord, wire_time
from tests.fakes.desired import TABLE
from tests.fakes.memory import expressions
from tests.fakes.serial import NOW

ID = "i-0123456789abcdef0"
SECOND = timedelta(seconds=1)
RECORD = InstanceRecord(id=ID, state=lifecycle.RUNNING, run_id="7", threshold=wire_time(NOW))


def _stored(record: InstanceRecord) -> records.Item:
    """Return the item of a record, as others wrote it before."""
    attributes = {"state": record.state, "runId": record.run_id, "threshold": record.threshold, "kept": "x"}
    given = {name: value for name, value in attributes.items() if value is not None}
    return records.item(records.INSTANCE, ID, NOW - SECOND, **given)


def _holds(request: dict[str, Any], item: records.Item | None) -> bool:
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    return expressions.holds(request["ConditionExpression"], item, names, values)


def _updated(request: dict[str, Any], item: records.Item) -> records.Item:
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    return expressions.updated(request["UpdateExpression"], item, names, values)


def test_an_update_sets_what_is_written_and_the_time_and_keeps_the_rest() -> None:
    request = lifecycle.update(TABLE, RECORD, {"state": "idle", "lastRunId": "7"}, Threshold.ANY, NOW)
    assert (request["TableName"], request["Key"]) == (TABLE, records.key(records.INSTANCE, ID))
    before = _stored(RECORD)
    written = {"state": "idle", "lastRunId": "7", "updatedAt": wire_time(NOW)}
    assert _updated(request, before) == before | {name: {"S": value} for name, value in written.items()}


@pytest.mark.parametrize("threshold", Threshold)
@pytest.mark.parametrize(
    "changed",
    [{"state": "idle"}, {"run_id": "8"}, {"run_id": ""}, {"run_id": None}, {"threshold": None}, {"threshold": "soon"}],
)
def test_an_update_is_lost_if_the_record_is_not_as_read(changed: dict[str, Any], threshold: Threshold) -> None:
    moment = {Threshold.ANY: NOW, Threshold.AHEAD: NOW - SECOND, Threshold.PAST: NOW + SECOND}[threshold]
    request = lifecycle.update(TABLE, RECORD, {"state": "idle"}, threshold, moment)
    assert _holds(request, _stored(RECORD))
    assert not _holds(request, _stored(evolve(RECORD, **changed)))
    assert not _holds(request, None)


def test_an_attribute_that_was_absent_must_still_be_absent() -> None:
    bare = evolve(RECORD, run_id=None, threshold=None)
    request = lifecycle.update(TABLE, bare, {"state": "idle"}, Threshold.ANY, NOW)
    assert _holds(request, _stored(bare))
    assert not _holds(request, _stored(evolve(bare, run_id="")))
    assert not _holds(request, _stored(evolve(bare, threshold="")))


@pytest.mark.parametrize(
    ("threshold", "before", "same", "after"),
    [
        (Threshold.ANY, True, True, True),
        (Threshold.AHEAD, True, False, False),
        (Threshold.PAST, False, False, True),
    ],
)
def test_a_threshold_is_compared_in_whole_seconds(
    threshold: Threshold, *, before: bool, same: bool, after: bool
) -> None:
    """In the second of the threshold itself it is neither ahead nor past."""
    moments = {NOW - SECOND: before, NOW: same, NOW + SECOND: after}
    for moment, allowed in moments.items():
        request = lifecycle.update(TABLE, RECORD, {"state": "idle"}, threshold, moment)
        assert _holds(request, _stored(RECORD)) is allowed


@pytest.mark.parametrize("threshold", Threshold)
def test_dynamodb_refuses_no_update_for_a_name_or_value_that_is_not_used(threshold: Threshold) -> None:
    for record in (RECORD, evolve(RECORD, run_id=None, threshold=None)):
        request = lifecycle.update(TABLE, record, {"offeredFor": "x"}, threshold, NOW)
        words = f"{request['UpdateExpression']} {request['ConditionExpression']}".replace(",", " ").split()
        bare = {word.removeprefix("attribute_not_exists(").removesuffix(")") for word in words}
        listed = {*request["ExpressionAttributeNames"], *request["ExpressionAttributeValues"]}
        assert listed == {word for word in bare if word.startswith(("#", ":"))}


def test_a_first_record_is_put_only_where_there_is_none() -> None:
    request = lifecycle.put(TABLE, ID, {"state": "created", "runId": "7"}, NOW)
    assert request["Item"] == records.item(records.INSTANCE, ID, NOW, state="created", runId="7")
    assert _holds(request, None)
    assert not _holds(request, _stored(RECORD))


@pytest.mark.parametrize("state", [*sorted(lifecycle.LIVING_STATES), lifecycle.TERMINATED])
def test_only_a_marked_record_is_deleted(state: str) -> None:
    request = lifecycle.delete(TABLE, ID)
    assert request["Key"] == records.key(records.INSTANCE, ID)
    assert _holds(request, _stored(evolve(RECORD, state=state))) is (state == lifecycle.TERMINATED)
    assert _holds(request, None)


BUSY = evolve(RECORD, updated_at=wire_time(NOW - 5 * SECOND), threshold=wire_time(NOW + 9 * SECOND), busy_seconds=60)


@pytest.mark.parametrize(
    ("changed", "seconds"),
    [
        ({}, 65),
        ({"state": lifecycle.CREATED}, 65),
        ({"threshold": "soon"}, 65),
        ({"threshold": wire_time(NOW - 2 * SECOND)}, 63),
        ({"threshold": wire_time(NOW - 9 * SECOND)}, 60),
        ({"updated_at": wire_time(NOW + SECOND)}, 60),
        ({"updated_at": "soon"}, 60),
        ({"run_id": ""}, 60),
        ({"run_id": None}, 60),
        ({"state": lifecycle.TERMINATED}, 60),
    ],
)
def test_a_machine_is_busy_while_a_run_has_it_until_the_threshold(changed: dict[str, Any], seconds: int) -> None:
    assert lifecycle.busy_seconds(evolve(BUSY, **changed), NOW) == seconds


def test_an_update_writes_numbers_as_numbers() -> None:
    request = lifecycle.update(TABLE, RECORD, {"busySeconds": 65}, Threshold.ANY, NOW)
    assert _updated(request, _stored(RECORD))["busySeconds"] == {"N": "65"}


def test_an_extension_moves_the_threshold_and_what_equals_it_and_keeps_the_time_of_the_record() -> None:
    until = wire_time(NOW + 600 * SECOND)
    idle = evolve(RECORD, state="idle", run_id="", threshold=until, updated_at=wire_time(NOW - SECOND))
    later = {"S": wire_time(NOW + 3540 * SECOND)}
    for fresh, offered in ((until, ""), ("", until), (until, until), ("", "")):
        record = evolve(idle, fresh_for=fresh, offered_for=offered)
        request = lifecycle.extension(TABLE, record, NOW + 3540 * SECOND, NOW)
        item = {**_stored(record), "freshFor": {"S": fresh}, "offeredFor": {"S": offered}}
        assert _holds(request, item)
        assert not _holds(request, {**item, "runId": {"S": "8"}})
        moved = {name: later for name, each in (("freshFor", fresh), ("offeredFor", offered)) if each}
        assert _updated(request, item) == {**item, "threshold": later, **moved}
    assert not _holds(lifecycle.extension(TABLE, idle, NOW, NOW + 601 * SECOND), _stored(idle))
