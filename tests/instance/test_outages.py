"""DynamoDB, STS or the metadata service refuse, fail or are silent: no machine ends early or outlives its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.instance import metadata
from tests.instance.driver import CREATION_SECONDS, eventually
from tests.instance.troubles import ERRORS, GONE, KINDS, SILENT, trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(400)
_UPTIME = "/proc/uptime"
_CALLS = 5


@pytest.mark.parametrize("kind", KINDS)
def test_without_dynamodb_a_machine_ends_after_a_day_and_not_within_hours(instance: Instance, kind: str) -> None:
    """By the time since boot. Its job runs on."""
    machine = instance.machine
    instance.surroundings.metadata.life_cycle = "spot"
    machine.replace(_UPTIME, "100.25 90.00\n")
    instance.boot()
    instance.serve()
    with trouble(instance.world.aws, kind):
        machine.replace(_UPTIME, f"{100 + 23 * 3600}.00 90.00\n")
        instance.judges_again()
        assert machine.read("shutdown") == "", machine.log
        assert "run.sh ended" not in machine.calls
        machine.replace(_UPTIME, f"{100 + 25 * 3600}.00 90.00\n")
        eventually(lambda: machine.read("shutdown"), 90, lambda: machine.log)
    assert machine.read("shutdown").startswith("-h now\n")


@pytest.mark.parametrize("kind", KINDS)
def test_after_an_outage_of_dynamodb_a_machine_serves_on(instance: Instance, kind: str) -> None:
    """The outage is longer than a call may take. What was to be signalled meanwhile is signalled after it."""
    instance.boot()
    instance.serve()
    instance.driver.release("42")
    with trouble(instance.world.aws, kind):
        _calls_again(instance)
        assert instance.driver.signalled == ("UD_REG_OK", "42")
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", CREATION_SECONDS)
    instance.require_next_run()


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_that_boots_during_an_outage_of_dynamodb_serves_after_it(instance: Instance, kind: str) -> None:
    with trouble(instance.world.aws, kind):
        instance.boot()
        _calls_again(instance)
    instance.serve()
    assert instance.driver.signalled_to_us == ("UD_REG_OK", "42")


def test_a_machine_that_cannot_learn_its_own_name_writes_what_the_original_reads(instance: Instance) -> None:
    """STS is gone; when it is back, the report is written as well."""
    with trouble(instance.world.aws, GONE, "sts"):
        instance.boot()
        instance.serve()
        assert instance.driver.report == {}
        assert "report.refused key=TYPE# " in instance.machine.log
    eventually(lambda: instance.driver.signalled_to_us == ("UD_REG_OK", "42"), CREATION_SECONDS)


def _without_metadata(instance: Instance, kind: str) -> Iterator[None]:
    surroundings = instance.surroundings
    if kind == GONE:
        surroundings.vanish()
    else:
        surroundings.metadata.mode = metadata.SILENT if kind == SILENT else metadata.ERRORS
    yield
    if kind == GONE:
        surroundings.come_back()
    surroundings.metadata.mode = metadata.ANSWERS


@pytest.mark.parametrize("kind", [ERRORS, SILENT, GONE])
def test_a_machine_that_boots_without_the_metadata_service_waits_for_it(instance: Instance, kind: str) -> None:
    instance.refresh()
    outage = _without_metadata(instance, kind)
    next(outage)
    instance.start()
    eventually(lambda: "retried: instance-id" in instance.machine.log, 60, lambda: instance.machine.log)
    next(outage, None)
    instance.serve()
    instance.give_back()


@pytest.mark.parametrize("kind", [ERRORS, SILENT, GONE])
def test_without_the_metadata_service_a_machine_serves_with_the_credentials_that_it_has(
    instance: Instance, kind: str
) -> None:
    instance.boot()
    instance.serve()
    outage = _without_metadata(instance, kind)
    next(outage)
    instance.give_back()
    instance.require_next_run()
    next(outage, None)
    instance.require_end()


def test_without_an_answer_about_its_protection_a_machine_waits_with_its_end(instance: Instance) -> None:
    """For a quarter of an hour; it ends itself as soon as there is an answer."""
    instance.boot()
    instance.serve()
    instance.surroundings.metadata.mode = metadata.ERRORS
    asked = len(instance.surroundings.asked)
    instance.driver.expire()
    protect = "tags/instance/refresh-action:protect"
    eventually(lambda: protect in instance.surroundings.asked[asked:], 60, lambda: instance.machine.log)
    assert not instance.driver.ended()
    instance.surroundings.metadata.mode = metadata.ANSWERS
    eventually(instance.driver.ended, 60, lambda: instance.machine.log)


def _calls_again(instance: Instance) -> None:
    seen = len(instance.world.aws.arrivals)
    eventually(lambda: _made(instance, seen) >= _CALLS, 120, lambda: instance.machine.log)


def _made(instance: Instance, since: int) -> int:
    return sum(each.signer.startswith(metadata.AGENT) for each in instance.world.aws.arrivals[since:])
