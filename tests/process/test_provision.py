"""Provision as a child process: which machines it gets, what it prints and leaves in files."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from refresh.output import provision_outputs
from refresh.pool import lifecycle, runs, signals
from tests.fakes import canaries, instance_items
from tests.fakes.provisioning import EARLIER
from tests.fakes.releasing import RUN

if TYPE_CHECKING:
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.agents import Agents
    from tests.fakes.provisioning import ProvisionWorld

pytestmark = pytest.mark.usefixtures("agents")
ON_GITHUB = {"GITHUB_ACTIONS": "true", "NO_COLOR": "1"}
SECOND = {"GITHUB_RUN_ATTEMPT": "2"}
LOOK = {"dynamodb:GetItem": 1, "dynamodb:Query": 1, "dynamodb:PutItem": 1}
"""What it costs to read the pool and to take the label; what agents report is read as often as they are looked at."""
POLL = "dynamodb:BatchGetItem"


def _files(folder: Path) -> dict[str, str]:
    """Give the variables with which GitHub names a step's files."""
    named = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "GITHUB_WORKSPACE": "."}
    return {variable: str(folder / name) for variable, name in named.items()}


def _outputs(folder: Path) -> dict[str, str]:
    lines = (folder / "output").read_text().splitlines()
    return {lines[n].partition("<<")[0]: lines[n + 1] for n in range(0, len(lines), 3)}


def _calls(world: ProvisionWorld) -> dict[str, int]:
    """Count the calls of the provision, without those that read what agents report."""
    return {name: number for name, number in world.aws.counted().items() if name != POLL}


def _report(folder: Path) -> dict[str, object]:
    parsed: dict[str, object] = json.loads((folder / "provision-report.json").read_text())
    return parsed


