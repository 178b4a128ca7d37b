"""Runs that ended without release, over HTTP: what is asked, what is ended, shown and printed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from refresh.output.job_summary import markdown
from refresh.pool import records
from tests.fakes import canaries
from tests.fakes.github_server import runner, workflow_run
from tests.fakes.world import World, in_minutes
from tests.reports import component

if TYPE_CHECKING:
    from refresh.engine.report import Report
    from refresh.ports import Clients

RUN = 4711
PATH = f"/repos/octo/widgets/actions/runs/{RUN}"
ASKED = f"GET {PATH}"
LISTED = "GET /repos/octo/widgets/actions/runners?page=1&per_page=100"
LONG_AGO = timedelta(minutes=30)


@pytest.fixture
def held(refreshed: World, clients: Clients) -> str:
    """Return a machine that a run has had for half an hour, in a pool that has nothing else to do."""
    (identifier,) = refreshed.launch(clients)
    _hold(refreshed, clients, identifier)
    return identifier


def _hold(world: World, clients: Clients, identifier: str, label: str = str(RUN), state: str = "running") -> None:
    written = datetime.now(UTC) - LONG_AGO
    world.record(clients, identifier, written, state=state, runId=label, threshold=in_minutes(60))
    world.forget_calls()


def _complete(world: World, run: int = RUN) -> None:
    world.github.workflow_runs[str(run)] = workflow_run(run, updated_at=datetime.now(UTC) - timedelta(minutes=5))


def _refresh(world: World, **changed: str) -> Report:
    return world.refresh(**{"workflow_token": canaries.PAT, **changed})


def _state(world: World, clients: Clients, identifier: str) -> str | None:
    return records.text(world.item(clients, records.INSTANCE, identifier), "state")


@pytest.mark.parametrize("state", ["running", "claimed", "created"])
@pytest.mark.parametrize("label", [f"{RUN}", f"{RUN}-gpu"])
def test_a_machine_of_a_run_that_was_cancelled_by_force_is_marked_by_one_refresh(
    refreshed: World, clients: Clients, held: str, state: str, label: str
) -> None:
    """Its agent would end it now; the next refresh terminates one whose agent is dead, and cleans up."""
    _hold(refreshed, clients, held, label, state)
    _complete(refreshed)
    report = _refresh(refreshed)
    assert (report.exit_code, report.status) == (0, "changed 1")
    assert refreshed.github.calls == [ASKED, LISTED, ASKED]
    assert refreshed.aws.writes == ["dynamodb:TransactWriteItems"]
    assert _state(refreshed, clients, held) == "terminated"
    assert refreshed.states(clients) == {held: "running"}
    assert [(each.id, each.reason, each.run_id, each.cut_off) for each in report.ended] == [
        (held, "abandoned", label, False)
    ]
    page = markdown(report)
    assert "- **1 instance ended**: 1 abandoned" in page
    link = f"[{label}](https://github.com{PATH.removeprefix('/repos')})"
    assert f"| {held} | abandoned | {state} |  | large | {link} | marked |" in page
    assert report.pool.instances is not None
    assert [(each.id, each.state) for each in report.pool.instances] == [(held, "terminated")]
    second = _refresh(refreshed)
    assert [each.steps for each in second.touched] == [("terminated", "cleaned")]
    assert (second.ended, refreshed.states(clients)) == ((), {held: "terminated"})
    assert refreshed.left(clients, held) == ["HISTORY"]
    assert records.text(refreshed.item(clients, records.HISTORY, held), "endedReason") == "abandoned"
    refreshed.settle()


def test_a_dry_run_lists_the_machine_and_the_run_and_marks_nothing(
    refreshed: World, clients: Clients, held: str
) -> None:
    _complete(refreshed)
    report = _refresh(refreshed, mode="plan")
    (change,) = component(report, "abandoned runs").planned
    assert (change.subject, str(change)) == (held, f"mark instance {held}")
    assert (report.exit_code, report.status, refreshed.aws.writes) == (0, "would change 1", [])
    assert "- **1 instance would be ended**: 1 abandoned" in markdown(report)
    assert _state(refreshed, clients, held) == "running"


@pytest.mark.parametrize(("state", "label"), [("idle", ""), ("created", "")])
def test_without_machines_of_runs_github_is_not_asked(
    refreshed: World, clients: Clients, held: str, state: str, label: str
) -> None:
    """An idle machine, or one that boots for no run yet, costs no call."""
    _hold(refreshed, clients, held, label, state)
    before = _refresh(refreshed)
    assert (before.exit_code, before.status, refreshed.github.calls) == (0, "as desired", [])
    assert refreshed.aws.writes == []


@pytest.mark.usefixtures("held")
def test_a_run_under_way_costs_one_call_and_keeps_its_machine(refreshed: World) -> None:
    refreshed.github.workflow_runs[str(RUN)] = workflow_run(RUN, "in_progress")
    report = _refresh(refreshed)
    assert (report.exit_code, report.status) == (0, "as desired")
    assert (refreshed.github.calls, refreshed.aws.writes) == ([ASKED], [])
    assert refreshed.aws.counted()["dynamodb:BatchGetItem"] == 1


@pytest.mark.parametrize("busy", [True, False])
def test_a_machine_whose_runner_has_a_job_is_kept(refreshed: World, clients: Clients, held: str, *, busy: bool) -> None:
    """Of whatever run it is."""
    _complete(refreshed)
    refreshed.github.runners = [runner(1, f"{held}-1769850000", "online", busy=busy)]
    assert _refresh(refreshed).exit_code == 0
    assert _state(refreshed, clients, held) == ("running" if busy else "terminated")


def test_each_run_is_judged_for_itself(refreshed: World, clients: Clients, held: str) -> None:
    """One is over, one is under way, one GitHub does not know."""
    others = refreshed.launch(clients, 2)
    for number, each in enumerate(others, RUN + 1):
        _hold(refreshed, clients, each, str(number))
    _complete(refreshed)
    refreshed.github.workflow_runs[str(RUN + 1)] = workflow_run(RUN + 1, "in_progress")
    report = _refresh(refreshed)
    assert report.exit_code == 0
    assert [_state(refreshed, clients, each) for each in (held, *others)] == ["terminated", "running", "running"]
    (note,) = component(report, "abandoned runs").notes
    assert note.startswith(f"run {RUN + 2}: unclear whether it is over, so its machines stay: PermissionDenied: ")


def test_the_machines_of_a_job_without_the_permission_stay_and_the_log_says_what_to_add(
    refreshed: World, clients: Clients, held: str
) -> None:
    """As a child process, as GitHub runs it."""
    _complete(refreshed)
    refreshed.github.reads_actions = False
    code, printed = refreshed.run({"GITHUB_ACTIONS": "true", "NO_COLOR": "1"}, workflow_token=canaries.PAT)
    assert code == 0, printed
    assert "Give the job `permissions: actions: read`" in printed
    assert "leave workflow-token at its default" in printed
    assert "::error" not in printed
    assert _state(refreshed, clients, held) == "running"
