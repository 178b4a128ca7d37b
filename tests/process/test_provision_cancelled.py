"""Provision as a child process that is asked to stop, in each of its phases: what is printed and left."""

from __future__ import annotations

import json
import signal
from threading import Event
from typing import TYPE_CHECKING

import pytest

from refresh.pool import lifecycle
from tests.fakes.agents import NEVER, REGISTERS
from tests.fakes.releasing import RUN

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.agents import Agents
    from tests.fakes.provisioning import ProvisionWorld

SECOND = {"GITHUB_RUN_ATTEMPT": "2"}


def _cancelled(world: ProvisionWorld, child: subprocess.Popen[str], call: str, *, before: bool = False) -> str:
    """Send SIGINT at the first call of this name, before or after its effect; give what was printed by then."""
    sent = Event()

    def cancel(made: str) -> None:
        if made == call and not sent.is_set():
            sent.set()
            child.send_signal(signal.SIGINT)

    if before:
        world.aws.before_call = cancel
    else:
        world.aws.after_call = cancel
    try:
        printed, _ = child.communicate(timeout=60)
    finally:
        world.aws.before_call, world.aws.after_call = lambda _: None, lambda _: None
    assert sent.is_set(), printed
    assert child.returncode == 1, printed
    assert "error: provision: stopped as asked" in printed
    assert "Traceback" not in printed
    return printed


@pytest.mark.usefixtures("agents")
def test_before_the_pool_is_read_nothing_is_claimed_and_the_next_attempt_continues(
    refreshed: ProvisionWorld, clients: Clients
) -> None:
    (machine,) = refreshed.ready(clients)
    refreshed.forget_calls()
    _cancelled(refreshed, refreshed.start_provision(), "dynamodb:Query", before=True)
    assert {*refreshed.aws.writes} <= {"dynamodb:PutItem"}
    assert (refreshed.having(clients), refreshed.states(clients)) == ({}, {machine: "running"})
    code, printed = refreshed.provision(SECOND)
    assert (code, refreshed.having(clients)) == (0, {machine: lifecycle.RUNNING}), printed


@pytest.mark.usefixtures("agents")
def test_a_claimed_machine_keeps_its_label_and_the_next_attempt_continues_with_it(
    refreshed: ProvisionWorld, clients: Clients
) -> None:
    (machine,) = refreshed.ready(clients)
    refreshed.forget_calls()
    printed = _cancelled(refreshed, refreshed.start_provision(), "dynamodb:UpdateItem")
    assert "The release job of this run gives its machines back" in printed
    assert refreshed.aws.writes == ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    assert refreshed.having(clients) == {machine: lifecycle.CLAIMED}
    code, printed = refreshed.provision(SECOND)
    assert (code, refreshed.having(clients)) == (0, {machine: lifecycle.RUNNING}), printed


@pytest.mark.usefixtures("agents")
def test_a_claimed_machine_is_released(refreshed: ProvisionWorld, clients: Clients) -> None:
    """It ends: whether it registers nobody knows any more."""
    (machine,) = refreshed.ready(clients)
    _cancelled(refreshed, refreshed.start_provision(), "dynamodb:UpdateItem")
    code, printed = refreshed.release(github_token="")
    assert (code, refreshed.states(clients)) == (0, {machine: "terminated"}), printed


@pytest.mark.parametrize("before", [True, False], ids=["asked for", "launched"])
def test_what_ec2_launches_is_recorded_all_the_same(
    refreshed: ProvisionWorld, clients: Clients, agents: Agents, *, before: bool
) -> None:
    """Nobody else could know of these machines; the next attempt continues with them."""
    agents.fate = lambda _: NEVER
    refreshed.forget_calls()
    _cancelled(refreshed, refreshed.start_provision(count="2"), "ec2:CreateFleet", before=before)
    assert refreshed.aws.writes == ["dynamodb:PutItem", "ec2:CreateFleet", "dynamodb:TransactWriteItems"]
    having = refreshed.having(clients)
    assert having == dict.fromkeys(refreshed.states(clients), lifecycle.CREATED)
    assert len(having) == 2
    agents.fate = lambda _: REGISTERS
    code, printed = refreshed.provision(SECOND, count="2")
    assert (code, refreshed.having(clients)) == (0, dict.fromkeys(having, lifecycle.RUNNING)), printed


def test_machines_that_boot_keep_their_records_and_are_released(
    refreshed: ProvisionWorld, clients: Clients, agents: Agents, tmp_path: Path
) -> None:
    agents.fate = lambda _: NEVER
    files = {"GITHUB_WORKSPACE": str(tmp_path)}
    _cancelled(refreshed, refreshed.start_provision(files), "dynamodb:BatchGetItem")
    (machine,) = refreshed.having(clients)
    assert refreshed.states(clients) == {machine: "running"}
    report = json.loads((tmp_path / "provision-report.json").read_text())
    assert (report["exit_code"], report["available"]) == (1, False)
    code, printed = refreshed.release(github_token="")
    assert (code, refreshed.states(clients)) == (0, {machine: "terminated"}), printed


def test_it_does_not_wait_for_an_answer_that_does_not_come(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    refreshed.ready(clients)
    left = Event()
    child = refreshed.start_provision({"GITHUB_WORKSPACE": str(tmp_path)})

    def cancel(call: str) -> None:
        if call == "dynamodb:UpdateItem":
            child.send_signal(signal.SIGTERM)
            left.wait(60)

    refreshed.aws.before_call = cancel
    printed, _ = child.communicate(timeout=60)
    left.set()
    refreshed.aws.before_call = lambda _: None
    assert child.returncode == 1, printed
    assert "error: provision: stopped as asked; " in printed
    assert json.loads((tmp_path / "provision-report.json").read_text())["exit_code"] == 1
    assert RUN in printed
