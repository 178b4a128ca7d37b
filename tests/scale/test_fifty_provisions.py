"""Fifty provisions at once, as processes, on ready machines; the table on DynamoDB Local."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define

from refresh.output.job_summary import markdown
from refresh.pool import lifecycle
from tests.fakes.world import ROOT, inherited

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.provisioning import ProvisionWorld
    from tests.simulation.figures import Tally

RUNS = [str(number) for number in range(1001, 1051)]


@define
class _Ended:
    """A provision that has ended."""

    run: str
    code: int
    printed: str
    report: dict[str, Any]

    @property
    def machines(self) -> list[tuple[str, str]]:
        """The machines that are ready for it, each with its origin."""
        return [(each["id"], each["origin"]) for each in self.report["machines"]]

    @property
    def lost(self) -> int:
        """How many claims another provision was faster with."""
        outcomes = self.report["provision"]["outcomes"]
        return sum(each["outcome"] == "skipped" and each["change"]["action"] == "claim" for each in outcomes)


def _all_at_once(world: ProvisionWorld, folder: Path) -> tuple[list[_Ended], float]:
    """Run one provision for each of the runs; give what they came to, and after how many seconds the last one ended."""
    children: dict[str, subprocess.Popen[str]] = {}
    pipe = subprocess.PIPE
    for run in RUNS:
        (folder / run).mkdir()
        step = {**world.provision_environ(run_id=run), "GITHUB_WORKSPACE": str(folder / run)}
        command = [sys.executable, "-m", "tests.scale.waiting", "provision"]
        children[run] = subprocess.Popen(  # noqa: S603 - our own module
            command, env={**inherited(), **step}, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )
    for child in children.values():
        assert child.stdout
        assert child.stdout.readline() == "waiting\n"
    began_at = time.monotonic()
    for child in children.values():
        assert child.stdin
        print(file=child.stdin, flush=True)
    ended = []
    for run, child in children.items():
        printed, _ = child.communicate(timeout=600)
        report = json.loads((folder / run / "provision-report.json").read_text())
        ended.append(_Ended(run, child.returncode, printed, report))
    return ended, time.monotonic() - began_at


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("number", [50, 20])
def test_each_provision_gets_a_ready_machine_or_launches_one_and_no_machine_has_two(
    servers: ProvisionWorld, tmp_path: Path, tally: Tally, number: int
) -> None:
    """With fifty ready machines nobody launches, with twenty there are twenty claims and thirty launches."""
    report = servers.refresh()
    assert report.exit_code == 0, markdown(report)
    clients = servers.clients()
    ready = servers.ready(clients, number)
    servers.forget_calls()
    agents = servers.agents(clients)
    agents.ahead = timedelta(minutes=10)
    with agents:
        while not agents.turns:
            time.sleep(0.01)
        ended, seconds = _all_at_once(servers, tmp_path)
    lost = [each.lost for each in ended]
    tally.add(
        f"50 provisions on {number} ready machines: the last one ended after {seconds:.1f} s, {sum(lost)} claims were "
        f"lost (at most {max(lost)} by one), {servers.aws.counted()['ec2:CreateFleet']} calls of CreateFleet; the "
        f"agents paused for at most {agents.longest:.1f} s"
    )
    assert [each.code for each in ended] == [0] * len(RUNS), [each.printed for each in ended if each.code]
    found = [machine for each in ended for machine in each.machines]
    claimed = [identifier for identifier, origin in found if origin == "claimed"]
    assert sorted(claimed) == sorted(ready)
    assert len({identifier for identifier, _ in found}) == len(found) == len(RUNS)
    assert servers.aws.counted()["ec2:CreateFleet"] == len(RUNS) - number
    labels = {each.run: each.machines[0][0] for each in ended}
    recorded = servers.records(clients)
    assert {each.run_id: each.id for each in recorded.values()} == labels
    assert {each.state for each in recorded.values()} == {lifecycle.RUNNING}
    assert set(servers.states(clients)) == {*labels.values()}
