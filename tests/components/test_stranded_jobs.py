"""Jobs that were run again without their provision job, over HTTP: refresh as a child process, and GitHub's answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from refresh.pool import lifecycle, records, runs
from tests.fakes.github_server import job, workflow_run
from tests.fakes.releasing import RUN
from tests.reports import failed, reported

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from refresh.ports import Clients
    from tests.fakes.provisioning import ProvisionWorld

NAMED = f"{RUN}-test"
LINK = f"https://github.com/octo/widgets/actions/runs/{RUN}"
RUNS = "GET /repos/octo/widgets/actions/runs"


@pytest.fixture
def stranded(refreshed: ProvisionWorld, clients: Clients) -> ProvisionWorld:
    """Give a pool whose run had machines under two labels, and a job that was run again without its provision job."""
    now = datetime.now(UTC)
    for label in (RUN, NAMED):
        request = runs.RunRequest(
            label=label,
            resource_class="large",
            usage_class="on-demand",
            count=1,
            instance_types=("c*", "m*", "r*"),
            max_runtime=timedelta(),
            reuse=True,
            attempt=1,
            link=LINK,
            holder="the first attempt",
            deadline=now,
            asked_at=now,
        )
        item = runs.conclusion(refreshed.table, request, runs.PROVIDED, now)["Item"]
        clients.dynamodb.put_item(TableName=refreshed.table, Item=item)
    _run_again(refreshed, _job(2, "build", RUN))
    refreshed.forget_calls()
    return refreshed


def _job(number: int, name: str, *labels: str, status: str = "queued", minutes: float = 2) -> dict[str, Any]:
    at = (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {**job(number, name, *labels, status=status), "created_at": at, "started_at": at}


def _run_again(world: ProvisionWorld, *jobs: dict[str, Any], attempt: int = 2) -> None:
    world.github.workflow_runs[RUN] = workflow_run(int(RUN), "queued", attempt)
    world.github.jobs[RUN] = list(jobs)


def test_a_job_that_was_run_again_has_its_machine_after_one_refresh(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    """The machine is the one that the first attempt gave back; a provision job takes it over, and a release."""
    with refreshed.agents(clients):
        code, printed = refreshed.provision({"GITHUB_SERVER_URL": "https://github.com"})
        assert code == 0, printed
        (machine,) = refreshed.having(clients)
        refreshed.github.jobs[RUN] = [_job(1, "build", RUN, status="completed")]
        assert refreshed.release()[0] == 0
        _run_again(refreshed, _job(2, "build", RUN))
        files = {"GITHUB_WORKSPACE": str(tmp_path), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
        refreshed.forget_calls()
        code, printed = refreshed.run(files, rescue_stranded_jobs="true")
        assert code == 0, printed
        assert refreshed.having(clients) == {machine: lifecycle.RUNNING}
        assert "stranded_jobs.rescued" in printed
        assert machine in (tmp_path / "summary").read_text()
        assert refreshed.aws.counted().get("ec2:CreateFleet", 0) == 0
        value = records.mapping(refreshed.item(clients, records.RUN, RUN), "value")
        found = records.number(value, "attempt"), records.number(value, "rescues"), records.text(value, "result")
        assert (found, records.text(value, "link")) == ((2, 1, runs.PROVIDED), LINK)
        code, printed = refreshed.provision({"GITHUB_RUN_ATTEMPT": "2"})
        assert (code, refreshed.having(clients)) == (0, {machine: lifecycle.RUNNING}), printed
        _run_again(refreshed, _job(2, "build", RUN, status="completed"))
        code, printed = refreshed.release()
        assert (code, refreshed.having(clients)) == (0, {}), printed


def test_what_no_machine_waits_for_is_launched(stranded: ProvisionWorld, clients: Clients) -> None:
    """For two labels at once."""
    _run_again(stranded, _job(2, "build", RUN), _job(3, "test", NAMED))
    with stranded.agents(clients):
        code, printed = stranded.run(rescue_stranded_jobs="true")
    assert code == 0, printed
    assert [*stranded.having(clients).values()] == [lifecycle.RUNNING]
    assert [*stranded.having(clients, NAMED).values()] == [lifecycle.RUNNING]


def test_a_plan_lists_the_rescue_and_writes_nothing(stranded: ProvisionWorld, tmp_path: Path) -> None:
    code, printed = stranded.run({"GITHUB_WORKSPACE": str(tmp_path)}, mode="plan", rescue_stranded_jobs="true")
    assert code == 0, printed
    assert stranded.aws.writes == []
    report = json.loads((tmp_path / "refresh-report.json").read_text())
    (component,) = (each for each in report["components"] if each["name"] == "stranded jobs")
    assert [each["subject"] for each in component["planned"]] == [RUN]


def test_without_the_input_github_is_not_asked(stranded: ProvisionWorld, clients: Clients) -> None:
    assert stranded.refresh().exit_code == 0
    assert stranded.github.calls == []
    assert stranded.having(clients) == {}


def test_without_a_later_attempt_two_questions_are_asked(stranded: ProvisionWorld) -> None:
    """GitHub filters runs by one status at a time."""
    _run_again(stranded, attempt=1)
    assert stranded.refresh(rescue_stranded_jobs="true").exit_code == 0
    assert [call.partition("?")[0] for call in stranded.github.calls] == [RUNS] * 2
    assert (len(stranded.aws.calls), stranded.aws.writes) == (14, [])


@pytest.mark.shows("F35r")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, b"{}"), "workflow-token is wrong, revoked or expired"),
        ((403, b'{"message": "Resource not accessible by integration"}'), "permissions: actions: read"),
        ((404, b'{"message": "Not Found"}'), "permissions: actions: read"),
        ((429, b"{}"), "The next run asks again"),
        ((500, b"oops"), "Unavailable"),
        ((200, b"<html>"), "Unavailable"),
        ((200, b"[]"), "the answer has no list"),
        ((200, b'{"workflow_runs": [{"id": "77"}], "jobs": [7]}'), "in the answer"),
    ],
    ids=["401", "403", "404", "429", "500", "html", "list", "nonsense"],
)
@pytest.mark.parametrize("after", [0, 2], ids=["F35r-runs", "F35r-jobs"])
@pytest.mark.usefixtures("slept")
def test_without_an_answer_of_github_nothing_is_rescued_and_nothing_fails(
    stranded: ProvisionWorld, clients: Clients, after: int, answer: tuple[int, bytes], words: str
) -> None:
    """It refuses the lists of runs, or the list of a run's jobs."""

    def fail(call: str) -> None:
        if RUNS in call and len([each for each in stranded.github.calls if RUNS in each]) >= after:
            stranded.github.failure = answer

    stranded.github.failure = None if after else answer
    stranded.github.after_call = fail
    report = stranded.refresh(rescue_stranded_jobs="true")
    assert (report.exit_code, failed(report)) == (0, [])
    (component,) = (each for each in report.components if each.name == "stranded jobs")
    assert component.planned == ()
    assert words in " ".join((*component.warnings, *component.notes)), reported(report)
    assert stranded.having(clients) == {}
