"""No object, library or defect shows a secret. The autouse plugin searches everything that these tests let out."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import github as pygithub
import pytest
from botocore.exceptions import ParamValidationError

from refresh import errors, inputs
from refresh.clients import connect
from refresh.clients.github import GitHub
from refresh.clients.process_hooks import ProcessHooks
from refresh.credentials import AppKey, IdTokens, Secret, Secrets
from refresh.desired import REGISTRATION_TOKEN_LIFE
from refresh.dynamodb.metadata_items import MetadataItems
from refresh.ports import IssuedToken
from refresh.reconciler.registration_token import RegistrationToken
from refresh.reconciler.registration_token.changes import ReplaceToken
from refresh.workflow import log
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from tests.fakes import app, canaries, operations, outgoing
from tests.fakes.desired import desired
from tests.fakes.world import HOOKS, ROOT, SleeplessClock, _connect, inherited
from tests.iam import policies
from tests.reports import failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.github_server import GitHubServer
    from tests.fakes.world import World

TOKEN = f"{canaries.REGISTRATION}1"
ID_TOKENS = IdTokens("https://github.example.com", Secret(canaries.REQUEST))


def _commands() -> Commands:
    commands = Commands({"GITHUB_ACTIONS": "false"}, RedactingStream(sys.stdout))
    commands.mask(canaries.PAT)
    return commands


def _github(url: str) -> GitHub:
    github = GitHub(desired(github_api_url=url), Secret(canaries.PAT), HOOKS)
    assert github.create_registration_token().token.reveal().startswith(canaries.REGISTRATION)
    return github


def _bad_inputs(world: World) -> Exception:
    with pytest.raises(errors.InputErrors) as caught:
        inputs.load(world.environ(github_token=f"{canaries.PAT} {canaries.PAT}", github_app_private_key=canaries.PAT))
    return caught.value


def _refused_by_github(world: World) -> Exception:
    world.github.failure = (401, b'{"message": "Bad credentials"}')
    with pytest.raises(errors.RefreshError) as caught:
        _github(world.github.url)
    return caught.value


def _without_role(world: World) -> Exception:
    environ = {**world.environ(), "AWS_PROFILE": "nobody"}
    given = inputs.load(environ)
    with mock.patch.dict(os.environ, environ), pytest.raises(errors.InputErrors) as caught:
        connect(given.desired, given.secrets, HOOKS)
    return caught.value


def _defect(world: World) -> str:
    with mock.patch.object(MetadataItems, "write", side_effect=ZeroDivisionError(TOKEN)):
        report = world.refresh()
    assert "registration token" in failed(report)
    return "\n".join(f"{each} {each.error!r} {each.error}" for each in report.components)


OBJECTS: dict[str, Callable[[World], object]] = {
    "secret": lambda _: Secret(canaries.PAT),
    "secrets of a job": lambda _: Secrets(AppKey(app.APP_ID, Secret(canaries.PAT)), ID_TOKENS),
    "secrets of an App": lambda _: Secrets(AppKey(app.APP_ID, Secret(app.private_key()))),
    "every secret": lambda _: Secrets(Secret(canaries.PAT), ID_TOKENS).all,
    "inputs": lambda world: inputs.load(world.environ()),
    "desired state": lambda world: inputs.load(world.environ()).desired,
    "clients": lambda world: world.clients(),
    "process hooks": lambda _: ProcessHooks(mask=_commands().mask, now=SleeplessClock().now),
    "commands": lambda _: _commands(),
    "stream": lambda _: _commands()._stream,
    "GitHub": lambda world: _github(world.github.url),
    "GitHub's requester": lambda world: _github(world.github.url)._requester,
    "issued token": lambda _: IssuedToken(Secret(TOKEN), SleeplessClock().now()),
    "AWS's credentials": lambda world: world.clients().dynamodb._request_signer._credentials,  # type: ignore[attr-defined] # botocore's
    "refused inputs": _bad_inputs,
    "GitHub's refusal": _refused_by_github,
    "missing profile": _without_role,
    "report": lambda world: world.refresh(),
    "report of a defect": _defect,
}


@pytest.mark.parametrize("name", OBJECTS)
def test_no_object_shows_a_secret(name: str, world: World) -> None:
    shown = OBJECTS[name](world)
    assert not canaries.search("objects", f"{shown!r}\n{shown!s}\n{shown}", name)


@contextmanager
def _logging_everything() -> Iterator[None]:
    """Have the libraries log everything, with PyGithub's own handler, as they do before refresh has silenced them."""
    names = ("boto3", "botocore", "botocore.credentials", "urllib3", "github", "github.Requester")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each.level, list(each.handlers)) for each in loggers]
    for each in loggers:
        each.setLevel(logging.NOTSET)
    logging.getLogger("github").addHandler(logging.StreamHandler(sys.stderr))
    try:
        yield
    finally:
        for each, (level, handlers) in zip(loggers, before, strict=True):
            each.setLevel(level)
            each.handlers[:] = handlers


