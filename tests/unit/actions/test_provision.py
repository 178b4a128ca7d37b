"""The run of provision: inputs in, exit code out, and what is left where it is stopped or broken."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from refresh import errors
from refresh.actions import provision
from refresh.actions.surroundings import SystemClock
from refresh.output import provision_report
from refresh.pool import records
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from refresh.workflow.shutdown import Shutdown
from tests.fakes.memory.account import Watch
from tests.simulation import door_worlds
from tests.simulation.doors import clients_of
from tests.unit.provision import pools
from tests.unit.provision.pools import attributes, result

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulation.stage import Stage

PATIENCE_SECONDS = 60
"""Far more than a provision takes: a test that waits so long has failed."""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the variables of a job that provisions."""
    return {
        "GITHUB_REPOSITORY": "octo/widgets",
        "GITHUB_RUN_ID": pools.RUN,
        "GITHUB_WORKSPACE": str(tmp_path),
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Connect provisions to a pool in memory with a ready machine, whose time passes as the run waits."""
    made = pools.world()
    made.pool.account.clock.moment = datetime.now(UTC)
    door_worlds.write_settings(
        made.pool, token_valid_until=records.read_time(made.pool.in_time(3000)), original_modes=False
    )
    pools.warm(made.pool)
    made.catch_up()
    passing = pools.Passing(made)
    monkeypatch.setattr(SystemClock, "now", lambda _: passing.now())
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: passing.sleep(seconds))
    monkeypatch.setattr(provision, "connect_door", lambda *_: clients_of(made.pool))
    made.pool.account.requests.clear()
    return made


def _run(environ: dict[str, str], shutdown: Shutdown | None = None, stream: io.StringIO | None = None) -> int:
    commands = Commands(environ, RedactingStream(stream or io.StringIO()))
    return provision.run(environ, commands, shutdown or Shutdown())


def _report(tmp_path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((tmp_path / provision_report.FILE).read_text())
    return report


def test_a_provision_claims_a_machine_and_reports_it(stage: Stage, environ: dict[str, str], tmp_path: Path) -> None:
    assert _run(environ) == 0
    ((machine, item),) = stage.pool.table.of(records.INSTANCE).items()
    assert item["state"] == {"S": "running"}
    ready = _report(tmp_path)["machines"]
    assert [(each["id"], each["origin"], each["type"]) for each in ready] == [(machine, "claimed", "c7i.large")]
    assert ready[0]["ends_at"] == attributes(stage.pool, machine)["threshold"]


def test_too_few_machines_end_with_exit_code_1(stage: Stage, environ: dict[str, str], tmp_path: Path) -> None:
    stage.pool.account.state.market.quota("on-demand", 0)
    assert _run({**environ, "INPUT_COUNT": "2"}) == 1
    assert (_report(tmp_path)["available"], result(stage.pool)) == (False, "failed")


HOSTED = {"INPUT_IF-UNAVAILABLE": "ubuntu-latest"}


def test_a_hosted_runner_takes_the_place_of_missing_machines(
    stage: Stage, environ: dict[str, str], tmp_path: Path
) -> None:
    stage.pool.account.state.market.quota("on-demand", 0)
    assert _run({**environ, **HOSTED, "INPUT_COUNT": "2"}) == 0
    assert (_report(tmp_path)["label"], _report(tmp_path)["available"]) == ("ubuntu-latest", False)


@pytest.mark.usefixtures("stage")
def test_a_hosted_runner_hides_no_mistake(environ: dict[str, str], tmp_path: Path) -> None:
    assert _run({**environ, **HOSTED, "INPUT_RESOURCE-CLASS": "gpu"}) == 1
    assert (_report(tmp_path)["label"], _report(tmp_path)["available"]) == ("77", False)


def test_bad_inputs_are_reported_together_and_nothing_is_asked(stage: Stage, environ: dict[str, str]) -> None:
    stage.pool.account.calls.clear()
    stream = io.StringIO()
    bad = {"INPUT_NAME": "a b", "INPUT_RUN-ID": "x", "INPUT_COUNT": "none"}
    assert _run({**environ, **bad}, stream=stream) == 2
    assert [f"error: {name}" in stream.getvalue() for name in ("name", "run-id", "count")] == [True] * 3
    assert stage.pool.account.calls == []


@pytest.mark.parametrize(
    ("error", "code"), [(errors.InputErrors(["role: cannot be assumed"]), 2), (errors.Interrupted("stopped"), 1)]
)
def test_what_prevents_the_connection_is_reported(
    error: Exception, code: int, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(provision, "connect_door", refuse)
    stream = io.StringIO()
    assert _run(environ, stream=stream) == code
    assert "error: " in stream.getvalue()


def test_the_token_for_the_role_is_masked(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise errors.Interrupted("stopped")

    monkeypatch.setattr(provision, "connect_door", refuse)
    oidc = {
        "GITHUB_ACTIONS": "true",
        "INPUT_ROLE-TO-ASSUME": "arn:aws:iam::123456789012:role/x",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://example.org/token",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "oidc-of-a-test-0123456789",
    }
    stream = io.StringIO()
    assert _run({**environ, **oidc}, stream=stream) == 1
    assert "::add-mask::oidc-of-a-test-0123456789" in stream.getvalue()


def test_a_provision_that_is_asked_to_stop_claims_nothing(stage: Stage, environ: dict[str, str]) -> None:
    shutdown = Shutdown()
    shutdown.request()
    assert _run(environ, shutdown) == 1
    assert stage.pool.account.writes == ["dynamodb:PutItem"]


@pytest.mark.parametrize("asked", [False, True])
def test_once_asked_to_stop_only_records_of_new_machines_are_sent(
    stage: Stage, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, asked: bool
) -> None:
    """The clients are told so by their hook, which every call asks."""
    hooks: list[Any] = []

    def connect(_: object, __: object, given: Any) -> Any:
        hooks.append(given)
        return clients_of(stage.pool)

    monkeypatch.setattr(provision, "connect_door", connect)
    shutdown = Shutdown()
    stage.pool.account.seam = pools.At("ec2:CreateFleet", shutdown.request if asked else int, "after")
    given = {**environ, "INPUT_COUNT": "2", "INPUT_REUSE": "false"}
    assert _run(given, shutdown) == int(asked)
    assert hooks[0].stopped() is False
    created = [each for each in stage.pool.table.of(records.INSTANCE).values() if each["runId"] == {"S": "77"}]
    assert [each["state"]["S"] for each in created] == ["created" if asked else "running"] * 2


def test_a_call_that_is_not_answered_in_time_is_abandoned_and_the_rest_reported(
    stage: Stage, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, answered = Event(), Event()

    class Hanging(Watch):
        def before(self, _number: int, operation: str) -> None:
            """Answer after the provision has ended."""
            if operation == "dynamodb:UpdateItem":
                begun.set()
                assert answered.wait(PATIENCE_SECONDS)

    stage.pool.account.seam = Hanging()
    monkeypatch.setattr(Shutdown, "out_of_patience", lambda _: begun.wait(PATIENCE_SECONDS))
    try:
        assert _run(environ) == 1
    finally:
        answered.set()
    report = _report(tmp_path)
    assert (report["exit_code"], report["machines"], len(report["provision"]["planned"])) == (1, [], 1)


@pytest.mark.usefixtures("stage")
def test_a_defect_stops_the_calls_that_are_under_way(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr("refresh.output.publish_provision.beginning", broken)
    shutdown = Shutdown()
    with pytest.raises(ZeroDivisionError):
        _run(environ, shutdown)
    assert shutdown.requested()
