"""GitHub's client: bounded retries, and no answer is taken that is not what was asked for."""

from __future__ import annotations

import json
import logging
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.clients.github import GitHub
from refresh.credentials import Secret
from refresh.ports import RunnerRegistration
from tests.fakes import canaries
from tests.fakes.desired import desired
from tests.fakes.github_server import runner
from tests.fakes.world import HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.ports import Clients
    from tests.fakes.github_server import GitHubServer

PATH = "/repos/octo/widgets/actions/runners/registration-token"
END = "2026-01-31T09:05:00Z"


def _client(url: str, **hooks: Callable[..., Any]) -> GitHub:
    return GitHub(desired(github_api_url=url), Secret(canaries.PAT), evolve(HOOKS, **hooks))


@pytest.mark.shows("A54")
def test_the_loggers_of_libraries_stay_quiet(clients: Clients, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG they print bodies with tokens, and PyGithub's has a handler of its own."""
    clients.github.create_registration_token()
    clients.sqs.list_queues()
    loggers = [logging.getLogger(name) for name in ("botocore", "urllib3", "github")]
    assert [(logger.level, logger.handlers) for logger in loggers] == [(logging.WARNING, [])] * 3
    assert not [record for record in caplog.records if record.levelno < logging.WARNING]


def test_a_registration_token_is_masked_before_it_is_returned(github: GitHubServer) -> None:
    masked: list[str] = []
    issued = _client(github.url, mask=masked.append).create_registration_token()
    assert masked == ["REG-CANARY-1"]
    assert issued.token.reveal() == "REG-CANARY-1"
    assert 3500 < (issued.expires_at - datetime.now(UTC)).total_seconds() <= 3600
    assert "CANARY" not in repr(issued)
    assert github.calls == [f"POST {PATH}"]


def test_download_tokens_are_masked_and_dropped(github: GitHubServer) -> None:
    masked: list[str] = []
    listed = _client(github.url, mask=masked.append).runner_downloads()
    assert len(listed) == 6
    assert not any("token" in name for each in listed for name in each)
    assert all(each["authorized_only"] is True for each in listed)
    assert set(masked) == {canaries.DOWNLOAD}
    # GHES gives none for its own archives.
    github.answers["downloads"] = [{"os": "linux"}]
    assert _client(github.url, mask=masked.append).runner_downloads() == [{"os": "linux"}]


@pytest.mark.parametrize(
    ("status", "message", "kind", "word"),
    [
        (401, "Bad credentials", errors.CredentialsExpired, "github-token"),
        (403, "Resource not accessible by integration", errors.PermissionDenied, "Administration: write"),
        (404, "Not Found", errors.NotFound, "Administration: write"),
        (422, "Validation Failed", errors.Rejected, "Fix"),
        (503, "Unavailable", errors.Unavailable, "next run"),
    ],
)
def test_each_refusal_of_github_has_its_remedy(  # noqa: PLR0913, PLR0917 - a table
    github: GitHubServer, slept: list[float], status: int, message: str, kind: type[errors.ApiError], word: str
) -> None:
    github.failure = (status, json.dumps({"message": message}).encode())
    with pytest.raises(kind) as caught:
        _client(github.url).create_registration_token()
    text = str(caught.value)
    assert [each for each in (message, word, PATH) if each not in text] == []
    assert canaries.PAT not in text
    assert len(github.calls) == (4 if status == 503 else 1)
    assert slept == []


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"<html>", b'{"message": ["x"]}'])
def test_a_refusal_without_a_message_is_an_error_as_well(github: GitHubServer, body: bytes) -> None:
    """A proxy may have answered."""
    github.failure = (422, body)
    with pytest.raises(errors.ApiError, match=PATH):
        _client(github.url).create_registration_token()