def _store_token(world: World, client: Any) -> None:
    item = {"PK": {"S": "TYPE#METADATA"}, "SK": {"S": "ID#gh_registration_token"}}
    value = {"identifier": {"S": "gh_registration_token"}, "value": {"M": {"token": {"S": TOKEN}}}}
    client.put_item(TableName=world.table, Item={**item, **value})


def test_botocore_logs_a_token_that_it_sends_and_our_clients_do_not(refreshed: World) -> None:
    with canaries.expected() as hits, _logging_everything():
        _store_token(refreshed, policies.client(refreshed.aws, "dynamodb"))
    assert {(hit.kind, hit.canary) for hit in hits} == {(outgoing.LOGGED, "registration token")}
    with _logging_everything():
        clients = _connect.__wrapped__(refreshed.aws.url, refreshed.aws.url)
        _store_token(refreshed, operations.mark(clients.dynamodb))


def test_pygithub_prints_an_answer_with_a_token_and_our_client_does_not(
    github: GitHubServer, capfd: pytest.CaptureFixture[str]
) -> None:
    path = "/repos/octo/widgets/actions/runners/registration-token"
    auth = pygithub.Auth.Token(canaries.PAT)
    with canaries.expected() as hits, _logging_everything():
        with pygithub.Github(auth=auth, base_url=github.url, lazy=True) as connection:
            connection.requester.requestJsonAndCheck("POST", path)
        capfd.readouterr()
    assert {(hit.kind, hit.canary) for hit in hits} == {
        (outgoing.LOGGED, "registration token"),
        (outgoing.PRINTED, "registration token"),
    }
    with _logging_everything():
        _github(github.url)
    assert "".join(capfd.readouterr()) == ""


class _Metadata:
    """Has botocore refuse what is written; botocore's error quotes it."""

    def __init__(self, world: World) -> None:
        self.client = policies.client(world.aws, "dynamodb")

    def write(self, _: str, value: dict[str, str], __: object) -> None:
        """Send the value in a wrong form."""
        with canaries.expected(), pytest.raises(ParamValidationError) as caught:
            self.client.put_item(TableName="any", Item=value)
        with canaries.expected():
            assert canaries.search("exceptions", str(caught.value))
        raise caught.value


class _Issuer:
    """Takes the place of GitHub."""

    def create_registration_token(self) -> IssuedToken:
        """Issue a token."""
        return IssuedToken(Secret(TOKEN), SleeplessClock().now() + REGISTRATION_TOKEN_LIFE)


