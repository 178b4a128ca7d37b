"""How secrets leak from the libraries, each shown to leak without what refresh does against it, and not with it."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import github as pygithub
import pytest
from botocore.exceptions import ParamValidationError

from refresh.clients.github import GitHub
from refresh.credentials import Secret
from refresh.desired import REGISTRATION_TOKEN_LIFE
from refresh.ports import IssuedToken
from refresh.reconciler.registration_token import RegistrationToken
from refresh.reconciler.registration_token.changes import ReplaceToken
from refresh.workflow import log
from tests.fakes import canaries, operations, outgoing
from tests.fakes.desired import desired
from tests.fakes.world import HOOKS, SleeplessClock, World, _connect
from tests.iam import policies
from tests.reports import failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.github_server import GitHubServer

TOKEN = f"{canaries.REGISTRATION}1"
TALKATIVE = ("boto3", "botocore", "botocore.credentials", "urllib3", "github", "github.Requester")


@contextmanager
def _talkative() -> Iterator[None]:
    """Have the libraries log everything, as they do before refresh has silenced them."""
    loggers = [logging.getLogger(name) for name in TALKATIVE]
    before = [(each.level, list(each.handlers)) for each in loggers]
    for each in loggers:
        each.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        for each, (level, handlers) in zip(loggers, before, strict=True):
            each.setLevel(level)
            each.handlers[:] = handlers


def _stored(world: World, client: Any) -> None:
    item = {"PK": {"S": "TYPE#METADATA"}, "SK": {"S": "ID#gh_registration_token"}}
    value = {"identifier": {"S": "gh_registration_token"}, "value": {"M": {"token": {"S": TOKEN}}}}
    client.put_item(TableName=world.table, Item={**item, **value})


def test_botocore_logs_the_token_that_it_sends(refreshed: World) -> None:
    """At DEBUG, in the parameters and in the body."""
    with canaries.expected() as hits, _talkative():
        _stored(refreshed, policies.client(refreshed.aws, "dynamodb"))
    assert {(hit.kind, hit.canary) for hit in hits} == {(outgoing.LOGGED, "registration token")}


def test_refresh_s_clients_log_nothing_of_it(refreshed: World) -> None:
    """Though everybody may log at DEBUG."""
    with canaries.expected() as hits, _talkative():
        clients = _connect.__wrapped__(refreshed.aws.url, refreshed.aws.url)
        _stored(refreshed, operations.mark(clients.dynamodb))
    assert hits == []


def test_botocore_quotes_a_parameter_that_it_refuses(world: World) -> None:
    """In the exception's text."""
    with pytest.raises(ParamValidationError) as caught, canaries.expected():
        policies.client(world.aws, "dynamodb").put_item(TableName=world.table, Item={"value": TOKEN})
    with canaries.expected() as hits:
        canaries.search("exceptions", str(caught.value))
    assert [hit.canary for hit in hits] == ["registration token"]


class _Refusing:
    """Stands for METADATA, and has botocore refuse what is written."""

    def __init__(self, world: World) -> None:
        self.client = policies.client(world.aws, "dynamodb")

    def write(self, _: str, value: dict[str, str], __: object) -> None:
        """Send the value in a form that is none."""
        with canaries.expected():
            self.client.put_item(TableName="any", Item=value)


class _Issuer:
    """Stands for GitHub."""

    def create_registration_token(self) -> IssuedToken:
        """Issue one."""
        now = SleeplessClock().now()
        return IssuedToken(Secret(TOKEN), now + REGISTRATION_TOKEN_LIFE)


def test_refresh_tells_only_that_the_token_was_not_stored(world: World) -> None:
    """Neither in the outcome nor in what caused it."""
    metadata: Any = _Refusing(world)
    issuer: Any = _Issuer()
    component = RegistrationToken(desired(), metadata, issuer, SleeplessClock())
    (outcome,) = component.apply((ReplaceToken("", "none is stored"),))
    error = outcome.error  # type: ignore[union-attr] # it has failed
    assert "ParamValidationError" in str(error)
    shown = f"{outcome!r} {error!r} {error} {error.__cause__!r} {error.__suppress_context__}"
    assert not canaries.search("exceptions", shown)
    assert error.__suppress_context__


def _registration(server: GitHubServer) -> str:
    path = "/repos/octo/widgets/actions/runners/registration-token"
    auth = pygithub.Auth.Token(canaries.PAT)
    with pygithub.Github(auth=auth, base_url=server.url, lazy=True) as connection:
        _, answer = connection.requester.requestJsonAndCheck("POST", path)
    token: str = answer["token"]
    return token


def test_pygithub_prints_the_answer_with_the_token(github: GitHubServer, capfd: pytest.CaptureFixture[str]) -> None:
    """With a handler of its own, which nobody else's format or stream concerns."""
    with canaries.expected() as hits, _talkative():
        logging.getLogger("github").addHandler(logging.StreamHandler(sys.stderr))
        _registration(github)
        capfd.readouterr()
    assert {hit.kind for hit in hits} == {outgoing.LOGGED, outgoing.PRINTED}
    assert {hit.canary for hit in hits} == {"registration token"}


def test_refresh_s_github_prints_nothing_of_it(github: GitHubServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Though the handler was there, and everybody may log at DEBUG."""
    with _talkative():
        logging.getLogger("github").addHandler(logging.StreamHandler(sys.stderr))
        issued = GitHub(desired(github_api_url=github.url), Secret(canaries.PAT), HOOKS).create_registration_token()
    assert issued.token.reveal() == TOKEN
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def _raises(token: str) -> None:
    held = f"{token}!"
    raise ZeroDivisionError(len(held))


def _logged(logger: logging.Logger) -> None:
    try:
        _raises(TOKEN)
    except ZeroDivisionError:
        logger.exception("component.failed")


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_refresh_s_log_holds_none(capfd: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    """However an exception comes to it."""
    log.configure(as_json=as_json)
    _logged(logging.getLogger("refresh"))
    log.configure(as_json=False)
    printed = capfd.readouterr()
    assert "component.failed" in printed.out
    assert "held" not in printed.out + printed.err


def test_a_defect_below_the_token_is_told_without_its_text(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor with what it held."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError(TOKEN)

    monkeypatch.setattr("refresh.dynamodb.metadata_items.MetadataItems.write", broken)
    report = world.refresh()
    assert "registration token" in failed(report)
    for each in report.components:
        assert not canaries.search("exceptions", f"{each} {each.error!r} {each.error}", each.name)
