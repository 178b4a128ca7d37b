"""Every failure of GitHub when it is asked whether runs are over: nothing is ended, and the run does not fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest

from refresh.clients import github_get, workflow_runs
from refresh.pool import records
from refresh.reconciler.abandoned_runs import observe
from tests.fakes import canaries
from tests.fakes.github_server import GitHubServer, workflow_run
from tests.fakes.world import World, in_minutes
from tests.reports import component

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.engine.report import Report
    from refresh.ports import Clients

FIRST, MANY = 4711, 12
LISTED = "/actions/runners?"
NOTE = "GitHub did not say which runs are over, so their machines stay until their time is over: "


@pytest.fixture
def held(refreshed: World, clients: Clients) -> list[str]:
    """Return machines of runs that are over, more than are asked about at once."""
    machines = refreshed.launch(clients, MANY)
    for number, each in enumerate(machines, FIRST):
        written = datetime.now(UTC) - timedelta(minutes=60 - number + FIRST)
        refreshed.record(clients, each, written, state="running", runId=str(number), threshold=in_minutes(60))
        ended = datetime.now(UTC) - timedelta(minutes=5)
        refreshed.github.workflow_runs[str(number)] = workflow_run(number, updated_at=ended)
    refreshed.forget_calls()
    return machines


def _refresh(world: World) -> Report:
    return world.refresh(workflow_token=canaries.PAT)


def _require_harmless(world: World, clients: Clients, report: Report) -> tuple[str, ...]:
    """Require that nothing was ended or failed, and return the notes."""
    assert report.exit_code == 0
    assert world.aws.writes == []
    stored = world.items(clients)
    states = {records.text(item, "state") for key, item in stored.items() if key.startswith("TYPE#INSTANCE")}
    assert states == {"running"}
    found = component(report, "abandoned runs")
    assert (found.failed, found.warnings, found.done) == (False, (), ())
    return found.notes


def _settled(world: World, clients: Clients, held: list[str]) -> None:
    """Require that all are marked once GitHub answers."""
    world.github.failure, world.github.headers = None, {}
    report = _refresh(world)
    assert sorted(each.id for each in report.ended) == sorted(held)
    assert {each.reason for each in report.ended} == {"abandoned"}
    assert set(world.states(clients).values()) == {"running"}


@pytest.mark.shows("F25a")
@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        pytest.param(401, b'{"message": "Bad credentials"}', {}, "The workflow-token is wrong", id="F25a-401"),
        pytest.param(403, b'{"message": "Resource not accessible"}', {}, "permissions: actions: read", id="F25a-403"),
        pytest.param(403, b"<html>", {}, "permissions: actions: read", id="F25a-403-html"),
        pytest.param(403, b"{}", {"X-RateLimit-Remaining": "0"}, "The next run asks again", id="F25a-limit"),
        pytest.param(429, b"{}", {"Retry-After": "3600"}, "The next run asks again", id="F25a-429"),
        pytest.param(422, b'{"message": "no"}', {}, "Rejected: ", id="F25a-422"),
        pytest.param(500, b"oops", {}, "Unavailable: ", id="F25a-500"),
        pytest.param(503, b"{}", {"Retry-After": "3600"}, "Unavailable: ", id="F25a-503"),
        pytest.param(301, b"{}", {"Location": "https://elsewhere.example"}, "was renamed or moved", id="F25a-redirect"),
        pytest.param(202, b"", {}, "no usable answer", id="F25a-202"),
        pytest.param(200, b"<html>log in</html>", {}, "no usable answer", id="F25a-html"),
        pytest.param(200, b"", {}, "no usable answer", id="F25a-empty"),
    ],
)
@pytest.mark.usefixtures("slept")
def test_a_github_that_does_not_say_whether_runs_are_over_ends_nothing(  # noqa: PLR0913, PLR0917 - a table
    refreshed: World,
    clients: Clients,
    held: list[str],
    status: int,
    body: bytes,
    headers: dict[str, str],
    words: str,
) -> None:
    """One note has the cause and the remedy, and no more than eight questions are asked. The next run ends them."""
    refreshed.github.failure, refreshed.github.headers = (status, body), headers
    (note,) = _require_harmless(refreshed, clients, _refresh(refreshed))
    assert note.startswith(NOTE)
    assert words in note
    assert canaries.PAT not in note
    tries = 3 if status in {500, 503} else 1
    assert len(refreshed.github.calls) == observe.AT_ONCE * tries
    _settled(refreshed, clients, held)


@pytest.mark.shows("F25a")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"{}", "no id or no attempt", id="F25a-nothing"),
        pytest.param(b'[{"id": 4711}]', "no id or no attempt", id="F25a-list"),
        pytest.param(
            b'{"id": 5, "run_attempt": 1, "status": "completed", "updated_at": "2020-01-31T09:05:00Z"}',
            "describes another run",
            id="F25a-another",
        ),
    ],
)
def test_answers_that_make_no_sense_leave_the_machines_of_their_runs_alone(
    refreshed: World, clients: Clients, held: list[str], body: bytes, words: str
) -> None:
    """The others are asked about all the same."""
    refreshed.github.failure = 200, body
    (note,) = _require_harmless(refreshed, clients, _refresh(refreshed))
    assert note.startswith(f"run {FIRST}, ")
    assert words in note
    assert len(refreshed.github.calls) == MANY
    _settled(refreshed, clients, held)


@pytest.mark.shows("F25a")
@pytest.mark.parametrize("status", [pytest.param(404, id="F25a-404")])
def test_runs_that_github_does_not_know_end_nothing(
    refreshed: World, clients: Clients, held: list[str], status: int
) -> None:
    """They were deleted, are of another repository, or the token may not see them. Each is asked about."""
    refreshed.github.failure = (status, b'{"message": "Not Found"}')
    (note,) = _require_harmless(refreshed, clients, _refresh(refreshed))
    assert note.startswith(f"run {FIRST}, ")
    assert "unclear whether it is over, so its machines stay: " in note
    assert "permissions: actions: read" in note
    assert len(refreshed.github.calls) == MANY
    _settled(refreshed, clients, held)


@pytest.mark.shows("F25a")
@pytest.mark.parametrize("status", [pytest.param(status, id=f"F25a-runners-{status}") for status in (401, 403, 404)])
def test_runners_that_github_does_not_list_end_nothing(
    refreshed: World, clients: Clients, held: list[str], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be seen whether they are busy."""
    answer = refreshed.github.answer
    refusal = status, b'{"message": "no"}'
    monkeypatch.setattr(refreshed.github, "answer", lambda *of: refusal if LISTED in of[1] else answer(*of))
    (note,) = _require_harmless(refreshed, clients, _refresh(refreshed))
    assert note.startswith(NOTE)
    assert "/actions/runners" in note
    monkeypatch.undo()
    _settled(refreshed, clients, held)