def test_a_token_that_botocore_refuses_and_quotes_is_not_shown(world: World) -> None:
    """Neither in the outcome nor in its cause."""
    surroundings: tuple[Any, Any] = (_Metadata(world), _Issuer())
    component = RegistrationToken(desired(), *surroundings, SleeplessClock())
    (outcome,) = component.apply((ReplaceToken("", "none is stored"),))
    error = outcome.error  # type: ignore[union-attr] # it has failed
    assert "ParamValidationError" in str(error)
    assert not canaries.search("exceptions", f"{outcome!r} {error!r} {error} {error.__cause__!r}")
    assert error.__suppress_context__


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_logged_exception_shows_no_locals(capfd: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    log.configure(as_json=as_json)
    try:
        held = 1 / len(TOKEN[:0])
    except ZeroDivisionError:
        logging.getLogger("refresh").exception("component.failed")
        held = 0
    log.configure(as_json=False)
    printed = capfd.readouterr()
    assert "component.failed" in printed.out
    assert "held" not in printed.out + printed.err, held


DEFECT = """
import os, runpy, sys, threading
import refresh.actions.refresh, refresh.output.publish, refresh.reconciler.parameters, refresh.reconciler.reconciliation

def broken(*arguments, **named):
    held = [value for value in os.environ.values() if "CANARY" in value]
    raise ZeroDivisionError(*held)

def in_a_thread(*arguments, **named):
    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()

def unraisable(*arguments, **named):
    class Held:
        __del__ = broken
    Held()

{place} = {kind}
sys.argv[:] = [{entrypoint!r}]
runpy.run_path({entrypoint!r}, run_name="__main__")
"""
"""A program that raises, at a given place, an exception whose text and locals hold every secret it was given."""
EVERYTHING_LOGGED = {"RUNNER_DEBUG": "1", "GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST}


def _files(folder: Path) -> dict[str, str]:
    written = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "GITHUB_WORKSPACE": ""}
    return {name: str(folder / path) for name, path in written.items()}


def _run(world: World, folder: Path, place: str, kind: str = "broken", **changed: str) -> tuple[int, str]:
    script = DEFECT.format(place=place, kind=kind, entrypoint=str(ROOT / "entrypoint.py"))
    environ = {**inherited(), **world.environ(**changed), **EVERYTHING_LOGGED, **_files(folder)}
    child = subprocess.run(  # noqa: S603 - our own entrypoint
        [sys.executable, "-c", script],
        env={**environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    return child.returncode, child.stdout


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_first_run_with_debug_logging_shows_no_secret(world: World, tmp_path: Path, log_format: str) -> None:
    """A token is issued and stored; neither the log nor the files show it."""
    code, printed = world.run({**EVERYTHING_LOGGED, **_files(tmp_path)}, log_format=log_format)
    assert code == 0, printed
    assert "call.answered" in printed
    assert f"::add-mask::{TOKEN}" in printed
    assert json.loads((tmp_path / "refresh-report.json").read_text())["exit_code"] == 0
    assert (tmp_path / "output").read_text()
    assert (tmp_path / "summary").read_text()


@pytest.mark.parametrize(
    ("place", "kind", "log_format"),
    [
        ("refresh.actions.refresh.inputs.load", "broken", "text"),
        ("refresh.actions.refresh.inputs.log_as_json", "broken", "text"),
        ("refresh.actions.refresh.connect", "broken", "text"),
        ("refresh.output.publish.beginning", "broken", "text"),
        ("refresh.reconciler.reconciliation.begin", "broken", "text"),
        ("refresh.reconciler.reconciliation.begin", "broken", "json"),
        ("refresh.output.publish.component", "broken", "text"),
        ("refresh.output.publish.ending", "broken", "text"),
        ("refresh.output.publish.beginning", "in_a_thread", "text"),
        ("refresh.output.publish.beginning", "in_a_thread", "json"),
        ("refresh.output.publish.beginning", "unraisable", "text"),
    ],
)
def test_a_defect_outside_the_components_shows_no_secret(
    world: World, tmp_path: Path, place: str, kind: str, log_format: str
) -> None:
    """One line says what was raised and where, without a traceback or the exception's text."""
    code, printed = _run(world, tmp_path, place, kind, log_format=log_format)
    assert code == (1 if kind == "broken" else 0), printed
    (line,) = [line for line in printed.splitlines() if "ZeroDivisionError" in line and not line.startswith("::")]
    assert "defect: ZeroDivisionError in " in line
    assert "broken line " in line
    assert "Traceback" not in printed
    assert "***" not in printed


def test_a_defect_in_a_component_shows_neither_text_nor_locals(world: World, tmp_path: Path) -> None:
    """The other components do their work."""
    code, printed = _run(world, tmp_path, "refresh.reconciler.parameters.policy.plan")
    assert code == 1
    assert "defect: ZeroDivisionError in " in printed
    assert "***" not in printed
    assert "held" not in printed
    report = json.loads((tmp_path / "refresh-report.json").read_text())
    assert [each["name"] for each in report["components"] if each["status"] == "failed"] == ["parameters"]


def test_a_token_that_a_server_echoes_is_concealed(world: World, tmp_path: Path) -> None:
    world.github.failure = (403, json.dumps({"message": f"you sent {canaries.PAT}"}).encode())
    code, printed = world.run({**EVERYTHING_LOGGED, "GITHUB_WORKSPACE": str(tmp_path)})
    assert code == 1
    assert "you sent ***" in printed
    assert "you sent ***" in (tmp_path / "refresh-report.json").read_text()
