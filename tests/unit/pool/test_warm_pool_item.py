"""The item of launches is read as it was written, and whatever else is in it is left out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.pool import warm_pool_item
from refresh.pool.usage import UsageClass
from refresh.pool.warm_pool_item import Pending, Unready, WarmState
from tests.fakes.serial import NOW

ID = "i-00000001"
PENDING = Pending(token="t", label="warm-77-large", count=2, usage_class=UsageClass.SPOT, at=NOW)
STATE = WarmState(
    version="lt-1:3",
    proven=True,
    launches=7,
    unready={ID: Unready(resource_class="large", at=NOW - timedelta(minutes=5))},
    pending={"large": PENDING},
)


def test_the_item_is_read_as_it_was_written() -> None:
    assert warm_pool_item.from_value(warm_pool_item.to_wire(STATE)) == STATE
    assert warm_pool_item.from_value(None) == WarmState()


@pytest.mark.parametrize(
    "broken",
    [
        {"token": {"S": ""}},
        {"label": {"N": "1"}},
        {"count": {"N": "0"}},
        {"count": {"S": "2"}},
        {"usageClass": {"S": "reserved"}},
        {"at": {"S": "yesterday"}},
    ],
)
def test_a_launch_that_cannot_be_read_is_left_out(broken: Any) -> None:
    wire: Any = warm_pool_item.to_wire(STATE)
    wire["M"]["pending"]["M"]["large"]["M"] |= broken
    assert warm_pool_item.from_value(wire) == evolve(STATE, pending={})


@pytest.mark.parametrize("broken", [{ID: {"M": {}}}, {ID: {"S": "?"}}, {"nonsense": {"M": {"at": {"S": "?"}}}}])
def test_a_machine_that_cannot_be_read_is_left_out(broken: Any) -> None:
    wire: Any = warm_pool_item.to_wire(STATE)
    wire["M"]["unready"]["M"] |= broken
    found = warm_pool_item.from_value(wire)
    assert set(found.unready) == {ID} - set(broken)


def test_another_version_forgets_machines_but_no_launch() -> None:
    assert STATE.of("lt-1:3") is STATE
    assert STATE.of("lt-1:4") == evolve(STATE, version="lt-1:4", proven=False, unready={})
    assert STATE.without("large", "xlarge") == evolve(STATE, pending={})


def test_a_write_requires_what_was_read() -> None:
    assert "attribute_not_exists" in warm_pool_item.unchanged(None)["ConditionExpression"]
    wire = warm_pool_item.to_wire(STATE)
    assert warm_pool_item.unchanged(wire)["ExpressionAttributeValues"] == {":before": wire}


@pytest.mark.parametrize(
    ("latest", "left"),
    [
        (NOW, STATE),
        (NOW - timedelta(minutes=1), evolve(STATE, pending={})),
        (NOW - timedelta(minutes=6), evolve(STATE, unready={}, pending={})),
    ],
)
def test_what_was_begun_later_is_left_out(latest: datetime, left: WarmState) -> None:
    assert STATE.until(latest) == left


def test_versions_in_a_row_that_no_machine_proved_are_counted() -> None:
    first = evolve(STATE, proven=False)
    second = first.of("lt-1:4")
    assert (second.unproven, second.of("lt-1:5").unproven) == (1, 1)
    third = evolve(second, unready=STATE.unready).of("lt-1:5")
    assert third.unproven == 2
    assert evolve(third, proven=True).of("lt-1:6").unproven == 0
    assert warm_pool_item.from_value(warm_pool_item.to_wire(third)) == third
