"""Provision, release, refresh and the agent together: a machine's whole life, and one whose script fails."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from refresh.pool import lifecycle, signals
from tests.instance.cloud import Cloud
from tests.instance.driver import RELEASE_SECONDS, Driver, eventually
from tests.instance.phases import calls, phases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.provisioning import ProvisionWorld

pytestmark = pytest.mark.timeout(900)
_LONGEST_SECONDS = 400
"""More than provision waits for a boot and its replacement."""


@pytest.fixture
def cloud(*, contained: bool, world: ProvisionWorld, clients: Clients, tmp_path: Path) -> Iterator[Cloud]:
    """Give a region whose machines boot."""
    with Cloud(world, clients, tmp_path / "machines", contained) as cloud:
        yield cloud


@define
class Steps:
    """Runs the actions one after the other, and notes the calls of each and the seconds of each phase."""

    world: ProvisionWorld
    folder: Path
    lines: list[str] = field(factory=list)

    def refresh(self, **inputs: str) -> None:
        """Refresh the pool."""
        self.world.forget_calls()
        code, printed = self.world.run({}, **inputs)
        assert code == 0, printed
        self._note("refresh")

    def provision(self, run: str) -> tuple[int, str, dict[str, str]]:
        """Provision for a run; give exit code, what it printed, and its outputs."""
        self.world.forget_calls()
        written = self.folder / f"output-{run}"
        began = time.monotonic()
        child = self.world.start_provision(
            {"GITHUB_OUTPUT": str(written), "GITHUB_WORKSPACE": str(self.folder)}, run_id=run
        )
        printed, _ = child.communicate(timeout=_LONGEST_SECONDS)
        listed = phases(self.world.aws.arrivals, run, began, time.monotonic())
        self._note(f"provision {run}")
        self.lines += [f"  {seconds:6.2f} s until {name}" for name, seconds in listed]
        lines = written.read_text().splitlines()
        return child.returncode, printed, {lines[n].partition("<<")[0]: lines[n + 1] for n in range(0, len(lines), 3)}

    def release(self, run: str) -> None:
        """Release the machines of a run."""
        self.world.forget_calls()
        code, printed = self.world.release(run_id=run)
        assert code == 0, printed
        self._note(f"release {run}")

    def _note(self, name: str) -> None:
        arrivals = list(self.world.aws.arrivals)
        counted = calls(arrivals)
        listed = ", ".join(f"{number} {each}" for each, number in counted.items())
        agents = sum(calls(arrivals, of_agents=True).values())
        self.lines.append(f"{name}: {sum(counted.values())} calls ({listed}); meanwhile {agents} of the agent")


@pytest.fixture
def steps(world: ProvisionWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Steps]:
    """Give a way to run the actions; what they took is printed at the end."""
    given = Steps(world, tmp_path)
    yield given
    with capfd.disabled():
        print("", *given.lines, sep="\n")  # noqa: T201 - the figures that the test is for


def test_a_machine_is_launched_released_claimed_again_warm_and_collected(
    cloud: Cloud, steps: Steps, world: ProvisionWorld, clients: Clients
) -> None:
    """All by the actions and by the agent; no time is tested."""
    steps.refresh()
    code, printed, outputs = steps.provision("77")
    assert code == 0, printed
    assert (outputs["launched-count"], outputs["claimed-count"]) == ("1", "0")
    (identifier,) = json.loads(outputs["instance-ids"])
    machine, driver = cloud.machines[identifier], Driver(world, clients, identifier)
    assert world.having(clients, "77") == {identifier: lifecycle.RUNNING}
    assert any("--labels 77" in call and f"--name {identifier}-1" in call for call in machine.calls), machine.calls
    eventually(lambda: machine.calls[-1].startswith("run.sh as root"), 30, lambda: machine.calls)

    steps.release("77")
    driver.await_signal(signals.LEFT, "77", RELEASE_SECONDS, lambda: machine.log)
    driver.await_beat(lambda: machine.log)

    code, printed, outputs = steps.provision("78")
    assert code == 0, printed
    assert (outputs["launched-count"], outputs["claimed-count"]) == ("0", "1")
    assert outputs["instance-ids"] == f'["{identifier}"]'
    assert any("--labels 78" in call and f"--name {identifier}-2" in call for call in machine.calls), machine.calls
    steps.release("78")
    driver.await_signal(signals.LEFT, "78", RELEASE_SECONDS, lambda: machine.log)

    driver.expire()
    eventually(driver.ended, 90, lambda: machine.log)
    assert calls(world.aws.arrivals, of_agents=True)["ec2:TerminateInstances"] == 1
    steps.refresh()
    # What an agent alone may write expires by itself.
    assert world.left(clients, identifier) == ["AGENT", "HISTORY"]
    assert set(world.states(clients).values()) == {"terminated"}


def test_a_machine_whose_script_fails_is_ended_and_named_and_so_is_its_replacement(
    cloud: Cloud, steps: Steps, world: ProvisionWorld, clients: Clients
) -> None:
    """With what the machine reported, and where to read more."""
    steps.refresh(pre_runner_script="echo broken; exit 3")
    code, printed, outputs = steps.provision("77")
    assert code == 1, printed
    assert (outputs["available"], outputs["instance-ids"]) == ("false", "[]")
    assert len(cloud.machines) == 2
    for identifier, machine in cloud.machines.items():
        assert identifier in printed, printed
        assert not [call for call in machine.calls if "--labels" in call]
    assert "its pre-runner script failed" in printed
    assert "aws ec2 get-console-output" in printed
    assert set(world.states(clients).values()) <= {"shutting-down", "terminated"}
    assert world.having(clients, "77") == {}
    steps.refresh(pre_runner_script="echo broken; exit 3")
    assert [world.left(clients, each) for each in cloud.machines] == [["AGENT", "HISTORY"]] * 2
