"""The shell's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from refresh.__main__ import Stop, SystemClock


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