@pytest.fixture
def silent(refreshed: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubServer]:
    """Let GitHub take every question and answer none, and be waited for a moment only."""
    over = Event()
    monkeypatch.setattr(workflow_runs, "_SECONDS", 0.2)
    refreshed.github.after_call = lambda _: (over.wait(60), None)[1]
    yield refreshed.github
    over.set()
    refreshed.github.after_call = lambda _: None


@pytest.mark.shows("F25b")
@pytest.mark.parametrize("questions", [pytest.param(observe.AT_ONCE, id="F25b")])
@pytest.mark.usefixtures("slept", "held")
def test_a_silent_github_ends_nothing_and_costs_a_bounded_time(
    refreshed: World, clients: Clients, silent: GitHubServer, questions: int
) -> None:
    """The questions that are under way at once are tried to the end, and then no other is asked."""
    (note,) = _require_harmless(refreshed, clients, _refresh(refreshed))
    assert note.startswith(f"{NOTE}Unavailable: ")
    asked = {call.rpartition("/")[2] for call in silent.calls}
    assert asked <= {str(FIRST + number) for number in range(questions)}
    assert len(silent.calls) <= questions * 3


def test_a_silent_github_costs_at_most_16_seconds() -> None:
    """Three tries of a question; urllib3 pauses before the third only."""
    tries = 1 + workflow_runs._RETRIES
    assert tries * workflow_runs._SECONDS + github_get._BACK_OFF * 2 == 16


@pytest.mark.shows("F25c")
@pytest.mark.parametrize(
    "status", [pytest.param(status, id=f"F25c-{status}") for status in ("queued", "in_progress", "completed")]
)
def test_jobs_that_are_run_again_during_the_looks_keep_their_machines(
    refreshed: World, clients: Clients, held: list[str], status: str
) -> None:
    def run_again(call: str) -> None:
        if LISTED in call:
            for number in range(FIRST, FIRST + MANY):
                refreshed.github.workflow_runs[str(number)] |= {"run_attempt": 2, "status": status}

    refreshed.github.after_call = run_again
    assert _require_harmless(refreshed, clients, _refresh(refreshed)) == ()
    assert len(refreshed.github.calls) == len(held) * 2 + 1
