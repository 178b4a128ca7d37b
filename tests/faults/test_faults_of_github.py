"""Every failure of GitHub, over HTTP: what is waited for, what is reported, and that no other component fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from refresh import errors
from refresh.clients.github import GitHub
from refresh.credentials import Secret
from refresh.pool import names, records
from refresh.pool.names import Repository
from tests.fakes import canaries
from tests.fakes.desired import desired
from tests.fakes.github_server import GitHubServer
from tests.fakes.world import HOOKS, World, in_minutes
from tests.reports import failed, reported

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.ports import Clients

SECONDARY = b'{"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}'
PRIMARY = b'{"message": "API rate limit exceeded for user ID 1."}'
MOVED = b'{"message": "Moved Permanently"}'


@pytest.fixture
def stale(refreshed: World, clients: Clients) -> World:
    """Return a pool with a token that must be renewed, so that GitHub is called, and with an expired instance."""
    old = records.to_wire({"token": "old", "timestamp": in_minutes(-50), "expires_at": in_minutes(10)})
    refreshed.put_metadata(clients, "gh_registration_token", old)
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    refreshed.forget_calls()
    return refreshed


def _github(server: GitHubServer) -> GitHub:
    return GitHub(desired(github_api_url=server.url), Secret(canaries.PAT), HOOKS)


@pytest.mark.shows("F21", "F24", "F25")
@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        pytest.param(401, b"{}", "Replace the github-token", id="F21-401"),
        pytest.param(403, b"{}", "Administration: write", id="F21-403"),
        pytest.param(404, b"{}", "without access", id="F21-404"),
        pytest.param(422, b"{}", "Fix what the message reports", id="F21-422"),
        pytest.param(503, b"{}", "Unavailable: ", id="F24-503"),
        pytest.param(200, b"<html>log in</html>", "there is no token in the answer", id="F24-html"),
        pytest.param(200, b"{}", "there is no token in the answer", id="F24-empty"),
        pytest.param(201, b'{"token": "x-1", "expires_at": "soon"}', "expires_at", id="F24-unparsable"),
        pytest.param(201, b'{"token": "x-1", "expires_at": "2026-01-31T09:05:00"}', "expires_at", id="F24-zone"),
        pytest.param(201, b'{"token": "x-1", "expires_at": "2020-01-31T09:05:00Z"}', "expire", id="F24-past"),
        pytest.param(301, MOVED, "GitHub redirects to", id="F25"),
    ],
)
@pytest.mark.usefixtures("slept")
def test_an_error_of_github_keeps_the_stored_token_and_stops_no_other_component(
    stale: World, clients: Clients, status: int, body: bytes, words: str
) -> None:
    """The expired instance ends; once GitHub answers, the next run stores a token."""
    stored = stale.metadata(clients, "gh_registration_token")
    stale.github.failure = (status, body)
    report = stale.refresh()
    assert report.exit_code == 1
    assert set(failed(report)) <= {"registration token", "runner registrations"}
    assert "registration token" in failed(report)
    assert words in reported(report)
    assert stale.metadata(clients, "gh_registration_token") == stored
    assert set(stale.states(clients).values()) == {"terminated"}
    asked = [call for call in stale.github.calls if call.startswith("POST")]
    assert len(asked) == (4 if status == 503 else 1)
    stale.github.failure = None
    stale.settle()


@pytest.mark.usefixtures("slept")
def test_runs_under_the_old_name_of_a_repository_still_collect_its_old_pool(stale: World, clients: Clients) -> None:
    """GitHub answers only to the new name, but instances of the old pool still cost money."""
    old = str(stale.repository)
    stale.repository = Repository("octo", "renamed")
    stale.github.failure = (301, MOVED)
    report = stale.refresh(repository=old)
    assert set(failed(report)) <= {"registration token", "runner registrations"}
    assert set(stale.states(clients).values()) == {"terminated"}
    assert clients.dynamodb.list_tables()["TableNames"] == [names.table(Repository(*old.split("/")))]


HOUR = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "in 55 minutes"}


@pytest.mark.shows("F22", "F23")
@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("body", "headers", "waits"),
    [
        pytest.param(PRIMARY, HOUR, [], id="F22"),
        pytest.param(SECONDARY, {"Retry-After": "5"}, [5, 5, 5], id="F23-5"),
        pytest.param(SECONDARY, {"Retry-After": "45"}, [45], id="F23-45"),
        pytest.param(SECONDARY, {"Retry-After": "3600"}, [], id="F23-3600"),
        pytest.param(SECONDARY, {"Retry-After": "garbage"}, [60], id="F23-garbage"),
        pytest.param(SECONDARY, {}, [60], id="F23-without"),
    ],
)
def test_rate_limits_are_waited_for_at_most_one_minute_in_total(  # noqa: PLR0913, PLR0917 - a table
    github: GitHubServer, slept: list[float], status: int, body: bytes, headers: dict[str, str], waits: list[float]
) -> None:
    """Without limits, urllib3 would sleep for three hours and PyGithub for 55 minutes."""
    if headers is HOUR:
        headers = {**HOUR, "X-RateLimit-Reset": str(int(time.time()) + 3300)}
    github.failure, github.headers = (status, body), headers
    with pytest.raises(errors.Throttled, match="the next run continues"):
        _github(github).create_registration_token()
    assert slept == waits
    assert len(github.calls) == len(waits) + 1


@pytest.mark.shows("F25")
@pytest.mark.parametrize(
    ("status", "location"),
    [
        *(pytest.param(status, "/repositories/5/actions", id=f"F25-{status}") for status in (301, 302, 303, 307, 308)),
        pytest.param(301, "elsewhere", id="F25-elsewhere"),
        pytest.param(301, "", id="F25-nowhere"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_redirect_of_github_is_reported_and_not_followed(
    github: GitHubServer, status: int, location: str, method: str
) -> None:
    """The token goes to no other address, no removal counts as done, and the owner must give the new name."""
    client = _github(github)
    call: dict[str, Callable[[], object]] = {
        "POST": client.create_registration_token,
        "GET": client.runner_downloads,
        "DELETE": lambda: client.remove_runner(5),
    }
    github.failure = (status, MOVED)
    with GitHubServer() as other:
        github.headers = {"Location": f"{other.url}/x" if location == "elsewhere" else location} if location else {}
        with pytest.raises(errors.Rejected, match=r"redirects to .*under its new name"):
            call[method]()
        assert other.calls == []
    assert [call.partition(" ")[0] for call in github.calls] == [method]


@pytest.mark.shows("F24")
def test_an_answer_that_stays_202_ends_with_an_error(github: GitHubServer, slept: list[float]) -> None:
    """Without a limit, PyGithub would try until the stack is full."""
    github.failure = (202, b"{}")
    with pytest.raises(errors.Unavailable, match="202: the same answer 4 times"):
        _github(github).runner_downloads()
    assert (slept, [call.partition(" ")[0] for call in github.calls]) == ([], ["GET"] * 4)


def test_a_stopped_run_does_not_retry_github(slept: list[float]) -> None:
    stops = [False, True]
    with GitHubServer() as gone:
        wanted = desired(github_api_url=gone.url)
    client = GitHub(wanted, Secret(canaries.PAT), evolve(HOOKS, stopped=lambda: stops.pop(0)))
    with pytest.raises(errors.Interrupted, match="downloads again was sent"):
        client.runner_downloads()
    assert (slept, stops) == ([], [])
