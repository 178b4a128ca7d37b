"""The role of the instance: credentials that end, a clock that is off, and permissions that are missing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from refresh.pool import records
from tests.instance import metadata
from tests.instance.driver import CREATION_SECONDS, eventually
from tests.instance.troubles import DENIED, trouble

if TYPE_CHECKING:
    from tests.fakes.aws_server import Arrival
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(400)
_LATEST_SECONDS = 45
"""How long after the end of its minute a machine ends itself at the latest; a clock that is off is off by more."""


def _of_agent(instance: Instance) -> list[Arrival]:
    return [each for each in instance.world.aws.arrivals if each.signer.startswith(metadata.AGENT)]


def _keys_used(instance: Instance) -> int:
    return len({each.signer for each in _of_agent(instance)})


def test_a_machine_outlives_its_credentials(instance: Instance) -> None:
    """They last for seconds here; AWS refuses them afterwards, and the metadata service has others."""
    instance.surroundings.metadata.valid_seconds = 10
    instance.boot()
    instance.serve()
    eventually(lambda: _keys_used(instance) >= 3, 120, lambda: instance.machine.log)
    instance.give_back()
    instance.require_next_run()
    instance.require_end()


def test_credentials_that_end_while_the_metadata_service_is_silent_cut_off_no_job(instance: Instance) -> None:
    instance.surroundings.metadata.valid_seconds = 10
    instance.boot()
    instance.serve()
    instance.surroundings.metadata.mode = metadata.ERRORS
    eventually(lambda: "unanswered" in instance.machine.log, 120, lambda: instance.machine.log)
    assert "run.sh ended" not in instance.machine.calls
    instance.surroundings.metadata.mode = metadata.ANSWERS
    instance.give_back()
    instance.require_next_run()


@pytest.mark.parametrize("ahead", [-10800, -90, 90, 10800])
def test_a_machine_whose_clock_is_off_judges_by_the_clock_of_aws(instance: Instance, ahead: float) -> None:
    """From its first call on: AWS refuses those that are signed hours off, and says what time it is."""
    instance.refresh()
    instance.world.aws.sessions.ahead = ahead
    instance.driver.create()
    instance.start()
    instance.serve()
    for item in (instance.driver.report, instance.driver.item(records.HEARTBEAT)):
        written = records.read_time(records.text(item, "updatedAt") or "")
        assert written is not None
        assert abs(written.timestamp() - instance.world.aws.sessions.now()) < _LATEST_SECONDS
    instance.give_back()
    threshold = time.monotonic() - 30
    instance.driver.set("threshold", instance.driver.in_minutes(-0.5))
    eventually(instance.driver.ended, 120, lambda: instance.machine.log)
    ended = next(each.at for each in _of_agent(instance) if each.operation == "ec2:TerminateInstances")
    assert 60 < ended - threshold < 60 + _LATEST_SECONDS


def test_a_role_that_may_not_write_the_report_leaves_the_machine_to_the_original(instance: Instance) -> None:
    """The log names the item and the policy. With the permission the report is written without a restart."""
    with trouble(instance.world.aws, DENIED, parts=("TYPE#AGENT",)):
        instance.boot()
        instance.serve()
        assert instance.driver.report == {}
        refused = f"report.refused key=TYPE#AGENT#{instance.surroundings.metadata.user_id} "
        assert refused in instance.machine.log
        assert "AccessDenied" in instance.machine.log
        assert "policy in docs/instance.md" in instance.machine.log
        instance.driver.await_beat(lambda: instance.machine.log)
        instance.give_back()
        instance.require_next_run()
    left = ("UD_REMOVE_REG_REMOVE_RUN_OK", "43")
    eventually(lambda: instance.driver.signalled_to_us == left, CREATION_SECONDS, lambda: instance.machine.log)


def test_without_the_originals_modes_a_machine_writes_its_report_alone(instance: Instance) -> None:
    instance.boot(original_modes="false")
    reported = instance.driver
    eventually(lambda: reported.signalled_to_us == ("UD_REG_OK", "42"), CREATION_SECONDS, lambda: instance.machine.log)
    instance.driver.release("42")
    left = ("UD_REMOVE_REG_REMOVE_RUN_OK", "42")
    eventually(lambda: reported.signalled_to_us == left, CREATION_SECONDS, lambda: instance.machine.log)
    assert instance.driver.item(records.SIGNAL) == instance.driver.item(records.HEARTBEAT) == {}
    instance.require_end()