@pytest.mark.shows("A55")
@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({}, "no token"),
        ([], "no token"),
        ({"token": "", "expires_at": END}, "no token"),
        ({"token": 5, "expires_at": END}, "no token"),
        ({"token": "a\nb", "expires_at": END}, "no token"),
        ({"token": "REG-CANARY-9"}, "expires_at"),
        ({"token": "REG-CANARY-9", "expires_at": "soon"}, "expires_at"),
        ({"token": "REG-CANARY-9", "expires_at": END.removesuffix("Z")}, "expires_at"),
    ],
)
def test_an_answer_without_a_usable_token_is_refused_and_not_shown(
    github: GitHubServer, answer: Any, word: str
) -> None:
    github.answers["registration-token"] = answer
    with pytest.raises(errors.Unavailable, match=word) as caught:
        _client(github.url).create_registration_token()
    assert "REG-CANARY" not in str(caught.value)


@pytest.mark.parametrize("answer", [{}, "x", [1], [{"os": "linux"}, None]])
def test_an_answer_that_is_no_list_of_downloads_is_refused(github: GitHubServer, answer: Any) -> None:
    github.answers["downloads"] = answer
    with pytest.raises(errors.Unavailable, match="downloads"):
        _client(github.url).runner_downloads()


@pytest.mark.parametrize("answer", [[], {}, {"runners": 5}, {"runners": [5]}, {"runners": [{"id": "x", "name": "y"}]}])
def test_an_answer_that_is_no_list_of_runners_is_refused(github: GitHubServer, answer: Any) -> None:
    github.answers["runners"] = answer
    with pytest.raises(errors.Unavailable, match="runner"):
        list(_client(github.url).runners())


@pytest.mark.shows("A43")
def test_a_page_of_html_is_refused(github: GitHubServer, slept: list[float]) -> None:
    """A proxy's login page comes with status 200."""
    github.failure = (200, b"<html>log in</html>")
    with pytest.raises(errors.Unavailable):
        _client(github.url).create_registration_token()
    assert sum(slept) < 60


def test_a_github_that_does_not_answer_is_named_by_its_address(slept: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(errors.Unavailable, match=url) as caught:
            _client(url).runner_downloads()
    assert canaries.PAT not in str(caught.value)
    assert sum(slept) < 60


def test_runners_are_listed_page_by_page_over_one_connection(github: GitHubServer) -> None:
    """What is not clearly offline and idle counts as neither."""
    github.runners = [runner(number, f"runner-{number}") for number in range(201)]
    github.runners[0] |= {"busy": True, "status": "online"}
    github.runners[2] = {"id": 2, "name": "runner-2"}
    client = _client(github.url)
    listed = list(client.runners())
    connection = client._connection()
    assert [each.id for each in listed] == list(range(201))
    assert listed[:3] == [
        RunnerRegistration(0, "runner-0", offline=False, busy=True),
        RunnerRegistration(1, "runner-1", offline=True, busy=False),
        RunnerRegistration(2, "runner-2", offline=False, busy=True),
    ]
    assert len(github.calls) == 3
    client.create_registration_token()
    assert client._connection() is connection


def test_a_runner_is_removed_by_its_id(github: GitHubServer) -> None:
    github.runners = [runner(1, "x"), runner(2, "y")]
    _client(github.url).remove_runner(1)
    assert [each["id"] for each in github.runners] == [2]
    with pytest.raises(errors.NotFound):
        _client(github.url).remove_runner(1)


def test_a_run_that_is_asked_to_stop_sends_github_nothing_more(github: GitHubServer, slept: list[float]) -> None:
    """Not even a retry."""
    github.failure = (500, b"{}")
    stopping = _client(github.url, stopped=lambda: bool(github.calls))
    with pytest.raises(errors.Interrupted, match=r"registration-token again"):
        stopping.create_registration_token()
    with pytest.raises(errors.Interrupted, match="downloads"):
        stopping.runner_downloads()
    assert len(github.calls) == 1
    assert slept == []
