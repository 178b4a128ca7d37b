"""The process around a run: its clock, signals, progress and end."""

from __future__ import annotations

import gc
import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from refresh import start
from refresh.actions import refresh
from refresh.actions.refresh import SystemClock, main
from refresh.output import publish
from refresh.workflow import log
from refresh.workflow.shutdown import Shutdown
from tests.fakes.literals import good

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def shutdown(monkeypatch: pytest.MonkeyPatch) -> Shutdown:
    """Give a run good inputs and credentials, and keep the streams of the test."""
    monkeypatch.setattr(os, "environ", {**good(), "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"})
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    return Shutdown()


def test_the_clock_is_utc_and_does_not_sleep_once_the_run_is_asked_to_stop() -> None:
    """If it slept, the test would time out."""
    shutdown = Shutdown()
    shutdown.request()
    SystemClock(shutdown).sleep(3600)
    before = datetime.now(UTC)
    assert before <= SystemClock(shutdown).now() <= datetime.now(UTC)


def test_a_second_signal_does_not_prolong_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub sends SIGTERM seven and a half seconds after SIGINT, and kills ten seconds after it."""
    moments = iter([100.0, 104.9, 105.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    shutdown = Shutdown()
    assert not shutdown.out_of_patience()
    shutdown.request()
    shutdown.request()
    assert shutdown.requested()
    assert [shutdown.out_of_patience(), shutdown.out_of_patience()] == [False, True]


def test_the_command_passes_its_arguments_on_and_does_not_wait_for_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(sys, "argv", ["refresh-action", "--mode=plan"])
    monkeypatch.setattr(start, "main", lambda arguments: arguments)
    command: Callable[[], object] = start.command  # of which mypy does not know that it does not return
    command()
    assert left == [["--mode=plan"]]


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_secrets_of_the_environment_are_concealed_in_both_streams(
    name: str, shutdown: Shutdown, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Libraries may print to either, also before the inputs are read."""
    secret = "wJalr-no-real-secret-0123456789"
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setattr(refresh, "from_environment", lambda *_: getattr(sys, name).write(f"a {secret}\n") and 0)
    assert main(None, shutdown) == 0
    assert "".join(capfd.readouterr()) == "a ***\n"


def test_progress_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=False)
    publish.progress("terminated", 300, 5000)
    assert "terminated 300 of 5000" in capfd.readouterr().out


def test_a_run_that_is_asked_to_stop_ends_with_exit_code_1_and_garbage_is_collected_again(shutdown: Shutdown) -> None:
    """Garbage collection is off while code is loaded; a long run needs it."""
    shutdown.request()
    gc.disable()
    try:
        assert main(shutdown=shutdown) == 1
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_defect_ends_the_components_that_have_begun(monkeypatch: pytest.MonkeyPatch, shutdown: Shutdown) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("refresh.output.publish.beginning", broken)
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", broken)
    assert main(shutdown=shutdown) == 1
    assert shutdown.requested()
