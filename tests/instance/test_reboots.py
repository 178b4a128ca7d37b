"""The machine is restarted: cloud-init runs the user data no second time, and systemd starts the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import suites
from tests.instance.driver import CREATION_SECONDS, eventually
from tests.instance.troubles import GONE, trouble

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(400)
_SCRIPT = 'echo began >>"$RECORD/ran"'
_UPTIME = "/proc/uptime"


@pytest.fixture(autouse=True)
def _with_systemd(instance: Instance) -> None:
    if not instance.machine.contained:
        suites.leave_out("a machine is restarted, which needs a container")
    instance.machine.record.joinpath("systemd").touch()


def test_the_agent_is_a_service_that_starts_at_each_boot_and_leaves_jobs_alone(instance: Instance) -> None:
    """Its end ends no process of its runner, nor does a lack of memory in a job; systemd never gives up."""
    instance.boot()
    instance.serve()
    eventually(lambda: instance.machine.booted == "0", 60)
    unit = instance.machine.run("cat /etc/systemd/system/refresh-agent.service").splitlines()
    for line in (
        "StartLimitIntervalSec=0",
        "Restart=always",
        "KillMode=process",
        "OOMPolicy=continue",
        "TasksMax=infinity",
        "WantedBy=multi-user.target",
    ):
        assert line in unit
    assert len([each for each in instance.machine.processes() if "agent.py" in each.command]) == 1
    assert instance.machine.run("stat -c '%a %U' /opt/refresh-agent").strip() == "700 root"


def test_systemd_starts_a_killed_agent_as_often_as_it_is_killed(instance: Instance) -> None:
    instance.boot()
    instance.serve()
    killed: set[int] = set()
    """More than the five within ten seconds after which systemd would give up."""

    def kill() -> bool:
        killed.update(instance.machine.kill("python3"))
        return len(killed) > 7

    eventually(kill, 120)
    instance.give_back()
    assert "start-limit-hit" not in instance.machine.read("journal")
    instance.require_next_run()


def test_an_idle_machine_serves_the_next_run_after_a_restart(instance: Instance) -> None:
    """Its script is not run again, and nothing is downloaded again."""
    instance.boot(pre_runner_script=_SCRIPT)
    instance.serve()
    instance.give_back()
    instance.machine.reboot()
    instance.require_next_run()
    assert instance.machine.read("ran") == "began\n"
    assert instance.surroundings.downloads == 1
    assert instance.driver.reported("cutOff") == ""
    instance.require_end()


def test_a_job_that_a_restart_cut_off_is_reported_and_its_run_goes_on(instance: Instance) -> None:
    """GitHub fails the job; the runner serves the next one of the run, with its registration."""
    instance.boot()
    instance.serve()
    instance.machine.reboot()
    eventually(lambda: instance.driver.reported("cutOff") == "42", CREATION_SECONDS, lambda: instance.machine.log)
    assert "runner.cut_off run=42" in instance.machine.log
    eventually(lambda: sum(call.startswith("run.sh as") for call in instance.machine.calls) == 2, 60)
    assert sum("--labels 42" in call for call in instance.machine.calls) == 1
    assert instance.driver.signalled_to_us == instance.driver.signalled == ("UD_REG_OK", "42")
    instance.give_back()
    instance.require_next_run()
    assert instance.driver.reported("cutOff") == ""


def test_a_script_that_a_restart_cut_off_has_failed(instance: Instance) -> None:
    """It may have done half of its work, so it is neither repeated nor taken for done."""
    instance.boot(pre_runner_script=f"{_SCRIPT}; sleep 1000")
    eventually(lambda: instance.machine.read("ran"), 60, lambda: instance.machine.log)
    instance.machine.reboot()
    instance.awaits("UD_FAILED", "42", CREATION_SECONDS)
    eventually(lambda: "script.cut_off" in instance.machine.log, 60, lambda: instance.machine.log)
    assert instance.machine.read("ran") == "began\n"
    instance.require_end()


def test_a_restarted_machine_without_its_table_ends_after_a_day(instance: Instance) -> None:
    """By the time since the restart."""
    machine = instance.machine
    instance.surroundings.metadata.life_cycle = "spot"
    machine.replace(_UPTIME, "100.25 90.00\n")
    instance.boot()
    instance.serve()
    instance.judges_again()
    with trouble(instance.world.aws, GONE):
        machine.replace(_UPTIME, "10.00 9.00\n")
        machine.reboot()
        eventually(lambda: machine.log.count("instance.started") == 2, 60, lambda: machine.log)
        machine.replace(_UPTIME, f"{23 * 3600}.00 90.00\n")
        instance.judges_again()
        assert machine.read("shutdown") == "", machine.log
        machine.replace(_UPTIME, f"{25 * 3600}.00 90.00\n")
        eventually(lambda: machine.read("shutdown"), 60, lambda: machine.log)
