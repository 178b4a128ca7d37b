"""The jobs of a workflow run: every page, each refusal with its remedy, and the token in no text."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
import requests
from attrs import evolve

from refresh import errors
from refresh.clients import github_get
from refresh.clients.workflow_runs import WorkflowRuns
from refresh.credentials import Secret
from refresh.ports import WorkflowJob
from tests.fakes import canaries
from tests.fakes.desired import REPOSITORY
from tests.fakes.github_server import job
from tests.fakes.world import HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.github_server import GitHubServer

PATH = f"/repos/{REPOSITORY}/actions/runs/77/jobs"
OPERATION = f"GitHub GET {PATH}"


def _jobs(url: str, token: str = canaries.PAT, **hooks: Callable[..., Any]) -> list[WorkflowJob]:
    return list(WorkflowRuns(url, Secret(token), evolve(HOOKS, **hooks)).jobs(REPOSITORY, "77"))


def _refused(kind: type[errors.ApiError], url: str, token: str = canaries.PAT) -> errors.ApiError:
    with pytest.raises(kind) as caught:
        _jobs(url, token)
    assert type(caught.value) is kind
    assert token not in f"{caught.value!r} {caught.value}" or not token
    assert caught.value.operation == OPERATION
    return caught.value


def _page(number: int) -> str:
    return f"GET {PATH}?filter=latest&per_page=100&page={number}"


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (99, 1), (100, 2), (250, 3)])
def test_all_jobs_are_listed_page_by_page(github: GitHubServer, count: int, pages: int) -> None:
    github.jobs["77"] = [job(number, f"test ({number})", "77") for number in range(count)]
    assert [each.name for each in _jobs(github.url)] == [f"test ({number})" for number in range(count)]
    assert github.calls == [_page(number) for number in range(1, pages + 1)]


def test_a_job_has_its_name_its_labels_its_status_and_its_address(github: GitHubServer) -> None:
    github.jobs["77"] = [job(5, "build", "77", "gpu", status="in_progress"), job(6, "test", status="completed")]
    url = "https://github.com/octo/widgets/actions/runs/77/job"
    assert _jobs(github.url) == [
        WorkflowJob(name="build", labels=("77", "gpu"), completed=False, url=f"{url}/5"),
        WorkflowJob(name="test", labels=(), completed=True, url=f"{url}/6"),
    ]


def test_an_endless_list_of_jobs_is_refused(github: GitHubServer) -> None:
    """A server that ignores the page's number, for example."""
    github.answers["jobs"] = {"jobs": [job(number, "x") for number in range(100)]}
    assert "more than 5000 jobs" in _refused(errors.Unavailable, github.url).message
    assert len(github.calls) == 50


def test_a_token_without_the_permission_is_refused_with_what_to_add(github: GitHubServer) -> None:
    github.reads_actions = False
    error = _refused(errors.PermissionDenied, github.url)
    assert (error.code, error.message) == ("403", "Resource not accessible by integration")
    assert "permissions: actions: read" in error.remedy


def test_an_unknown_run_is_refused_with_both_reasons(github: GitHubServer) -> None:
    error = _refused(errors.PermissionDenied, github.url)
    assert error.code == "404"
    assert "permissions: actions: read" in error.remedy
    assert f"{REPOSITORY} has no such run: check run-id" in error.remedy


def test_without_a_token_github_is_not_asked(github: GitHubServer) -> None:
    assert _refused(errors.PermissionDenied, github.url, "").remedy == "Set github-token."
    assert github.calls == []


