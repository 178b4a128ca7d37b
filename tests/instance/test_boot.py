"""The boot of an instance: the script, the download, and the runner of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.instance.driver import CREATION_SECONDS, eventually
from tests.instance.surroundings import VERSION, archive

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)


def test_a_failing_script_is_signalled_and_nothing_is_installed(instance: Instance) -> None:
    instance.boot(pre_runner_script="#!/bin/bash -e\necho broken\n(exit 3)\necho went on\n")
    instance.awaits("UD_FAILED", "42", CREATION_SECONDS)
    eventually(lambda: instance.machine.booted == "1", 5)
    assert "broken\n" in instance.machine.log
    assert "went on\n" not in instance.machine.log
    assert "script.failed exit=3" in instance.machine.log
    assert instance.machine.calls == []
    assert instance.surroundings.downloads == 0
    instance.require_end()


def test_a_hanging_script_does_not_keep_the_instance_alive(instance: Instance) -> None:
    instance.boot(pre_runner_script="sleep 1000")
    eventually(lambda: "instance.started" in instance.machine.log, 60)
    instance.require_end()
    assert instance.driver.signalled == ("", "")


def test_a_failed_download_and_a_failed_registration_are_retried(instance: Instance) -> None:
    instance.surroundings.refusals = 2
    instance.machine.record.joinpath("refusals-to-register").write_text("1")
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert instance.surroundings.downloads == 3


@pytest.mark.shows("A45")
def test_an_archive_with_another_checksum_is_refused_and_signalled(instance: Instance) -> None:
    instance.surroundings.archive = archive("9.9.9")
    instance.boot()
    instance.awaits("UD_REG_FAILED", "42", CREATION_SECONDS)
    assert "runner.not_installed" in instance.machine.log
    assert instance.machine.calls == []
    instance.require_end()


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
