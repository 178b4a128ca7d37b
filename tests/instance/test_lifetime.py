"""The threshold ends an instance, and so does the lack of a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.world import refusal
from tests.instance.driver import CREATION_SECONDS, eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)


def test_an_instance_ends_itself_a_minute_after_its_threshold_and_not_before(instance: Instance) -> None:
    """So a refresh that runs in time marks it first."""
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    instance.driver.set("threshold", instance.driver.in_minutes(-25 / 60))
    assert eventually(instance.driver.ended, 80, lambda: instance.machine.log) > 30


def test_an_instance_without_a_record_shuts_down_an_hour_after_its_boot(instance: Instance) -> None:
    instance.surroundings.metadata.life_cycle = "spot"
    instance.driver.delete()
    instance.machine.replace("/proc/uptime", "100.25 90.00\n")
    instance.boot()
    eventually(lambda: "instance.started" in instance.machine.log, 60)
    instance.machine.replace("/proc/uptime", "3650.00 90.00\n")
    instance.judges_again()
    assert instance.machine.read("shutdown") == ""
    instance.machine.replace("/proc/uptime", "3800.00 90.00\n")
    eventually(lambda: instance.machine.read("shutdown"), 60, lambda: instance.machine.log)
    assert instance.machine.read("shutdown").startswith("-h now\n")


def test_an_agent_whose_state_is_lost_ends_no_instance(instance: Instance) -> None:
    """On an instance that is up for days; a job that runs as root can write the file."""
    instance.surroundings.metadata.life_cycle = "spot"
    instance.machine.replace("/proc/uptime", "100.25 90.00\n")
    instance.boot()
    instance.serve()
    instance.machine.replace("/proc/uptime", "9000.00 90.00\n")
    instance.judges_again()
    (instance.machine.folder / "opt/refresh-agent/state.json").write_text("{")
    instance.machine.kill("python3")
    instance.judges_again()
    assert instance.machine.read("shutdown") == "", instance.machine.log
    instance.require_end()


def test_a_protected_instance_ends_itself_only_when_the_tag_is_gone(instance: Instance) -> None:
    instance.surroundings.tags["refresh-action:protect"] = "true"
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    instance.driver.expire()
    asked = len(instance.surroundings.asked)
    eventually(lambda: "tags/instance/refresh-action:protect" in instance.surroundings.asked[asked:], 40)
    assert "instance.overdue" not in instance.machine.log
    del instance.surroundings.tags["refresh-action:protect"]
    eventually(instance.driver.ended, 60, lambda: instance.machine.log)


def test_an_instance_that_may_not_terminate_itself_shuts_down(instance: Instance) -> None:
    """The launch template makes EC2 terminate it then."""
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    instance.world.aws.before_call = lambda call: (
        refusal(call, "UnauthorizedOperation", 403) if call == "ec2:TerminateInstances" else None
    )
    instance.driver.expire()
    eventually(lambda: instance.machine.read("shutdown"), 120, lambda: instance.machine.log)
    assert instance.machine.read("shutdown").startswith("-h now\n")
    assert instance.world.aws.calls.count("ec2:TerminateInstances") >= 5


def test_an_instance_whose_runner_a_job_removed_still_ends_itself(instance: Instance) -> None:
    """Jobs run as root by default. An agent that failed in each start would judge nothing."""
    instance.boot()
    instance.serve()
    instance.machine.run("rm /opt/refresh-runner/run.sh")
    instance.machine.run(
        "for p in /proc/[0-9]*; do [[ $(readlink $p/cwd) != /opt/refresh-runner ]] || kill -9 ${p#/proc/}; done"
    )
    eventually(lambda: "runner.not_started" in instance.machine.log, 60, lambda: instance.machine.log)
    instance.require_end()
