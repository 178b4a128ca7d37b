"""No object that holds a secret shows it, and no exception does."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from refresh import errors, inputs
from refresh.clients import connect
from refresh.clients.github import GitHub
from refresh.clients.process_hooks import ProcessHooks
from refresh.credentials import AppKey, IdTokens, Secret, Secrets
from refresh.ports import IssuedToken
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from tests.fakes import app, canaries
from tests.fakes.desired import desired
from tests.fakes.world import HOOKS, SleeplessClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.world import World

TOKEN = f"{canaries.REGISTRATION}1"
_KEY = AppKey(app.APP_ID, Secret(canaries.PAT))
_ID_TOKENS = IdTokens("https://github.example.com", Secret(canaries.REQUEST))


def _runner() -> Commands:
    commands = Commands({"GITHUB_ACTIONS": "false"}, RedactingStream(sys.stdout))
    commands.mask(canaries.PAT)
    return commands


def _connected_github(world: World) -> GitHub:
    github = GitHub(desired(github_api_url=world.github.url), Secret(canaries.PAT), HOOKS)
    github.create_registration_token()
    return github


def _credentials(world: World) -> Any:
    signer: Any = world.clients().dynamodb
    return signer._request_signer._credentials


def _bad_inputs(world: World) -> Exception:
    with pytest.raises(errors.InputErrors) as caught:
        inputs.load(world.environ(github_token=f"{canaries.PAT} {canaries.PAT}", github_app_private_key=canaries.PAT))
    return caught.value


def _refused_by_github(world: World) -> Exception:
    world.github.failure = (401, b'{"message": "Bad credentials"}')
    with pytest.raises(errors.RefreshError) as caught:
        _connected_github(world)
    return caught.value


def _without_role(world: World) -> Exception:
    environ = {**world.environ(), "AWS_PROFILE": "nobody"}
    given = inputs.load(environ)
    with mock.patch.dict(os.environ, environ), pytest.raises(errors.InputErrors) as caught:
        connect(given.desired, given.secrets, HOOKS)
    return caught.value


OBJECTS: dict[str, Callable[[World], object]] = {
    "secret": lambda _: Secret(canaries.PAT),
    "secrets of an App and a job": lambda _: Secrets(_KEY, _ID_TOKENS),
    "every secret": lambda _: Secrets(Secret(canaries.PAT), _ID_TOKENS).all,
    "inputs": lambda world: inputs.load(world.environ()),
    "desired state": lambda world: inputs.load(world.environ()).desired,
    "services": lambda world: world.clients(),
    "shell": lambda _: ProcessHooks(mask=_runner().mask, now=SleeplessClock().now),
    "runner": lambda _: _runner(),
    "stream": lambda _: _runner()._stream,
    "GitHub": _connected_github,
    "GitHub's asker": lambda world: _connected_github(world)._requester,
    "issued token": lambda _: IssuedToken(Secret(TOKEN), SleeplessClock().now()),
    "AWS's credentials": _credentials,
    "refused inputs": _bad_inputs,
    "GitHub's refusal": _refused_by_github,
    "missing profile": _without_role,
    "report": lambda world: world.refresh(),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_no_object_shows_a_secret(name: str, world: World) -> None:
    """Neither by `repr` nor by `str` nor in a format."""
    shown = OBJECTS[name](world)
    assert not canaries.search("objects", f"{shown!r}\n{shown!s}\n{shown}", name)


def test_an_app_s_key_is_not_shown_either() -> None:
    """Though it has many lines."""
    secrets = Secrets(AppKey(app.APP_ID, Secret(app.private_key())))
    assert not canaries.search("objects", f"{secrets!r} {secrets} {secrets.all} {secrets.github!r}")
