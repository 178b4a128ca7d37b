"""Failures on an instance: each is signalled or survived, and the threshold ends the instance in every case."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from refresh.pool import names
from tests.fakes.world import in_minutes
from tests.instance.driver import CLAIM_SECONDS, CREATION_SECONDS, RELEASE_SECONDS, eventually
from tests.instance.surroundings import VERSION, archive

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)
THROTTLED = {"__type": "com.amazon.coral.availability#ThrottlingException", "message": "Rate exceeded"}
DENIED = b"<Response><Errors><Error><Code>UnauthorizedOperation</Code></Error></Errors></Response>"
BAD_ANSWERS = {
    "errors": (500, b'{"__type": "InternalServerError", "message": "oops"}'),
    "throttling": (400, json.dumps(THROTTLED).encode()),
}


def _end_by_threshold(instance: Instance) -> None:
    instance.driver.expire()
    eventually(instance.driver.ended, 60, lambda: instance.machine.log)


def test_a_failing_script_is_signalled_and_nothing_is_installed(instance: Instance) -> None:
    instance.boot(pre_runner_script="#!/bin/bash -e\necho broken\n(exit 3)\necho went on\n")
    instance.awaits("UD_FAILED", "42", CREATION_SECONDS)
    eventually(lambda: instance.machine.booted == "1", 5)
    assert "broken\n" in instance.machine.log
    assert "went on\n" not in instance.machine.log
    assert "script.failed exit=3" in instance.machine.log
    assert instance.machine.calls == []
    assert instance.surroundings.downloads == 0
    _end_by_threshold(instance)


def test_a_hanging_script_does_not_keep_the_instance_alive(instance: Instance) -> None:
    instance.boot(pre_runner_script="sleep 1000")
    eventually(lambda: "instance.started" in instance.machine.log, 60)
    _end_by_threshold(instance)
    assert instance.driver.signalled == ("", "")


def test_a_registration_that_fails_three_times_is_signalled_and_the_next_claim_works(instance: Instance) -> None:
    instance.machine.record.joinpath("refusals-to-register").write_text("3")
    instance.boot()
    instance.awaits("UD_REG_FAILED", "42", CREATION_SECONDS)
    assert sum(call.startswith("config.sh") for call in instance.machine.calls) == 3
    instance.driver.release("42")
    instance.driver.claim("43")
    instance.awaits("UD_REG_OK", "43", CLAIM_SECONDS + 10)  # it looks every 10 seconds whether the run has ended


def test_a_failed_download_and_a_failed_registration_are_retried(instance: Instance) -> None:
    instance.surroundings.refusals = 2
    instance.machine.record.joinpath("refusals-to-register").write_text("1")
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert instance.surroundings.downloads == 3


def test_without_a_token_no_registration_is_tried(instance: Instance) -> None:
    """config.sh would wait for one on a terminal."""
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    instance.world.delete_metadata(instance.clients, names.REGISTRATION_TOKEN_IDENTIFIER)
    instance.driver.release("42")
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS)
    instance.driver.claim("43")
    instance.awaits("UD_REG_FAILED", "43", 30)
    assert not [call for call in instance.machine.calls if call.startswith("config.sh") and "--labels 43" in call]


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_signals_are_retried_while_the_table_fails(instance: Instance, kind: str) -> None:
    """At boot, and at release."""
    aws = instance.world.aws

    def bad_for(seconds: float) -> None:
        aws.before_call = lambda call: BAD_ANSWERS[kind] if call.startswith("dynamodb:") else None
        timer = threading.Timer(seconds, lambda: setattr(aws, "before_call", lambda _: None))
        timer.daemon = True
        timer.start()

    instance.boot()
    bad_for(8)
    eventually(lambda: aws.before_call("dynamodb:GetItem") is None, 20)
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert "retried: 'put' 'WS'" in instance.machine.log
    instance.driver.release("42")
    bad_for(15)
    eventually(lambda: aws.before_call("dynamodb:GetItem") is None, 20)
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS)


@pytest.mark.shows("A45")
def test_an_archive_with_another_checksum_is_refused_and_signalled(instance: Instance) -> None:
    instance.surroundings.archive = archive("9.9.9")
    instance.boot()
    instance.awaits("UD_REG_FAILED", "42", CREATION_SECONDS)
    assert "runner.not_installed" in instance.machine.log
    assert instance.machine.calls == []
    _end_by_threshold(instance)


@pytest.mark.shows("A45")
@pytest.mark.parametrize(("given", "outcome"), [("0" * 64, "UD_REG_FAILED"), ("", "UD_REG_OK")])
def test_a_pinned_version_must_match_its_given_checksum(instance: Instance, given: str, outcome: str) -> None:
    """GitHub reports a checksum for the newest version only; an older one without a given sum is logged."""
    sums = f"x64={given},arm64={given}" if given else ""
    instance.boot(actions_runner_version="2.330.0", actions_runner_sha256=sums)
    instance.awaits(outcome, "42", CREATION_SECONDS)
    assert ("runner.unverified" in instance.machine.log) == (not given)


@pytest.mark.parametrize(("folder", "home"), [("actions-runner", ""), ("my-runner", "/opt/my-runner")])
def test_the_runner_of_the_image_is_used_if_its_version_matches(instance: Instance, folder: str, home: str) -> None:
    instance.surroundings.unpack(instance.machine.folder / "opt" / folder, VERSION)
    instance.boot({"RUNNER_HOME": home} if home else {})
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert instance.surroundings.downloads == 0
    assert f"runner.found folder=/opt/{folder}" in instance.machine.log


def test_etc_environment_may_name_the_folder_of_the_runner(instance: Instance) -> None:
    """User data does not get these variables; images built by Packer have them there."""
    instance.surroundings.unpack(instance.machine.folder / "opt" / "my-runner", VERSION)
    instance.machine.replace("/etc/environment", 'ImageOS=ubuntu24\nRUNNER_HOME="/opt/my-runner"\n')
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert instance.surroundings.downloads == 0
    eventually(lambda: "ImageOS=ubuntu24\n" in instance.machine.read("environment"), 20)


def test_an_older_runner_of_the_image_is_not_used(instance: Instance) -> None:
    """GitHub may refuse it."""
    instance.surroundings.unpack(instance.machine.folder / "opt" / "actions-runner", "2.300.0")
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert instance.surroundings.downloads == 1


def test_a_migrated_runner_whose_removal_github_refuses_is_removed_locally(instance: Instance) -> None:
    """The stored token registers, but not every GitHub accepts it for removal; a migrated runner has more files."""
    instance.machine.record.joinpath("migrated").touch()
    instance.machine.record.joinpath("refusals-to-remove").write_text("1")
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    eventually((instance.machine.folder / "opt/refresh-runner/.runner_migrated").exists, 10)
    instance.driver.release("42")
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS)
    instance.driver.claim("43")
    instance.awaits("UD_REG_OK", "43", CLAIM_SECONDS + 10)


def test_a_failed_removal_is_signalled_and_its_files_do_not_block_the_next_run(instance: Instance) -> None:
    """Release expires the instance then, but another run may have claimed it before."""
    instance.machine.record.joinpath("migrated").touch()
    instance.machine.record.joinpath("refusals-to-remove").write_text("2")
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    eventually((instance.machine.folder / "opt/refresh-runner/.credentials_migrated").exists, 10)
    instance.driver.release("42")
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_FAILED", "42", RELEASE_SECONDS)
    assert "signal.written UD_REMOVE_REG_FAILED run=42" in instance.machine.log
    instance.driver.claim("43")
    instance.awaits("UD_REG_OK", "43", CLAIM_SECONDS + 10)


def test_a_runner_that_does_not_end_is_killed_after_half_a_minute(instance: Instance) -> None:
    """Release still waits then."""
    instance.machine.record.joinpath("stubborn").touch()
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    eventually(lambda: instance.machine.calls[-1].startswith("run.sh as"), 10)
    instance.driver.release("42")
    assert instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS) > 25
    assert "run.sh ended" not in instance.machine.calls


def test_a_zombie_does_not_count_as_a_running_process(instance: Instance) -> None:
    """Its parent has left the session and does not reap it; PID 1 may be as slow."""
    job = "bash -c 'sleep 0.1 & exec setsid sleep 1000' & sleep 1; touch $RECORD/left"
    instance.machine.record.joinpath("job.sh").write_text(job)
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    eventually((instance.machine.record / "left").exists, 20)
    instance.driver.release("42")
    assert instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS) < 25
    assert "run.sh ended" in instance.machine.calls


def test_a_crashed_runner_is_restarted(instance: Instance) -> None:
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    eventually(lambda: instance.machine.calls[-1].startswith("run.sh as"), 10)
    instance.machine.record.joinpath("crash").touch()
    eventually(lambda: instance.machine.calls[-2:-1] == ["run.sh crashed"], 30, lambda: instance.machine.calls)
    assert instance.machine.calls[-1].startswith("run.sh as")


def test_an_instance_ends_itself_a_minute_after_its_threshold_and_not_before(instance: Instance) -> None:
    """So a refresh that runs in time marks it first."""
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    instance.driver.set("threshold", in_minutes(-25 / 60))
    assert eventually(instance.driver.ended, 80, lambda: instance.machine.log) > 30


def test_an_instance_without_a_record_shuts_down_an_hour_after_its_boot(instance: Instance) -> None:
    instance.driver.delete()
    instance.machine.replace("/proc/uptime", "100.25 90.00\n")
    instance.boot()
    eventually(lambda: "instance.started" in instance.machine.log, 60)
    instance.machine.replace("/proc/uptime", "3650.00 90.00\n")
    asked = instance.world.aws.calls.count("dynamodb:GetItem")
    eventually(lambda: instance.world.aws.calls.count("dynamodb:GetItem") > asked + 10, 60)
    assert instance.machine.read("shutdown") == ""
    instance.machine.replace("/proc/uptime", "3800.00 90.00\n")
    eventually(lambda: instance.machine.read("shutdown"), 60, lambda: instance.machine.log)
    assert instance.machine.read("shutdown") == "-h now\n"


def test_in_an_outage_an_instance_ends_itself_after_a_day_and_not_within_hours(instance: Instance) -> None:
    """By the time since boot."""
    instance.machine.replace("/proc/uptime", "100.25 90.00\n")
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    aws = instance.world.aws
    aws.before_call = lambda call: BAD_ANSWERS["errors"] if call.startswith("dynamodb:") else None
    instance.machine.replace("/proc/uptime", f"{100 + 23 * 3600}.00 90.00\n")
    asked = aws.calls.count("dynamodb:GetItem")
    # Six calls of the CLI, tried twice each: at least one of them for the threshold.
    eventually(lambda: aws.calls.count("dynamodb:GetItem") >= asked + 12, 120)
    assert instance.machine.read("shutdown") == "", instance.machine.log
    instance.machine.replace("/proc/uptime", f"{100 + 25 * 3600}.00 90.00\n")
    eventually(lambda: instance.machine.read("shutdown"), 60, lambda: instance.machine.log)


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
    instance.world.aws.before_call = lambda call: (403, DENIED) if call == "ec2:TerminateInstances" else None
    instance.driver.expire()
    eventually(lambda: instance.machine.read("shutdown"), 120, lambda: instance.machine.log)
    assert instance.machine.read("shutdown") == "-h now\n"
    assert instance.world.aws.calls.count("ec2:TerminateInstances") >= 5
