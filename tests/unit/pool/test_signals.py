"""What signals and heartbeats say of an agent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from refresh.pool import records, signals
from refresh.pool.signals import BEATS_WITHIN, REGISTERED, SCRIPT_FAILED, Signal
from tests.fakes.serial import NOW

ID = "i-0123456789abcdef0"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ({"M": {"state": {"S": REGISTERED}, "runId": {"S": "77"}}}, Signal(REGISTERED, "77")),
        ({"M": {"state": {"S": "UD_OK"}}}, Signal("UD_OK")),
        ({"M": {"state": {"N": "1"}, "runId": {"N": "1"}}}, Signal("")),
        ({"S": "broken"}, Signal("")),
        (None, Signal("")),
    ],
)
def test_a_signal_that_cannot_be_read_says_nothing(value: Any, read: Signal) -> None:
    item = {**records.item(records.SIGNAL, ID, NOW), **({"value": value} if value else {})}
    assert signals.read_signal(item) == read


@pytest.mark.parametrize(
    ("signal", "registered", "failed"),
    [
        (Signal(REGISTERED, "77"), True, False),
        (Signal(REGISTERED, "88"), False, False),
        (Signal(SCRIPT_FAILED, "77"), False, True),
        (Signal("UD_REMOVE_REG_FAILED", "77"), False, True),
        (Signal(SCRIPT_FAILED, "88"), False, False),
        (Signal("UD_OK", "77"), False, False),
    ],
)
def test_a_signal_is_about_one_label(signal: Signal, *, registered: bool, failed: bool) -> None:
    assert (signal.registered_for("77"), signal.failed_for("77")) == (registered, failed)


@pytest.mark.parametrize(("updated_at", "beat"), [(NOW, NOW), (None, None)])
def test_a_heartbeat_is_when_its_item_was_written(updated_at: Any, beat: Any) -> None:
    item = records.item(records.HEARTBEAT, ID, NOW)
    assert signals.read_beat(item if updated_at else {**item, "updatedAt": {"S": "soon"}}) == beat
    assert signals.read_beat({}) is None


def test_an_agent_works_if_its_last_heartbeat_is_recent() -> None:
    assert signals.beating(NOW - BEATS_WITHIN, NOW)
    assert not signals.beating(NOW - BEATS_WITHIN - timedelta(seconds=1), NOW)
    assert not signals.beating(None, NOW)
