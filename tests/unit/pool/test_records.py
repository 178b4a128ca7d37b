"""The wire form: every process reads what another wrote, and an item that cannot be read is named, never judged."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from refresh.pool import records
from refresh.pool.records import InstanceRecord, Unreadable
from tests.fakes.serial import NOW

ID = "i-0123456789abcdef0"
VALUES = st.recursive(
    st.text() | st.booleans() | st.integers(-(10**38) + 1, 10**38 - 1),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_values_are_written_as_the_sdk_writes_them(value: Any) -> None:
    """The oracle is boto3's own serialiser; the JavaScript SDK has the same form."""
    assert records.to_wire(value) == TypeSerializer().serialize(value)
    wire: Any = records.to_wire(value)
    assert TypeDeserializer().deserialize(wire) == value


def test_a_sequence_is_a_list_and_never_a_set() -> None:
    """A string set passes provision's check and then breaks CreateFleet."""
    assert records.to_wire(("a", "b")) == {"L": [{"S": "a"}, {"S": "b"}]}


@pytest.mark.parametrize("value", [None, 1.5, b"x", {"a"}])
def test_a_value_of_another_type_has_no_wire_form(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        records.to_wire(value)


@given(st.datetimes(datetime(1000, 1, 2), timezones=st.timezones()))  # noqa: DTZ001 - given a zone there
def test_times_are_read_back_in_utc_seconds_and_sort_as_texts(moment: datetime) -> None:
    text = records.wire_time(moment)
    back = records.read_time(text)
    assert back == moment.astimezone(UTC).replace(microsecond=0)
    assert (text < records.wire_time(NOW)) is (back < NOW)


def test_a_time_is_utc_in_any_zone_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert records.wire_time(NOW) == "2026-01-31T09:05:00Z"
        assert records.read_time("2026-01-31T09:05:00Z") == NOW
        assert str(records.read_moment("2026-01-31T11:05:00+02:00")) == "2026-01-31 09:05:00+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


OTHER_TIMES = """
2026-01-31|2026-1-31T09:05:00Z|2026-01-31T09:05:00|2026-01-31T09:05:00+00:00|1769850300|now
2026-02-30T09:05:00Z|2026-01-31T24:00:00Z|2026-01-31T09:05:60Z
"""


@pytest.mark.parametrize("text", ["", "2026-01-31T09:05:00Z\n", *re.split(r"[|\s]", OTHER_TIMES.strip())])
def test_no_other_form_of_a_time_is_read(text: str) -> None:
    """It would not compare as a string."""
    assert records.read_time(text) is None


@pytest.mark.shows("A9")
@given(st.dictionaries(st.sampled_from([*records.INSTANCE_ATTRIBUTES, "extra"]), VALUES | st.none()))
def test_reading_a_record_never_fails(attributes: dict[str, Any]) -> None:
    """Jobs on a runner can write records."""
    wire = {name: {"NULL": True} if value is None else records.to_wire(value) for name, value in attributes.items()}
    assert isinstance(records.read_instance(wire), InstanceRecord | Unreadable)


def test_a_record_is_read_as_provision_wrote_it() -> None:
    read = {"state": "claimed", "runId": "4711", "threshold": "2026-01-31T09:00:00Z"}
    kept = {"resourceClass": "large", "instanceType": "m7i.large", "usageClass": "spot", "endedReason": "expired"}
    record = records.read_instance(records.item(records.INSTANCE, ID, NOW, **read, **kept, surprise="ignored"))
    assert isinstance(record, InstanceRecord)
    assert (record.id, record.state, record.run_id, record.threshold) == (ID, *read.values())
    assert (record.resource_class, record.instance_type, record.usage_class) == ("large", "m7i.large", "spot")
    assert (record.updated_at, record.ended) == ("2026-01-31T09:05:00Z", (("endedReason", "expired"),))
    assert (record.expires, record.marked_at) == (NOW - timedelta(minutes=5), NOW)
    least = {**records.key(records.INSTANCE, ID), "state": {"S": "idle"}}
    assert records.read_instance(least) == InstanceRecord(id=ID, state="idle", run_id=None, threshold=None)


@pytest.mark.parametrize(
    "container", [{}, {"a": "x"}, {"a": {"S": 5}}, {"a": {"N": "x"}}, {"a": {"M": []}}, {"a": {"BOOL": "no"}}]
)
def test_an_attribute_of_another_type_reads_as_absent(container: dict[str, Any]) -> None:
    assert records.text(container, "a") is None
    assert records.number(container, "a") is None
    assert records.mapping(container, "a") == {}
    assert records.truth(container, "a") is None


@pytest.mark.parametrize(
    ("digits", "number"),
    [("0", 0), ("-5", -5), ("420", 420), *((each, None) for each in ("1.5", "1e3", "٣", "9" * 39, "", "+5"))],
)
def test_only_whole_numbers_are_read(digits: str, number: int | None) -> None:
    assert records.number({"a": {"N": digits}}, "a") == number


def test_a_history_item_without_a_readable_mark_ends_now() -> None:
    """The original's terminated records have no time that can be read."""
    old = InstanceRecord(id=ID, state="terminated", run_id=None, threshold=None)
    assert records.history_item(old, NOW)["endedAt"] == {"S": "2026-01-31T09:05:00Z"}


@pytest.mark.parametrize(
    ("wire", "identifier"),
    [
        (records.key(records.INSTANCE, ID), ID),
        ({"SK": {"S": "id#x"}}, "(key 'id#x')"),
        ({"SK": {"S": "x" * 41}}, f"(key '{'x' * 40}')"),
        ({}, "(key '')"),
    ],
)
def test_an_item_is_named_by_its_key_of_any_form(wire: records.Item, identifier: str) -> None:
    assert records.identifier_of(wire) == identifier


@pytest.mark.parametrize(
    ("identifier", "attributes", "problem"),
    [
        ("nonsense", {"state": "idle"}, "identifier"),
        (ID, {"state": "asleep"}, "unknown"),
        (ID, {}, "no state"),
        (ID, {"state": "idle", "runId": 7}, "runId"),
        (ID, {"state": "idle", "threshold": 7}, "threshold"),
    ],
)
def test_an_unreadable_record_is_named_with_its_problem(
    identifier: str, attributes: dict[str, Any], problem: str
) -> None:
    found = records.read_instance(records.item(records.INSTANCE, identifier, NOW, **attributes))
    assert isinstance(found, Unreadable)
    assert (found.id, problem in found.problem) == (identifier, True)


def test_the_history_has_what_is_known_of_the_life_of_a_machine() -> None:
    marked = InstanceRecord(id=ID, state="terminated", run_id="", threshold=None)
    known: dict[str, Any] = {
        "launched_at": "2026-01-31T08:00:00Z",
        "template_version": "3",
        "cut_off": "7",
        "busy_seconds": 60,
    }
    written = records.history_item(evolve(marked, **known), NOW)
    wire = {"launchedAt": {"S": known["launched_at"]}, "templateVersion": {"S": "3"}, "cutOff": {"S": "7"}}
    assert written.items() >= {**wire, "busySeconds": {"N": "60"}}.items()
    least = records.history_item(marked, NOW)
    assert (wire.keys() & least.keys(), least["busySeconds"]) == (set(), {"N": "0"})


@pytest.mark.parametrize(("digits", "count"), [("7", 7), ("-1", 0), ("x", 0), ("9" * 38, records.LARGEST_COUNT)])
def test_a_count_is_never_negative_nor_too_large_to_compute_with(digits: str, count: int) -> None:
    assert records.count({"a": {"N": digits}}, "a") == count
