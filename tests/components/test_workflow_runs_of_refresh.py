"""Workflow runs as refresh asks for them: each refusal names its own token, and none is one of AWS's credentials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.clients import workflow_runs
from refresh.clients.workflow_runs import WorkflowRuns
from refresh.credentials import Secret
from tests.fakes import canaries
from tests.fakes.desired import REPOSITORY
from tests.fakes.github_server import workflow_run
from tests.fakes.world import HOOKS

if TYPE_CHECKING:
    from tests.fakes.github_server import GitHubServer

RUNS = f"/repos/{REPOSITORY}/actions/runs"


def _client(github: GitHubServer, token: str = canaries.PAT, **hooks: Any) -> WorkflowRuns:
    return WorkflowRuns(github.url, Secret(token), evolve(HOOKS, **hooks), workflow_runs.REFRESH)


def _refused(github: GitHubServer, kind: type[errors.ApiError], question: str, token: str = canaries.PAT) -> str:
    """Return the text of the error with which a question ends."""
    client = _client(github, token)
    with pytest.raises(kind) as caught:
        client.run(REPOSITORY, "77") if question == "run" else list(client.unfinished(REPOSITORY))
    assert type(caught.value) is kind
    assert not token or token not in f"{caught.value!r} {caught.value}"
    assert caught.value.operation == f"GitHub GET {RUNS}{'/77' if question == 'run' else ''}"
    return str(caught.value)


QUESTIONS = pytest.mark.parametrize("question", ["run", "unfinished"])


def test_a_run_is_asked_for_with_one_request(github: GitHubServer) -> None:
    github.workflow_runs["77"] = workflow_run(77, attempt=3)
    found = _client(github).run(REPOSITORY, "77")
    assert (found.id, found.attempt, found.completed_at is None) == ("77", 3, False)
    assert github.calls == [f"GET {RUNS}/77"]


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (99, 1), (100, 2)])
def test_unfinished_runs_are_listed_by_status_and_page_by_page(github: GitHubServer, count: int, pages: int) -> None:
    listed = [workflow_run(number, "queued") for number in range(1, count + 1)]
    others = [workflow_run(1001, "in_progress"), workflow_run(1002)]
    github.workflow_runs = {str(each["id"]): each for each in (*listed, *others)}
    found = [each.id for each in _client(github).unfinished(REPOSITORY)]
    assert found == [*(str(number) for number in range(1, count + 1)), "1001"]
    asked = [("queued", number) for number in range(1, pages + 1)] + [("in_progress", 1)]
    assert github.calls == [f"GET {RUNS}?status={status}&per_page=100&page={page}" for status, page in asked]


@QUESTIONS
@pytest.mark.parametrize(
    ("status", "message", "headers", "kind", "words"),
    [
        (401, "Bad credentials", {}, errors.PermissionDenied, "The workflow-token is wrong, revoked or expired"),
        (403, "Resource not accessible", {}, errors.PermissionDenied, "`permissions: actions: read`"),
        (403, "Resource not accessible", {}, errors.PermissionDenied, "leave workflow-token at its default"),
        (403, "API rate limit exceeded", {}, errors.Throttled, "The next run asks again"),
        (429, "", {"Retry-After": "3600"}, errors.Throttled, "The next run asks again"),
        (422, "Validation Failed", {}, errors.Rejected, "Fix"),
        (500, "Oops", {}, errors.Unavailable, "the next run continues"),
    ],
)
def test_each_refusal_has_its_kind_and_remedy(  # noqa: PLR0913, PLR0917 - a table
    github: GitHubServer,
    slept: list[float],
    question: str,
    status: int,
    message: str,
    headers: dict[str, str],
    kind: type[errors.ApiError],
    words: str,
) -> None:
    """An unknown token is a missing permission: the credentials for AWS are as good as before."""
    github.failure, github.headers = (status, json.dumps({"message": message}).encode()), headers
    assert words in _refused(github, kind, question)
    assert len(github.calls) == (3 if status == 500 else 1)
    assert sum(slept) <= 2


@pytest.mark.parametrize(
    ("question", "why"),
    [("run", "has no such run: it was deleted, or is another repository's"), ("unfinished", "does not exist")],
)
def test_what_github_does_not_find_may_lack_the_permission(github: GitHubServer, question: str, why: str) -> None:
    github.failure = (404, b'{"message": "Not Found"}')
    text = _refused(github, errors.PermissionDenied, question)
    assert f"GitHub gives the same answer if {REPOSITORY} {why}." in text
    assert "permissions: actions: read" in text
    assert "run-id" not in text


@QUESTIONS
def test_without_a_token_github_is_not_asked(github: GitHubServer, question: str) -> None:
    assert _refused(github, errors.PermissionDenied, question, "").endswith("Set workflow-token.")
    assert github.calls == []


@QUESTIONS
@pytest.mark.parametrize("body", [b"<html>log in</html>", b"", b"[]", b"{}", b"5", b'{"workflow_runs": [5]}', b"[" * 9])
def test_an_answer_that_makes_no_sense_is_refused(github: GitHubServer, question: str, body: bytes) -> None:
    github.failure = (200, body)
    _refused(github, errors.Unavailable, question)


def test_the_description_of_another_run_is_refused(github: GitHubServer) -> None:
    github.workflow_runs["77"] = workflow_run(78)
    assert "the answer describes another run" in _refused(github, errors.Unavailable, "run")


@QUESTIONS
def test_a_redirect_is_not_followed(github: GitHubServer, question: str) -> None:
    github.failure, github.headers = (301, b""), {"Location": "https://elsewhere.example/x"}
    assert f"If {REPOSITORY} was renamed" in _refused(github, errors.Rejected, question)
    assert len(github.calls) == 1


@QUESTIONS
def test_a_run_that_is_asked_to_stop_asks_nothing(github: GitHubServer, question: str) -> None:
    client = _client(github, stopped=lambda: True)
    with pytest.raises(errors.Interrupted):
        client.run(REPOSITORY, "77") if question == "run" else list(client.unfinished(REPOSITORY))
    assert github.calls == []
