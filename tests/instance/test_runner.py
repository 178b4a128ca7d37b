"""The runner on an instance fails at its registration, its removal or its end: it is signalled or survived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.pool import names
from tests.instance.driver import CLAIM_SECONDS, CREATION_SECONDS, RELEASE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)


def test_a_registration_that_fails_three_times_is_signalled_and_the_next_claim_works(instance: Instance) -> None:
    instance.machine.record.joinpath("refusals-to-register").write_text("3")
    instance.boot()
    instance.awaits("UD_REG_FAILED", "42", CREATION_SECONDS)
    assert sum(call.startswith("config.sh") for call in instance.machine.calls) == 3
    instance.driver.release("42")
    instance.driver.claim("43")
    instance.awaits("UD_REG_OK", "43", CLAIM_SECONDS + 10)  # the end of the failed run is noticed first


def test_without_a_token_no_registration_is_tried(instance: Instance) -> None:
    """Because config.sh would wait for one on a terminal. With one the next claim works."""
    instance.refresh()
    known = instance.world.metadata(instance.clients, names.REGISTRATION_TOKEN_IDENTIFIER)
    instance.world.delete_metadata(instance.clients, names.REGISTRATION_TOKEN_IDENTIFIER)
    instance.start()
    instance.awaits("UD_REG_FAILED", "42", CREATION_SECONDS)
    assert not [call for call in instance.machine.calls if call.startswith("config.sh") and "--labels" in call]
    instance.world.put_metadata(instance.clients, names.REGISTRATION_TOKEN_IDENTIFIER, known)
    instance.driver.release("42")
    instance.require_next_run()


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
