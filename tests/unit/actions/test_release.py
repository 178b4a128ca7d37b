"""The run of release: inputs in, exit code out, and what is left where it is stopped or broken."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from refresh import errors
from refresh.actions import release
from refresh.output import release_report
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from refresh.workflow.shutdown import Shutdown
from tests.fakes.memory.account import Watch
from tests.unit.release import pools
from tests.unit.release.pools import RUN, attributes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulation.pool import Pool

TOKEN = "ghs_of-a-test-0123456789"
PATIENCE_SECONDS = 60
"""Far more than a release takes: a test that waits so long has failed."""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the variables of a job that releases."""
    return {
        "GITHUB_REPOSITORY": "octo/widgets",
        "GITHUB_RUN_ID": RUN,
        "GITHUB_WORKSPACE": str(tmp_path),
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "INPUT_GITHUB-TOKEN": TOKEN,
    }


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Connect releases to a pool in memory, at this machine's time."""
    made = pools.made()
    made.account.clock.moment = datetime.now(UTC)
    monkeypatch.setattr(release, "connect_door", lambda *_: pools.clients(made))
    return made


def _run(environ: dict[str, str], shutdown: Shutdown | None = None, stream: io.StringIO | None = None) -> int:
    commands = Commands(environ, RedactingStream(stream or io.StringIO()))
    return release.run(environ, commands, shutdown or Shutdown())


def _report(tmp_path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((tmp_path / release_report.FILE).read_text())
    return report


def test_a_release_gives_the_machines_back_and_reports_it(pool: Pool, environ: dict[str, str], tmp_path: Path) -> None:
    machine = pools.runs(pool)
    assert _run(environ) == 0
    assert attributes(pool, machine)["state"] == "idle"
    assert [each["id"] for each in _report(tmp_path)["machines"]] == [machine]


def test_a_release_that_is_refused_ends_with_exit_code_1(pool: Pool, environ: dict[str, str], tmp_path: Path) -> None:
    pools.runs(pool)
    pool.account.state.jobs[RUN] = [pools.job()]
    assert _run(environ) == 1
    assert (_report(tmp_path)["exit_code"], pool.account.writes) == (1, [])


def test_bad_inputs_are_reported_together_and_nothing_is_asked(pool: Pool, environ: dict[str, str]) -> None:
    stream = io.StringIO()
    bad = {"INPUT_NAME": "a b", "INPUT_RUN-ID": "x", "INPUT_FORCE": "perhaps"}
    assert _run({**environ, **bad}, stream=stream) == 2
    assert [f"error: {name}" in stream.getvalue() for name in ("name", "run-id", "force")] == [True] * 3
    assert pool.account.calls == []


@pytest.mark.parametrize(
    ("error", "code"), [(errors.InputErrors(["role: cannot be assumed"]), 2), (errors.Interrupted("stopped"), 1)]
)
def test_what_prevents_the_connection_is_reported(
    error: Exception, code: int, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(release, "connect_door", refuse)
    stream = io.StringIO()
    assert _run(environ, stream=stream) == code
    assert "error: " in stream.getvalue()


def test_the_token_is_masked_before_anything_is_asked(pool: Pool, environ: dict[str, str]) -> None:
    stream = io.StringIO()
    _run({**environ, "GITHUB_ACTIONS": "true"}, stream=stream)
    assert stream.getvalue().startswith(f"::add-mask::{TOKEN}\n")
    assert stream.getvalue().count(TOKEN) == 1
    assert pool.account.calls


@pytest.mark.usefixtures("pool")
def test_a_release_that_is_asked_to_stop_changes_nothing_more(pool: Pool, environ: dict[str, str]) -> None:
    pools.runs(pool)
    shutdown = Shutdown()
    shutdown.request()
    assert _run(environ, shutdown) == 1
    assert pool.account.writes == []


def test_a_call_that_is_not_answered_in_time_is_abandoned_and_the_rest_reported(
    pool: Pool, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools.runs(pool)
    begun, answered = Event(), Event()

    class Hanging(Watch):
        def before(self, _number: int, operation: str) -> None:
            """Answer after the release has ended."""
            if operation == "dynamodb:TransactWriteItems":
                begun.set()
                assert answered.wait(PATIENCE_SECONDS)

    pool.account.seam = Hanging()
    monkeypatch.setattr(Shutdown, "out_of_patience", lambda _: begun.wait(PATIENCE_SECONDS))
    try:
        assert _run(environ) == 1
    finally:
        answered.set()
    report = _report(tmp_path)
    assert (report["exit_code"], report["release"]["outcomes"], len(report["release"]["planned"])) == (1, [], 1)


@pytest.mark.usefixtures("pool")
def test_a_defect_stops_the_calls_that_are_under_way(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr("refresh.output.publish_release.beginning", broken)
    shutdown = Shutdown()
    with pytest.raises(ZeroDivisionError):
        _run(environ, shutdown)
    assert shutdown.requested()