@pytest.mark.parametrize(
    ("status", "message", "headers", "kind", "word"),
    [
        (401, "Bad credentials", {}, errors.PermissionDenied, "github-token"),
        (403, "API rate limit exceeded for installation", {}, errors.Throttled, "minutes"),
        (403, "You are too fast", {"Retry-After": "3600"}, errors.Throttled, "minutes"),
        (403, "", {"X-RateLimit-Remaining": "0"}, errors.Throttled, "minutes"),
        (403, "", {}, errors.PermissionDenied, "HTTPS_PROXY"),
        (403, "your IP address is not on the IP allow list", {}, errors.PermissionDenied, "address is on that list"),
        (429, "Too many requests", {"Retry-After": "3600"}, errors.Throttled, "minutes"),
        (422, "Validation Failed", {}, errors.Rejected, "Fix"),
        (500, "Oops", {"Retry-After": "3600"}, errors.Unavailable, "next run"),
        (503, "Unavailable", {"Retry-After": "3600"}, errors.Unavailable, "next run"),
        (505, "Odd", {}, errors.Unavailable, "next run"),
    ],
)
def test_each_refusal_has_its_kind_and_remedy(  # noqa: PLR0913, PLR0917 - a table
    github: GitHubServer,
    slept: list[float],
    status: int,
    message: str,
    headers: dict[str, str],
    kind: type[errors.ApiError],
    word: str,
) -> None:
    """It waits for a few seconds at most, whatever GitHub asks for."""
    github.failure, github.headers = (status, json.dumps({"message": message}).encode()), headers
    error = _refused(kind, github.url)
    assert (error.code, error.message) == (str(status), message)
    assert word in error.remedy
    assert len(github.calls) == (3 if status in {500, 503} else 1)
    assert sum(slept) <= 2


def test_a_failure_that_passes_is_not_reported(github: GitHubServer, slept: list[float]) -> None:
    github.failure, github.jobs["77"] = (503, b"{}"), [job(1, "build")]

    def recover(_: str) -> None:
        github.failure = None

    github.after_call = recover
    assert len(_jobs(github.url)) == 1
    assert (len(github.calls), len(slept)) == (2, 0)


@pytest.mark.parametrize(
    "body", [b"<html>log in</html>", b"", b"[]", b"{}", b'{"jobs": 5}', b'{"jobs": [5]}', b"[" * 200_000]
)
def test_an_answer_that_is_no_list_of_jobs_is_refused(github: GitHubServer, body: bytes) -> None:
    github.failure = (200, body)
    _refused(errors.Unavailable, github.url)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"message": ["x"]}'])
def test_a_refusal_without_a_message_is_an_error_as_well(github: GitHubServer, body: bytes) -> None:
    github.failure = (403, body)
    _refused(errors.PermissionDenied, github.url)


@pytest.mark.parametrize("address", ["https://elsewhere.example/repositories/5", ""])
def test_a_redirect_is_reported_and_not_followed(github: GitHubServer, address: str) -> None:
    """The token must not be sent elsewhere."""
    github.failure, github.headers = (301, b""), {"Location": address} if address else {}
    error = _refused(errors.Rejected, github.url)
    assert error.message == f"GitHub redirects to {address or 'an address that it does not name'}."
    assert f"If {REPOSITORY} was renamed" in error.remedy
    assert len(github.calls) == 1


def test_a_slow_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(_: github_get.Request) -> None:
        raise requests.exceptions.ReadTimeout(canaries.PAT)

    monkeypatch.setattr(github_get, "_send", send)
    assert _refused(errors.Unavailable, "https://api.github.com").code == "ReadTimeout"


def test_a_github_that_cannot_be_reached_is_named_by_its_address(slept: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        error = _refused(errors.Unavailable, url)
    assert error.message == f"no usable answer from {url}."
    assert "GITHUB_API_URL" in error.remedy
    assert sum(slept) <= 2


def test_a_token_that_no_header_can_have_is_not_shown(github: GitHubServer) -> None:
    _refused(errors.Unavailable, github.url, f"{canaries.PAT}\nX: 1")


def test_each_page_is_a_call_in_the_log(github: GitHubServer) -> None:
    github.jobs["77"] = [job(number, "x") for number in range(100)]
    called: list[tuple[Any, ...]] = []
    _jobs(github.url, called=lambda *call: called.append(call))
    assert [(operation, attempt, status) for operation, attempt, _, status in called] == [(OPERATION, 1, "200")] * 2


def test_a_run_that_is_asked_to_stop_asks_for_no_jobs(github: GitHubServer) -> None:
    with pytest.raises(errors.Interrupted, match=OPERATION):
        _jobs(github.url, stopped=lambda: True)
    assert github.calls == []
