"""The process around an action: its streams, and which action runs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from refresh.actions import choice, main

if TYPE_CHECKING:
    from refresh.workflow.shutdown import Shutdown


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_secrets_of_the_environment_are_concealed_in_both_streams(
    name: str, shutdown: Shutdown, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Libraries may print to either, also before the inputs are read."""
    secret = "wJalr-no-real-secret-0123456789"
    monkeypatch.setitem(os.environ, "AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setattr(main, "from_environment", lambda *_: getattr(sys, name).write(f"a {secret}\n") and 0)
    assert main.main(None, shutdown) == 0
    assert "".join(capfd.readouterr()) == "a ***\n"


@pytest.mark.parametrize("arguments", [None, []])
@pytest.mark.parametrize("action", choice.ACTIONS)
def test_the_action_that_is_named_runs_with_the_environment(
    arguments: list[str] | None, action: str, shutdown: Shutdown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m refresh` without arguments runs it as well where the environment has inputs."""
    ran: list[tuple[str, object]] = []

    def run(name: str, environ: object, *_: object) -> int:
        ran.append((name, environ))
        return 0

    monkeypatch.setattr(choice, "run", run)
    assert main.main(arguments, shutdown, action) == 0
    assert ran == [(action, os.environ)]


def test_an_unknown_action_is_refused_with_the_names_of_all(
    shutdown: Shutdown, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.main(None, shutdown, "relaese") == 2
    assert "there is no action 'relaese'; the actions are refresh, release and provision" in capfd.readouterr().out
