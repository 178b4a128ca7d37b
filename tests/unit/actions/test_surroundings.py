"""The clock of a run."""

from __future__ import annotations

from datetime import UTC, datetime

from refresh.actions.surroundings import SystemClock
from refresh.workflow.shutdown import Shutdown


def test_the_clock_is_utc_and_does_not_sleep_once_the_run_is_asked_to_stop() -> None:
    """If it slept, the test would time out."""
    shutdown = Shutdown()
    shutdown.request()
    SystemClock(shutdown).sleep(3600)
    before = datetime.now(UTC)
    assert before <= SystemClock(shutdown).now() <= datetime.now(UTC)
