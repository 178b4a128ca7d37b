"""The wire form: what is written is what the others read, and what cannot be read is said, never judged."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from refresh.pool import records
from refresh.pool.records import InstanceRecord, Unreadable
from tests.fakes.serial import NOW

VALUES = st.recursive(
    st.text() | st.integers(-(10**38) + 1, 10**38 - 1),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _read(wire: Any) -> object:
    return TypeDeserializer().deserialize(wire)


@given(VALUES)
def test_values_are_written_as_the_sdk_writes_them(value: Any) -> None:
    """The others read with the JavaScript SDK, whose form is the same; boto3's own serialiser is the oracle."""
    assert records.to_wire(value) == TypeSerializer().serialize(value)
    assert _read(records.to_wire(value)) == value


def test_a_sequence_is_a_list_and_never_a_set() -> None:
    """A string set passes provision's check and then breaks CreateFleet."""
    assert records.to_wire(("a", "b")) == {"L": [{"S": "a"}, {"S": "b"}]}


@pytest.mark.parametrize("value", [None, True, 1.5, b"x", {"a"}])
def test_what_has_no_place_in_the_contract_has_no_wire_form(value: object) -> None:
    """A boolean is no number."""
    with pytest.raises(TypeError, match=f"^no wire form for {type(value).__name__}$"):
        records.to_wire(value)


def test_a_time_is_utc_seconds() -> None:
    """Whatever zone it came in; the others compare the text."""
    moment = datetime(2026, 1, 31, 11, 5, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert records.wire_time(moment) == "2026-01-31T09:05:00Z"
    assert records.read_time("2026-01-31T09:05:00Z") == NOW


@given(st.datetimes(datetime(1000, 1, 2), timezones=st.timezones()))  # noqa: DTZ001 - given a zone there
def test_times_survive_and_sort_as_texts(moment: datetime) -> None:
    """The order of texts is the order of moments."""
    text = records.wire_time(moment)
    back = records.read_time(text)
    assert back == moment.astimezone(UTC).replace(microsecond=0)
    assert (text < records.wire_time(NOW)) is (back < NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "2026-1-31T09:05:00Z",
        "2026-01-31T09:05:00",
        "2026-01-31T09:05:00+00:00",
        "1769850300",
        "2026-02-30T09:05:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T09:05:60Z",
        "2026-01-31T09:05:00Z\n",
    ],
)
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
    """All that is judged or kept as history, and nothing else matters."""
    written = records.item(
        records.INSTANCE,
        "i-0123456789abcdef0",
        NOW,
        state="claimed",
        runId="4711",
        threshold="2026-01-31T09:00:00Z",
        resourceClass="large",
        instanceType="m7i.large",
        usageClass="spot",
        endedReason="expired",
        surprise="ignored",
    )
    record = records.read_instance(written)
    assert record == InstanceRecord(
        id="i-0123456789abcdef0",
        state="claimed",
        run_id="4711",
        threshold="2026-01-31T09:00:00Z",
        updated_at="2026-01-31T09:05:00Z",
        resource_class="large",
        instance_type="m7i.large",
        usage_class="spot",
        ended=(("endedReason", "expired"),),
    )
    assert record.expires == NOW - timedelta(minutes=5)
    assert record.marked_at == NOW


@pytest.mark.parametrize("container", [{}, {"a": "x"}, {"a": {"S": 5}}, {"a": {"N": "x"}}, {"a": {"M": []}}, {"a": {}}])
def test_an_attribute_of_another_type_is_none(container: dict[str, Any]) -> None:
    """Nothing raises."""
    assert records.text(container, "a") is None
    assert records.number(container, "a") is None
    assert records.mapping(container, "a") == {}


@pytest.mark.parametrize("digits", ["1.5", "1e3", "٣", "9" * 39, "", "+5"])
def test_only_whole_numbers_are_read(digits: str) -> None:
    """DynamoDB itself normalises what it stores."""
    assert records.number({"a": {"N": digits}}, "a") is None


def test_numbers_are_read_as_written() -> None:
    """Negative ones as well."""
    assert [records.number({"a": {"N": digits}}, "a") for digits in ("0", "-5", "420")] == [0, -5, 420]


def test_a_history_item_without_a_mark_s_time_ends_now() -> None:
    """The original's terminated records have none that can be read."""
    old = InstanceRecord(id="i-00000001", state="terminated", run_id=None, threshold=None)
    assert records.history_item(old, NOW)["endedAt"] == {"S": "2026-01-31T09:05:00Z"}


def test_a_time_is_utc_wherever_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own zone is not what the others read."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert records.wire_time(NOW) == "2026-01-31T09:05:00Z"
        assert str(records.read_moment("2026-01-31T11:05:00+02:00")) == "2026-01-31 09:05:00+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("wire", "identifier"),
    [
        (records.key(records.INSTANCE, "i-00000001"), "i-00000001"),
        ({"SK": {"S": "id#x"}}, "(key 'id#x')"),
        ({"SK": {"S": "x" * 41}}, f"(key '{'x' * 40}')"),
        ({}, "(key '')"),
    ],
)
def test_an_item_is_named_by_its_key_whatever_the_key_is(wire: records.Item, identifier: str) -> None:
    """A person can find it by that; a long one is cut."""
    assert records.identifier_of(wire) == identifier


@pytest.mark.parametrize(
    ("identifier", "attributes", "problem"),
    [
        ("nonsense", {"state": "idle"}, "its identifier is not an instance id"),
        ("i-00000001", {"state": "asleep"}, "its state is none that is known"),
        ("i-00000001", {}, "it has no state"),
        ("i-00000001", {"state": "idle", "runId": 7}, "its runId is not a string"),
        ("i-00000001", {"state": "idle", "threshold": 7}, "its threshold is not a string"),
    ],
)
def test_what_no_rule_may_judge_is_named_with_what_is_wrong_with_it(
    identifier: str, attributes: dict[str, Any], problem: str
) -> None:
    """The warning is made of these words."""
    written = records.item(records.INSTANCE, identifier, NOW, **attributes)
    assert records.read_instance(written) == Unreadable(identifier, problem)


def test_a_record_need_not_have_more_than_its_state() -> None:
    """What is absent is nothing, not some text."""
    written = {**records.key(records.INSTANCE, "i-00000001"), "state": {"S": "idle"}}
    assert records.read_instance(written) == InstanceRecord(id="i-00000001", state="idle", run_id=None, threshold=None)
