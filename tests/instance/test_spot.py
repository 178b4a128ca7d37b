"""EC2 takes a spot instance back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.instance.driver import CREATION_SECONDS, eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _spot(instance: Instance) -> None:
    instance.surroundings.metadata.life_cycle = "spot"


def test_a_notice_of_ec2_is_reported_and_no_new_run_is_registered(instance: Instance) -> None:
    """The run that the machine has goes on as long as it can."""
    instance.boot()
    instance.serve()
    assert instance.driver.reported("reclaimedAt") == ""
    at = instance.driver.in_minutes(10)
    instance.surroundings.metadata.reclaimed_at = at
    eventually(lambda: instance.driver.reported("reclaimedAt") == at, CREATION_SECONDS, lambda: instance.machine.log)
    assert f"instance.reclaimed at={at}" in instance.machine.log
    assert instance.driver.signalled_to_us == ("UD_REG_OK", "42")
    assert "run.sh ended" not in instance.machine.calls
    instance.give_back()
    instance.driver.claim("43")
    instance.awaits("UD_REG_FAILED", "43", CREATION_SECONDS)
    assert instance.driver.reported("reclaimedAt") == at
    assert not [call for call in instance.machine.calls if "--labels 43" in call]


def test_a_notice_outlives_the_agent_that_read_it(instance: Instance) -> None:
    instance.boot()
    instance.serve()
    at = instance.driver.in_minutes(10)
    instance.surroundings.metadata.reclaimed_at = at
    eventually(lambda: instance.driver.reported("reclaimedAt") == at, CREATION_SECONDS, lambda: instance.machine.log)
    instance.give_back()
    instance.machine.kill("python3")
    instance.driver.claim("43")
    instance.awaits("UD_REG_FAILED", "43", CREATION_SECONDS)
    assert instance.driver.reported("reclaimedAt") == at


def test_a_machine_that_ec2_should_have_taken_back_ends_itself(instance: Instance) -> None:
    """It treats the time of the notice as its threshold."""
    instance.boot()
    instance.serve()
    instance.surroundings.metadata.reclaimed_at = instance.driver.in_minutes(-2)
    eventually(instance.driver.ended, 90, lambda: instance.machine.log)


def test_an_on_demand_machine_looks_for_no_notice(instance: Instance) -> None:
    instance.surroundings.metadata.life_cycle = "on-demand"
    instance.surroundings.metadata.reclaimed_at = instance.driver.in_minutes(-2)
    instance.boot()
    instance.serve()
    instance.give_back()
    instance.require_next_run()
    assert "spot/instance-action" not in instance.surroundings.asked
    assert not instance.driver.ended()
