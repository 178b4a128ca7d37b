"""The user data executed on an instance: its life as provision and release see it, in a container."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from refresh.pool import records
from tests.instance.driver import CREATION_SECONDS, RELEASE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)


def test_an_instance_lives_through_two_runs_and_ends_itself(instance: Instance) -> None:
    """Created, running, idle, claimed by another run, running, expired.

    No time is tested.
    """
    driver, machine = instance.driver, instance.machine
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    eventually(lambda: machine.booted == "0", 60, lambda: machine.log)
    assert any(f"--name {driver.instance_id}-1 " in f"{call} " for call in machine.calls), machine.calls
    driver.run("42")
    eventually(lambda: machine.calls[-1].startswith("run.sh as root"), 5, lambda: machine.calls)

    driver.release("42")
    assert instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS) < 25
    removal = next(each for each in machine.calls if each.startswith("config.sh") and each.endswith("remove"))
    assert machine.calls.index("run.sh ended") < machine.calls.index(removal)
    last_of_all = "signal.written UD_REMOVE_REG_REMOVE_RUN_OK"
    eventually(lambda: last_of_all in machine.log, 5, lambda: machine.log)
    assert machine.log.index("signal.written UD_REMOVE_REG_OK") < machine.log.index(last_of_all)

    driver.claim("43")
    instance.awaits("UD_REG_OK", "43", CREATION_SECONDS)
    (registered,) = [call for call in machine.calls if call.startswith("config.sh") and "--labels 43" in call]
    assert f"--name {driver.instance_id}-2" in registered
    driver.run("43")

    assert not driver.ended()
    driver.expire()
    eventually(driver.ended, 60, lambda: machine.log)
    assert instance.surroundings.without_token == []


def test_a_heartbeat_is_written_every_five_seconds_and_expires_in_a_day(instance: Instance) -> None:
    """Provision takes an instance for dead after 15 seconds without one."""
    instance.boot()
    beats: dict[str, float] = {}

    def beaten_four_times() -> bool:
        if beat := instance.driver.item(records.HEARTBEAT):
            beats.setdefault(beat["updatedAt"]["S"], time.time())
        return len(beats) == 4

    eventually(beaten_four_times, 90, lambda: instance.machine.log)
    seen = list(beats.values())
    assert all(3 < later - earlier < 9 for earlier, later in itertools.pairwise(seen)), seen
    beat = instance.driver.item(records.HEARTBEAT)
    assert beat["value"] == {"S": "PING"}
    for item in (beat, instance.driver.item(records.SIGNAL)):
        assert 86_000 < int(item["expiresAt"]["N"]) - time.time() <= 86_400
