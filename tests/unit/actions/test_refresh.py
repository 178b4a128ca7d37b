"""The process around a run: its clock, signals, progress and end."""

from __future__ import annotations

import gc
import os
import sys
import time
from datetime import UTC, datetime

import pytest

from refresh import start
from refresh.actions.refresh import SystemClock, _progress, main
from refresh.workflow import log
from refresh.workflow.shutdown import Shutdown
from tests.fakes.literals import good


@pytest.fixture
def good_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `main` find good inputs and credentials, and the streams as they were afterwards."""
    monkeypatch.setattr(os, "environ", {**good(), "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"})
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))


def test_the_time_is_utc() -> None:
    """It is written to a table that others compare."""
    before = datetime.now(UTC)
    assert before <= SystemClock(Shutdown()).now() <= datetime.now(UTC)


def test_a_run_that_is_asked_to_stop_does_not_sleep() -> None:
    """GitHub kills it ten seconds after the signal. If it slept, the test would time out."""
    shutdown = Shutdown()
    shutdown.request()
    SystemClock(shutdown).sleep(3600)


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


def test_the_command_does_not_wait_for_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter would join those that still wait for an answer; it takes the arguments along."""

    class Left(Exception):
        pass

    def leave(code: int) -> None:
        raise Left(code)

    given: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        given.append(arguments)
        return 1

    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(sys, "argv", ["refresh-action", "--mode=plan"])
    monkeypatch.setattr(start, "main", run)
    with pytest.raises(Left, match="1"):
        start.command()
    assert given == [["--mode=plan"]]


def test_the_progress_of_long_work_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """Also where it is the first thing that is."""
    log.configure(as_json=False)
    _progress("terminated", 300, 5000)
    assert "collector.progressed          terminated 300 of 5000" in capfd.readouterr().out


@pytest.mark.usefixtures("good_environ")
def test_a_run_that_was_asked_to_end_writes_all_that_it_told() -> None:
    """And gives its exit code to whoever started it."""
    shutdown = Shutdown()
    shutdown.request()
    assert main(shutdown=shutdown) == 1


@pytest.mark.usefixtures("good_environ")
def test_a_defect_after_the_components_have_begun_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """No one would see what they go on with."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("refresh.output.publish.beginning", broken)
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", broken)
    shutdown = Shutdown()
    assert main(shutdown=shutdown) == 1
    assert shutdown.requested()


@pytest.mark.usefixtures("good_environ")
def test_the_garbage_collector_works_again_once_all_is_loaded() -> None:
    """It was off while nothing could be garbage; a long collection needs it."""
    shutdown = Shutdown()
    shutdown.request()
    gc.disable()
    try:
        main(shutdown=shutdown)
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()
