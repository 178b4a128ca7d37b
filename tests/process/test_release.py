"""Release as a child process: what it changes, prints and leaves in files, and how it ends."""

from __future__ import annotations

import json
import re
import signal
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from refresh.output import release_outputs
from refresh.pool import records
from tests.fakes.github_server import job
from tests.fakes.releasing import JOB_TOKEN, RUN, ReleaseWorld
from tests.fakes.world import in_minutes, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from refresh.ports import Clients

ON_GITHUB = {"GITHUB_ACTIONS": "true", "NO_COLOR": "1"}
WRITES = ["dynamodb:TransactWriteItems", "sqs:SendMessageBatch", "dynamodb:TransactWriteItems"]
"""What it costs to give up to ten machines back."""


@pytest.fixture
def pool(refreshed: ReleaseWorld) -> ReleaseWorld:
    """Give a pool in which the run is known to GitHub and its other jobs are completed."""
    refreshed.github.jobs[RUN] = [job(1, "test", RUN, status="completed")]
    return refreshed


def _files(folder: Path) -> dict[str, str]:
    """Give the variables with which GitHub names a step's files."""
    named = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "GITHUB_WORKSPACE": "."}
    return {variable: str(folder / name) for variable, name in named.items()}


def _outputs(folder: Path) -> dict[str, str]:
    lines = (folder / "output").read_text().splitlines()
    return {lines[n].partition("<<")[0]: lines[n + 1] for n in range(0, len(lines), 3)}


def _state(world: ReleaseWorld, clients: Clients, identifier: str) -> str | None:
    return records.text(world.item(clients, records.INSTANCE, identifier), "state")


def test_a_step_leaves_outputs_summary_and_report(pool: ReleaseWorld, clients: Clients, tmp_path: Path) -> None:
    """One machine goes back; the one whose runner never started ends."""
    (worked,) = pool.occupy(clients)
    (unused,) = pool.occupy(clients, state="created")
    pool.forget_calls()
    code, printed = pool.release({**ON_GITHUB, **_files(tmp_path)})
    assert code == 0, printed
    assert [_state(pool, clients, each) for each in (worked, unused)] == ["idle", "created"]
    assert pool.states(clients) == {worked: "running", unused: "terminated"}
    assert [(body["id"], delay) for body, delay in pool.messages()] == [(worked, 60)]
    values = _outputs(tmp_path)
    assert tuple(values) == tuple(each.name for each in release_outputs.OUTPUTS)
    assert (values["released-count"], values["ended-count"]) == ("1", "1")
    assert json.loads(values["instance-ids"]) == [worked, unused]
    report = json.loads((tmp_path / values["report-path"]).read_text())
    assert (values["report-path"], report["exit_code"]) == ("release-report.json", 0)
    assert {each["id"]: each["result"] for each in report["machines"]} == {worked: "released", unused: "ended"}
    summary = (tmp_path / "summary").read_text()
    assert "### 🔧 Runner release: 1 released, 1 ended" in summary
    assert all(f"| {each} | {RUN} |" in summary for each in (worked, unused))


@pytest.mark.shows("A52")
def test_the_token_is_masked_first_and_shown_nowhere(pool: ReleaseWorld, clients: Clients, tmp_path: Path) -> None:
    """Also with debug logging, which lists every call, and in the report."""
    pool.occupy(clients)
    _, printed = pool.release({**ON_GITHUB, "RUNNER_DEBUG": "1", **_files(tmp_path)})
    first, *others = printed.splitlines()
    assert first == f"::add-mask::{JOB_TOKEN}"
    assert any("dynamodb:TransactWriteItems" in line and "answer: 200" in line for line in others)
    shown = [*others, *(path.read_text() for path in tmp_path.iterdir())]
    assert not any("CANARY" in each for each in shown)


def test_open_jobs_are_named_and_only_force_releases(pool: ReleaseWorld, clients: Clients, tmp_path: Path) -> None:
    (machine,) = pool.occupy(clients)
    pool.github.jobs[RUN].append(job(2, "deploy", RUN))
    pool.forget_calls()
    code, printed = pool.release(_files(tmp_path))
    assert (code, pool.aws.writes, _state(pool, clients, machine)) == (1, [], "running"), printed
    url = "https://github.com/octo/widgets/actions/runs/77/job/2"
    assert f"error: release: nothing was released from the label {RUN}: " in printed
    assert f"deploy ({url})" in printed
    assert "### ❌ Runner release: failed" in (tmp_path / "summary").read_text()
    assert _outputs(tmp_path)["released-count"] == "0"
    code, printed = pool.release(force="true")
    assert (code, _state(pool, clients, machine)) == (0, "idle"), printed
    assert f"notice: release: released by force although these jobs are not completed: deploy ({url})." in printed


