"""The entrypoint as a child process, as the action starts it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from threading import Event
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages
import pytest

from tests.fakes import canaries
from tests.fakes.desired import TABLE
from tests.fakes.literals import OUTPUTS, TEN_BAD_INPUTS
from tests.fakes.world import ROOT, inherited

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World


def test_ten_bad_inputs_are_told_at_once_and_nothing_is_called(world: World) -> None:
    """Every problem, its value and its remedy are printed; exit code 2, no call to AWS or GitHub."""
    code, printed = world.run(**TEN_BAD_INPUTS)
    assert code == 2
    for name, value in TEN_BAD_INPUTS.items():
        line = next(line for line in printed.splitlines() if f"error: {name.replace('_', '-')}: " in line)
        assert (repr(value) in line) is (name != "github_token"), line
    assert "two words" not in printed
    assert world.aws.calls == []
    assert world.github.calls == []


@pytest.mark.shows("F7")
@pytest.mark.parametrize(
    "absent",
    [
        pytest.param(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), id="F7-none"),
        pytest.param(("AWS_SECRET_ACCESS_KEY",), id="F7-half"),
    ],
)
def test_without_credentials_nothing_is_called(world: World, absent: tuple[str, ...]) -> None:
    """No or half credentials are bad input, told before any call."""
    code, printed = world.run(dict.fromkeys(absent, ""))
    assert code == 2
    assert "AWS" in printed
    assert world.aws.calls == []
    assert world.github.calls == []


def test_a_run_killed_between_mark_and_terminate_loses_nothing(world: World) -> None:
    """The mark is the log: the run after a SIGKILL ends the marked instance and cleans up behind it."""
    world.refresh()
    clients = world.clients()
    (instance_id,) = world.launch(clients)
    world.record(clients, instance_id)
    child = world.start()

    def kill_before_terminate(operation: str) -> tuple[int, bytes] | None:
        if operation == "ec2:TerminateInstances":
            child.kill()
            return 500, b""
        return None

    world.aws.before_call = kill_before_terminate
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert world.items(clients)[f"TYPE#INSTANCE ID#{instance_id}"]["state"] == {"S": "terminated"}
    assert world.states(clients) == {instance_id: "running"}

    world.aws.before_call = lambda _: None
    code, _ = world.run()
    assert code == 0
    assert world.states(clients) == {instance_id: "terminated"}
    left = [key for key in world.items(clients) if instance_id in key]
    assert left == [f"TYPE#HISTORY ID#{instance_id}"]


@pytest.mark.shows("F29")
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, id="F29-SIGINT"), pytest.param(signal.SIGTERM, id="F29-SIGTERM")]
)
def test_a_cancelled_run_stops_says_so_and_the_next_one_continues(world: World, number: signal.Signals) -> None:
    """After a signal no further pass or write is begun; what is left is named; exit code 1."""
    child = world.start()

    def cancel(operation: str) -> None:
        if operation == "dynamodb:CreateTable":
            child.send_signal(number)

    world.aws.before_call = cancel
    printed, _ = child.communicate(timeout=60)
    world.aws.before_call = lambda _: None
    assert child.returncode == 1
    assert "stopped as asked" in printed
    assert "sqs:CreateQueue" not in world.aws.calls
    code, _ = world.run()
    assert code == 0


SIGNALLED_WHILE_LOADING = """
import importlib.abc, os, runpy, signal, sys
class Signal(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "refresh.actions.refresh":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Signal())
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_a_cancel_while_the_program_is_still_loading_is_not_missed(world: World) -> None:
    """A container's first process would ignore it, and GitHub's next signal comes seven seconds later."""
    child = subprocess.run(  # noqa: S603 - our own entrypoint
        [sys.executable, "-c", SIGNALLED_WHILE_LOADING, str(ROOT / "entrypoint.py")],
        env={**inherited(), **world.environ(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == 1, child.stdout + child.stderr
    assert "stopped as asked" in child.stdout
    assert world.aws.calls == []


def test_a_cancelled_run_does_not_wait_for_an_answer_that_does_not_come(world: World, tmp_path: Path) -> None:
    """Five seconds after the signal it writes its report, which tells what was done and what is not known."""
    child = world.start({"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_WORKSPACE": str(tmp_path)})
    left = Event()

    def cancel(operation: str) -> None:
        if operation == "ec2:CreateLaunchTemplate":
            child.send_signal(signal.SIGTERM)
            left.wait(60)

    world.aws.before_call = cancel
    printed, _ = child.communicate(timeout=60)
    left.set()
    world.aws.before_call = lambda _: None
    assert child.returncode == 1, printed
    assert "error: launch template: stopped as asked; what was under way was not answered in time" in printed
    report = json.loads((tmp_path / "refresh-report.json").read_text())
    table, template = report["components"][0], report["components"][2]
    assert (table["status"], template["status"], report["exit_code"]) == ("changed 3", "failed", 1)
    assert "failed-components" in (tmp_path / "output").read_text()
    code, printed = world.run()
    assert code == 0, printed


def test_github_being_down_stops_only_what_needs_it(world: World) -> None:
    """Instances are collected and everything else is done; exit code 1 with the reasons."""
    world.refresh()
    clients = world.clients()
    (instance_id,) = world.launch(clients)
    world.record(clients, instance_id)
    for identifier in ("gh_registration_token", "idle_time_sec"):
        clients.dynamodb.delete_item(
            TableName=TABLE, Key={"PK": {"S": "TYPE#METADATA"}, "SK": {"S": f"ID#{identifier}"}}
        )
    world.github.failure = (500, b'{"message": "Server Error"}')
    code, printed = world.run()
    assert code == 1
    assert world.states(clients) == {instance_id: "terminated"}
    assert world.items(clients)["TYPE#METADATA ID#idle_time_sec"]["value"] == {"N": "420"}
    failed = [line for line in printed.splitlines() if line.startswith("error: ")]
    assert [line.split(": ")[1] for line in failed] == ["registration token"]
    assert (
        "problem.repeated              runner registrations  note: see the error of registration token above" in printed
    )


@pytest.mark.shows("A52")
def test_on_github_secrets_are_masked_before_anything_else_is_printed(world: World) -> None:
    """The PAT's mask is the very first line, and the registration token's comes before the group that replaced it."""
    code, printed = world.run({"GITHUB_ACTIONS": "true"})
    assert code == 0
    lines = printed.splitlines()
    assert lines[0] == f"::add-mask::{canaries.PAT}"
    registration = next(number for number, line in enumerate(lines) if "REG-CANARY" in line)
    assert lines[registration] == "::add-mask::REG-CANARY-1"
    assert registration < next(number for number, line in enumerate(lines) if "registration_token.replaced" in line)
    assert sum("CANARY" in line and not line.startswith("::add-mask::") for line in lines) == 0


def test_the_summary_is_written_and_an_unwritable_one_is_a_warning(world: World, tmp_path: Path) -> None:
    """The exit code is about AWS, not about the file."""
    summary = tmp_path / "summary.md"
    code, _ = world.run({"GITHUB_STEP_SUMMARY": str(summary)})
    assert code == 0
    assert "| state table | 🔧 changed 3 |" in summary.read_text()
    code, printed = world.run({"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert code == 0
    assert "GITHUB_STEP_SUMMARY" in printed


@pytest.mark.shows("A46")
def test_a_checkout_of_shadowing_modules_and_a_foreign_home_change_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working directory is the user's; nothing in it is imported."""
    for name in ("attr", "attrs", "botocore", "json", "logging", "refresh"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    code, printed = world.run({"HOME": str(tmp_path)})
    assert code == 0, printed


def test_a_run_that_changes_nothing_is_short_and_never_asks_github(world: World) -> None:
    """Thirteen calls to AWS, none of which writes, and none to GitHub."""
    world.run()
    world.aws.forget_calls()
    world.github.calls.clear()
    code, printed = world.run()
    assert code == 0, printed
    assert len(world.aws.calls) == 13
    assert world.aws.writes == []
    assert world.github.calls == []


def test_plan_mode_tells_and_writes_nothing(world: World) -> None:
    """On an empty account everything is planned; no write reaches AWS and no token is issued."""
    code, printed = world.run(mode="plan")
    assert code == 0
    assert "state table: would change 1" in printed
    assert "+ create table octo-widgets-ci-table\n" in printed
    assert "    then claim table octo-widgets-ci-table for octo/widgets on github.com\n" in printed
    assert "resource pools: would change 7" in printed
    assert world.aws.writes == []
    assert not any(call.startswith("POST") for call in world.github.calls)


def test_drift_fails_a_plan_that_is_asked_to(world: World) -> None:
    """And one that finds nothing succeeds."""
    assert world.run(mode="plan", fail_on_drift="true")[0] == 1
    assert world.run()[0] == 0
    assert world.run(mode="plan", fail_on_drift="true")[0] == 0


def test_a_step_gets_its_outputs_and_the_report(world: World, tmp_path: Path) -> None:
    """As the next step reads them."""
    world.run()
    clients = world.clients()
    (instance_id,) = world.launch(clients)
    world.record(clients, instance_id, state="running", runId="42")
    output = tmp_path / "output"
    code, printed = world.run({"GITHUB_OUTPUT": str(output), "GITHUB_WORKSPACE": str(tmp_path)})
    assert code == 0, printed
    lines = output.read_text().splitlines()
    values = {lines[n].partition("<<")[0]: lines[n + 1] for n in range(0, len(lines), 3)}
    assert tuple(values) == OUTPUTS
    assert json.loads(values["terminated-instance-ids"]) == [instance_id]
    assert (values["changed"], values["drift"], values["failed-components"]) == ("true", "true", "[]")
    report = json.loads((tmp_path / values["report-path"]).read_text())
    jsonschema.validate(report, json.loads((ROOT / "docs" / "report.schema.json").read_text()))
    assert report["ended"][0]["id"] == instance_id
    assert report["pool"]["launch_template"] == {"id": values["launch-template-id"], "version": 1}


def test_in_json_every_line_is_an_object(world: World) -> None:
    """In both modes, bad input included."""
    cases: tuple[dict[str, Any], ...] = ({"mode": "plan"}, {}, {"ami": "nonsense"})
    for changed in cases:
        _, printed = world.run(log_format="json", **changed)
        events = [json.loads(line) for line in printed.splitlines()]
        assert events
        assert all({"timestamp", "level", "event"} <= set(event) for event in events)


@pytest.mark.shows("A52")
def test_debug_logging_tells_of_every_call_and_never_of_what_was_in_it(world: World) -> None:
    """With its attempt and its time."""
    _, printed = world.run({"RUNNER_DEBUG": "1"})
    calls = re.findall(r"debug: call.answered +(\S+:\S+)  attempt: 1  milliseconds: \d+  answer: (\d+)", printed)
    assert Counter(name for name, _ in calls) == world.aws.counted()
    assert "GitHub POST /repos/octo/widgets/actions/runners/registration-token" in printed
    assert "CANARY" not in printed


@pytest.mark.shows("A25")
def test_secrets_travel_in_one_call_only(world: World) -> None:
    """The registration token is in the body of the one PutItem that stores it, the PAT in none."""
    world.run()
    assert not any(canaries.PAT.encode() in body for body in world.aws.bodies)
    holding = [body for body in world.aws.bodies if b"REG-CANARY" in body]
    assert [json.loads(body)["Item"]["identifier"] for body in holding] == [{"S": "gh_registration_token"}]
