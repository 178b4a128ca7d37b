"""The shell's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from refresh.__main__ import SystemClock
from refresh.stop import Stop

if TYPE_CHECKING:
    import pytest


def test_the_time_is_utc() -> None:
    """It is written to a table that others compare."""
    before = datetime.now(UTC)
    assert before <= SystemClock(Stop()).now() <= datetime.now(UTC)


def test_a_run_that_is_asked_to_stop_does_not_sleep() -> None:
    """GitHub kills it ten seconds after the signal."""
    stop = Stop()
    stop.ask()
    started = time.monotonic()
    SystemClock(stop).sleep(60)
    assert time.monotonic() - started < 30


def test_a_second_signal_does_not_prolong_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub sends SIGTERM seven and a half seconds after SIGINT, and kills ten seconds after it."""
    moments = iter([100.0, 104.9, 105.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    stop = Stop()
    assert not stop.out_of_patience()
    stop.ask()
    stop.ask()
    assert stop.asked()
    assert [stop.out_of_patience(), stop.out_of_patience()] == [False, True]