def test_a_ready_machine_is_claimed_with_five_calls_and_reads_of_reports(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    (machine,) = refreshed.ready(clients)
    refreshed.forget_calls()
    code, printed = refreshed.provision({**ON_GITHUB, **_files(tmp_path)})
    assert code == 0, printed
    assert _calls(refreshed) == {**LOOK, "dynamodb:UpdateItem": 1, "dynamodb:TransactWriteItems": 1}
    assert refreshed.github.calls == []
    assert refreshed.having(clients) == {machine: lifecycle.RUNNING}
    assert refreshed.result(clients) == runs.PROVIDED
    values = _outputs(tmp_path)
    assert tuple(values) == tuple(each.name for each in provision_outputs.OUTPUTS)
    ends_at = refreshed.records(clients)[machine].threshold
    assert values == {
        "label": RUN,
        "labels": f'["{RUN}"]',
        "count": "1",
        "claimed-count": "1",
        "launched-count": "0",
        "instance-ids": f'["{machine}"]',
        "ends-at": ends_at,
        "available": "true",
        "report-path": "provision-report.json",
    }
    report = _report(tmp_path)
    assert (report["exit_code"], report["label"], report["available"]) == (0, RUN, True)
    listed = report["machines"]
    assert isinstance(listed, list)
    assert [(each["id"], each["origin"], each["ends_at"]) for each in listed] == [(machine, "claimed", ends_at)]
    summary = (tmp_path / "summary").read_text()
    assert "### ✅ Runner provision: 1 of 1 ready (1 warm)" in summary
    assert f"| {machine} |" in summary


def test_without_a_ready_machine_new_ones_are_launched_and_recorded(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    code, printed = refreshed.provision(_files(tmp_path), count="2")
    assert code == 0, printed
    having = refreshed.having(clients)
    assert sorted(having.values()) == [lifecycle.RUNNING] * 2
    assert refreshed.states(clients) == dict.fromkeys(having, "running")
    assert {each.template_version for each in refreshed.records(clients).values()} == {"1"}
    values = _outputs(tmp_path)
    assert (values["count"], values["claimed-count"], values["launched-count"]) == ("2", "0", "2")
    assert {*json.loads(values["instance-ids"])} == {*having}
    assert "2 of 2 ready (2 new)" in (tmp_path / "summary").read_text()


def test_ready_machines_come_first_and_the_rest_is_launched_under_the_label_of_the_name(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    (machine,) = refreshed.ready(clients)
    label = f"{RUN}-arm"
    code, printed = refreshed.provision(_files(tmp_path), name="arm", count="2")
    assert code == 0, printed
    having = refreshed.having(clients, label)
    assert (len(having), having.get(machine)) == (2, lifecycle.RUNNING)
    values = _outputs(tmp_path)
    assert (values["label"], values["labels"]) == (label, f'["{label}"]')
    assert (values["claimed-count"], values["launched-count"]) == ("1", "1")
    new = next(each for each in having if each != machine)
    found = clients.ec2.describe_instances(InstanceIds=[new])["Reservations"][0]["Instances"][0]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert (tags["InitialRunId"], tags["AllowSelfTermination"]) == (label, "true")


def test_another_run_id_names_the_label(refreshed: ProvisionWorld, clients: Clients) -> None:
    (machine,) = refreshed.ready(clients)
    code, printed = refreshed.provision(run_id="1234")
    assert (code, refreshed.having(clients, "1234")) == (0, {machine: lifecycle.RUNNING}), printed


def test_a_later_attempt_keeps_the_machines_that_the_label_has(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    held, spare = refreshed.ready(clients), refreshed.ready(clients, resourceClass="xlarge")
    code, printed = refreshed.provision()
    assert code == 0, printed
    refreshed.forget_calls()
    code, printed = refreshed.provision({**SECOND, **_files(tmp_path)})
    assert code == 0, printed
    assert _calls(refreshed) == {**LOOK, "dynamodb:TransactWriteItems": 1}
    assert refreshed.having(clients) == {held[0]: lifecycle.RUNNING}
    assert refreshed.records(clients)[spare[0]].state == lifecycle.IDLE
    values = _outputs(tmp_path)
    assert (values["count"], values["claimed-count"], values["launched-count"]) == ("1", "0", "0")
    assert "1 of 1 ready (1 held before)" in (tmp_path / "summary").read_text()


def test_a_second_provision_of_the_label_in_one_attempt_is_refused(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    first, second = refreshed.ready(clients, 2)
    code, printed = refreshed.provision()
    assert code == 0, printed
    before = refreshed.records(clients)
    refreshed.forget_calls()
    code, printed = refreshed.provision(_files(tmp_path))
    assert code == 1, printed
    assert re.search(rf"error: provision: name: another job .* label {RUN} already", printed), printed
    assert "a name of its own" in printed
    assert refreshed.aws.writes == ["dynamodb:PutItem"]
    assert (refreshed.records(clients), refreshed.result(clients)) == (before, runs.PROVIDED)
    assert sorted(before) == sorted((first, second))
    assert _outputs(tmp_path)["available"] == "false"


def test_a_released_label_can_be_provided_again_by_the_next_attempt(
    refreshed: ProvisionWorld, clients: Clients
) -> None:
    """The machine has left its run before it is claimed again."""
    (machine,) = refreshed.ready(clients)
    assert refreshed.provision()[0] == 0
    code, printed = refreshed.release(github_token="")
    assert (code, refreshed.having(clients)) == (0, {}), printed
    code, printed = refreshed.provision(SECOND)
    assert (code, refreshed.having(clients)) == (0, {machine: lifecycle.RUNNING}), printed


def test_a_plan_shows_what_would_be_done_and_changes_nothing(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    (machine,) = refreshed.ready(clients)
    refreshed.forget_calls()
    code, printed = refreshed.provision(_files(tmp_path), mode="plan")
    assert (code, refreshed.aws.writes) == (0, []), printed
    assert f"claim instance {machine}" in printed
    assert (refreshed.having(clients), refreshed.result(clients)) == ({}, None)
    assert _outputs(tmp_path)["available"] == "false"


def test_no_secret_is_shown(refreshed: ProvisionWorld, clients: Clients, tmp_path: Path) -> None:
    """Also with debug logging, which lists every call, and in the report."""
    refreshed.ready(clients)
    refreshed.forget_calls()
    _, printed = refreshed.provision({**ON_GITHUB, "RUNNER_DEBUG": "1", **_files(tmp_path)}, count="2")
    assert "dynamodb:UpdateItem" in printed
    assert "answer: 200" in printed
    shown = [printed, *(path.read_text() for path in tmp_path.iterdir())]
    assert not any("CANARY" in each for each in shown)
    # It never even reads the registration token.
    sent = b"".join(refreshed.aws.bodies)
    assert b"TYPE#METADATA" not in sent
    assert canaries.REGISTRATION.encode() not in sent


def test_machines_that_served_are_left_alone_without_reuse(refreshed: ProvisionWorld, clients: Clients) -> None:
    (served,) = refreshed.ready(clients)
    code, printed = refreshed.provision(reuse="false")
    assert code == 0, printed
    assert served not in refreshed.having(clients)
    assert len(refreshed.having(clients)) == 1


def test_an_idle_machine_that_has_not_left_its_last_run_is_not_claimed(
    refreshed: ProvisionWorld, clients: Clients, agents: Agents
) -> None:
    """Other machines may write heartbeats and signals in its stead: they are not believed."""
    (silent,) = refreshed.ready(clients)
    agents.dead.add(silent)
    report = instance_items.report(silent, datetime.now(UTC), signals.REGISTERED, EARLIER, role_id=refreshed.role_id())
    refreshed.write(clients, [report])
    code, printed = refreshed.provision()
    assert code == 0, printed
    assert silent not in refreshed.having(clients)