@pytest.mark.parametrize("lacking", ["token", "permission", "run"])
def test_what_github_does_not_tell_is_a_notice_and_machines_go_back(
    pool: ReleaseWorld, clients: Clients, lacking: str
) -> None:
    (machine,) = pool.occupy(clients)
    pool.github.reads_actions = lacking != "permission"
    if lacking == "run":
        del pool.github.jobs[RUN]
    code, printed = pool.release(github_token="" if lacking == "token" else JOB_TOKEN)
    assert (code, _state(pool, clients, machine)) == (0, "idle"), printed
    (notice,) = [line for line in printed.splitlines() if "notice: release: " in line]
    assert "whether jobs still need these machines" in notice
    assert ("Set github-token." if lacking == "token" else "actions: read") in notice


def test_nothing_to_release_is_a_notice(pool: ReleaseWorld, clients: Clients, tmp_path: Path) -> None:
    pool.occupy(clients, "88")
    pool.forget_calls()
    code, printed = pool.release(_files(tmp_path))
    assert (code, pool.aws.writes) == (0, []), printed
    assert re.search(rf"^notice: release: nothing to release: .* has the label {RUN}\.$", printed, re.MULTILINE), (
        printed
    )
    assert (_outputs(tmp_path)["instance-ids"], _outputs(tmp_path)["minutes"]) == ("[]", "0")


def test_a_plan_names_the_machines_of_every_label_and_changes_nothing(
    pool: ReleaseWorld, clients: Clients, tmp_path: Path
) -> None:
    machines = [*pool.occupy(clients), *pool.occupy(clients, f"{RUN}-arm")]
    pool.forget_calls()
    code, printed = pool.release(_files(tmp_path), name="*", mode="plan")
    assert (code, pool.aws.writes) == (0, []), printed
    assert all(each in printed for each in machines)
    assert "2 would be released" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_release_sends_nothing_more_and_the_next_one_continues(
    pool: ReleaseWorld, clients: Clients, number: signal.Signals
) -> None:
    """The signal comes during the first write: the machine is idle, and its message is sent by the next release."""
    (machine,) = pool.occupy(clients)
    pool.forget_calls()
    child = pool.start_release()
    pool.aws.after_call = lambda call: child.send_signal(number) if call == WRITES[0] else None
    printed, _ = child.communicate(timeout=60)
    pool.aws.after_call = lambda _: None
    assert (child.returncode, pool.aws.writes) == (1, WRITES[:1]), printed
    assert "stopped as asked" in printed
    assert (_state(pool, clients, machine), pool.messages()) == ("idle", [])
    code, printed = pool.release()
    assert (code, len(pool.messages())) == (0, 1), printed


def test_a_cancelled_release_does_not_wait_for_an_answer_that_does_not_come(
    pool: ReleaseWorld, clients: Clients, tmp_path: Path
) -> None:
    pool.occupy(clients)
    child = pool.start_release(_files(tmp_path))
    left = Event()

    def cancel(call: str) -> None:
        if call == WRITES[0]:
            child.send_signal(signal.SIGTERM)
            left.wait(60)

    pool.aws.before_call = cancel
    printed, _ = child.communicate(timeout=60)
    left.set()
    pool.aws.before_call = lambda _: None
    assert child.returncode == 1, printed
    assert "error: release: stopped as asked; " in printed
    assert json.loads((tmp_path / "release-report.json").read_text())["exit_code"] == 1


def test_machines_on_every_page_go_back(pool: ReleaseWorld, clients: Clients) -> None:
    """A page has at most a megabyte."""
    machines = pool.occupy(clients, number=5, padding="x" * 300_000)
    pool.forget_calls()
    code, printed = pool.release()
    assert (code, pool.aws.counted()["dynamodb:Query"]) == (0, 2), printed
    assert {_state(pool, clients, each) for each in machines} == {"idle"}


def test_a_machine_of_a_removed_class_goes_back_without_a_message(pool: ReleaseWorld, clients: Clients) -> None:
    (machine,) = pool.occupy(clients, resourceClass="huge", threshold=in_minutes(20))
    code, printed = pool.release()
    assert (code, _state(pool, clients, machine), pool.messages()) == (0, "idle", []), printed
    assert f"{machine}: the pool has no class 'huge' any more" in printed


@pytest.mark.parametrize("code", ["AccessDenied", "AWS.SimpleQueueService.NonExistentQueue"])
def test_a_refused_message_fails_the_release_and_the_next_one_sends_it(
    pool: ReleaseWorld, clients: Clients, code: str
) -> None:
    (machine,) = pool.occupy(clients)
    refused: Any = refusal(WRITES[1], code)
    pool.aws.before_call = lambda call: refused if call == WRITES[1] else None
    ended, printed = pool.release()
    pool.aws.before_call = lambda _: None
    assert (ended, _state(pool, clients, machine)) == (1, "idle"), printed
    assert "sqs:SendMessageBatch" in printed
    assert machine in printed
    ended, printed = pool.release()
    assert (ended, len(pool.messages())) == (0, 1), printed
