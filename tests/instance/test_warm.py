"""A warm machine: refresh launches it for no run, it waits in the pool for its first one, and ends without refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.pool import lifecycle
from tests.fakes.provisioning import TYPE
from tests.instance.cloud import Cloud
from tests.instance.driver import CREATION_SECONDS, Driver, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.provisioning import ProvisionWorld
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)

LABEL = "warm-77-large"
_HOUR_SECONDS = 3600


@pytest.fixture
def warm(instance: Instance, world: ProvisionWorld, clients: Clients) -> Instance:
    """Give an instance that refresh has launched and recorded, and that has not booted yet."""
    instance.surroundings.tags["InitialRunId"] = LABEL
    version = str(world.default_version(clients)["VersionNumber"])
    instance.driver.create("", instanceType=TYPE, templateVersion=version)
    return instance


@pytest.fixture
def cloud(*, contained: bool, world: ProvisionWorld, clients: Clients, tmp_path: Path) -> Iterator[Cloud]:
    """Give a region whose machines boot."""
    with Cloud(world, clients, tmp_path / "machines", contained) as cloud:
        yield cloud


def boots(warm: Instance) -> None:
    """Boot it until it can be claimed, and record that."""
    warm.start()
    warm.awaits("UD_OK", LABEL, CREATION_SECONDS)
    warm.driver.await_beat(lambda: warm.machine.log)
    warm.driver.promote()


def test_refresh_launches_promotes_and_keeps_a_machine_that_provision_claims(
    cloud: Cloud, world: ProvisionWorld, clients: Clients
) -> None:
    """It boots for no run, and registers for none before it is claimed; provision launches nothing."""
    desired = {"min_idle": '{"large": 1}'}
    assert world.refresh(**desired).exit_code == 0
    ((identifier, record),) = world.records(clients).items()
    assert (record.state, record.run_id) == (lifecycle.CREATED, "")
    driver = Driver(world, clients, identifier)
    eventually(lambda: identifier in cloud.machines, CREATION_SECONDS)
    machine = cloud.machines[identifier]
    driver.await_signal("UD_OK", LABEL, CREATION_SECONDS, lambda: machine.log)
    driver.await_beat(lambda: machine.log)

    assert world.refresh(**desired).exit_code == 0
    record = world.records(clients)[identifier]
    assert (record.state, record.run_id, record.fresh_for) == (lifecycle.IDLE, "", record.threshold)
    for _ in range(2):
        driver.keep(20)
        assert world.refresh(**desired).exit_code == 0
        record = world.records(clients)[identifier]
        assert record.fresh_for == record.threshold
        assert (record.threshold or "") > driver.in_minutes(50)
    assert not [call for call in machine.calls if "--labels" in call]

    code, printed = world.provision(run_id="78")
    assert code == 0, printed
    assert world.having(clients, "78") == {identifier: lifecycle.RUNNING}
    assert list(world.states(clients)) == [identifier]
    (registered,) = [call for call in machine.calls if "--labels" in call]
    assert "--labels 78" in registered
    assert f"--name {identifier}-1" in registered


def test_a_warm_machine_that_no_refresh_keeps_ends_itself(warm: Instance) -> None:
    """An hour after the last time that it was kept."""
    warm.surroundings.metadata.life_cycle = "spot"
    boots(warm)
    sessions = warm.world.aws.sessions
    sessions.ahead = _HOUR_SECONDS - 300
    warm.driver.keep()
    sessions.ahead = _HOUR_SECONDS + 300
    warm.judges_again()
    assert not warm.driver.ended()
    assert "instance.overdue" not in warm.machine.log
    sessions.ahead += _HOUR_SECONDS
    eventually(warm.driver.ended, 60, lambda: warm.machine.log)
    assert not [call for call in warm.machine.calls if "--labels" in call]


def test_a_warm_machine_that_ec2_takes_back_reports_it_and_ends_itself(warm: Instance) -> None:
    """However long it is kept."""
    warm.surroundings.metadata.life_cycle = "spot"
    boots(warm)
    at = warm.driver.in_minutes(10)
    warm.surroundings.metadata.reclaimed_at = at
    eventually(lambda: warm.driver.reported("reclaimedAt") == at, CREATION_SECONDS, lambda: warm.machine.log)
    assert warm.driver.signalled_to_us == ("UD_OK", LABEL)
    warm.world.aws.sessions.ahead = 12 * 60
    warm.driver.keep()
    eventually(warm.driver.ended, 60, lambda: warm.machine.log)
