"""The entrypoint as a child process, as the action starts it."""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from threading import Event
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages
import pytest

from tests.fakes import canaries
from tests.fakes.literals import OUTPUTS
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World


@pytest.mark.shows("F7")
@pytest.mark.parametrize(
    "absent",
    [
        pytest.param(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), id="F7-none"),
        pytest.param(("AWS_SECRET_ACCESS_KEY",), id="F7-half"),
    ],
)
def test_without_credentials_nothing_is_called(world: World, absent: tuple[str, ...]) -> None:
    code, printed = world.run(dict.fromkeys(absent, ""))
    assert code == 2
    assert "AWS" in printed
    assert (world.aws.calls, world.github.calls) == ([], [])


@pytest.mark.shows("F29")
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, id="F29-SIGINT"), pytest.param(signal.SIGTERM, id="F29-SIGTERM")]
)
def test_a_cancelled_run_begins_nothing_more_and_the_next_one_continues(world: World, number: signal.Signals) -> None:
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
    assert world.run()[0] == 0


def test_a_cancelled_run_does_not_wait_for_an_answer_that_does_not_come(world: World, tmp_path: Path) -> None:
    """Five seconds after the signal it writes its report."""
    child = world.start({"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_WORKSPACE": str(tmp_path)})
    left = Event()

    def cancel(operation: str) -> None:
        if operation == "ec2:CreateLaunchTemplate":
            child.send_signal(signal.SIGTERM)
            left.wait(60)

    world.aws.before_call = cancel
    printed, _ = child.communicate(timeout=60)
    left.set()
    assert child.returncode == 1, printed
    assert "error: launch template: stopped as asked; " in printed
    report = json.loads((tmp_path / "refresh-report.json").read_text())
    table, template = report["components"][0], report["components"][2]
    assert (table["status"], template["status"], report["exit_code"]) == ("changed 3", "failed", 1)
    assert "failed-components" in (tmp_path / "output").read_text()


@pytest.mark.shows("A52")
def test_on_github_secrets_are_masked_before_anything_else_is_printed(world: World) -> None:
    code, printed = world.run({"GITHUB_ACTIONS": "true"})
    assert code == 0
    lines = printed.splitlines()
    assert lines[0] == f"::add-mask::{canaries.PAT}"
    registration = next(number for number, line in enumerate(lines) if "REG-CANARY" in line)
    assert lines[registration] == "::add-mask::REG-CANARY-1"
    assert registration < next(number for number, line in enumerate(lines) if "registration_token.replaced" in line)
    assert sum("CANARY" in line and not line.startswith("::add-mask::") for line in lines) == 0


@pytest.mark.shows("A46")
def test_nothing_is_imported_from_the_working_directory_or_home(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("attr", "attrs", "botocore", "json", "logging", "refresh"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    code, printed = world.run({"HOME": str(tmp_path)})
    assert code == 0, printed


def test_a_step_leaves_outputs_summary_and_report(world: World, tmp_path: Path) -> None:
    world.refresh()
    clients = world.clients()
    (instance_id,) = world.launch(clients)
    world.record(clients, instance_id, state="running", runId="42")
    output, summary = tmp_path / "output", tmp_path / "summary"
    files = {"GITHUB_OUTPUT": output, "GITHUB_WORKSPACE": tmp_path, "GITHUB_STEP_SUMMARY": summary}
    code, printed = world.run({name: str(path) for name, path in files.items()})
    assert code == 0, printed
    assert "| garbage collector | 🔧 changed 3 |" in summary.read_text()
    lines = output.read_text().splitlines()
    values = {lines[n].partition("<<")[0]: lines[n + 1] for n in range(0, len(lines), 3)}
    assert tuple(values) == OUTPUTS
    assert json.loads(values["terminated-instance-ids"]) == [instance_id]
    assert (values["changed"], values["drift"], values["failed-components"]) == ("true", "true", "[]")
    report = json.loads((tmp_path / values["report-path"]).read_text())
    jsonschema.validate(report, json.loads((ROOT / "docs" / "report.schema.json").read_text()))
    assert report["ended"][0]["id"] == instance_id
    assert report["pool"]["launch_template"] == {"id": values["launch-template-id"], "version": 1}


@pytest.mark.parametrize("changed", [{"mode": "plan"}, {}, {"ami": "nonsense"}])
def test_in_json_every_line_is_an_object(world: World, changed: dict[str, Any]) -> None:
    _, printed = world.run(log_format="json", **changed)
    events = [json.loads(line) for line in printed.splitlines()]
    assert events
    assert all({"timestamp", "level", "event"} <= set(event) for event in events)


@pytest.mark.shows("A52")
def test_debug_logging_lists_every_call_without_its_content(world: World) -> None:
    _, printed = world.run({"RUNNER_DEBUG": "1"})
    calls = re.findall(r"debug: call.answered +(\S+:\S+)  attempt: 1  milliseconds: \d+  answer: (\d+)", printed)
    assert Counter(name for name, _ in calls) == world.aws.counted()
    assert "GitHub POST /repos/octo/widgets/actions/runners/registration-token" in printed
    assert "CANARY" not in printed


@pytest.mark.shows("A25")
def test_the_registration_token_is_sent_in_one_call_and_the_pat_in_none(world: World) -> None:
    world.run()
    assert not any(canaries.PAT.encode() in body for body in world.aws.bodies)
    holding = [body for body in world.aws.bodies if b"REG-CANARY" in body]
    assert [json.loads(body)["Item"]["identifier"] for body in holding] == [{"S": "gh_registration_token"}]
