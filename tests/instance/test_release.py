"""Release and the agent together: what a machine does once its label is gone, and when others learn that it is idle."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from refresh.pool import names, records
from tests.instance.driver import CREATION_SECONDS, RELEASE_SECONDS, eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(400)
_DELAYED_SECONDS = 75
"""When a message must be visible: its delay of a minute, and some time for a busy machine."""


def _received(instance: Instance) -> list[dict[str, Any]]:
    """Receive the messages that the archived provision would see now, and leave them visible."""
    sqs = instance.clients.sqs
    url = sqs.get_queue_url(QueueName=names.queue(instance.world.repository, "large"))["QueueUrl"]
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [json.loads(each["Body"]) for each in answer.get("Messages", [])]


def test_a_released_machine_is_offered_only_after_it_has_deregistered_and_can_be_claimed(instance: Instance) -> None:
    """Released by the action, claimed by the archived action's writes, and released again."""
    driver, machine = instance.driver, instance.machine
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    driver.run("42")
    eventually(lambda: machine.calls[-1].startswith("run.sh as root"), 5, lambda: machine.calls)

    began = time.monotonic()
    code, printed = instance.world.release(run_id="42")
    assert code == 0, printed
    assert records.text(driver.item(records.INSTANCE), "state") == "idle"

    def deregistered() -> bool:
        assert not _received(instance), f"offered after {time.monotonic() - began:.0f} s, before it was deregistered"
        return driver.signalled == ("UD_REMOVE_REG_REMOVE_RUN_OK", "42")

    eventually(deregistered, RELEASE_SECONDS, lambda: machine.log)
    eventually(lambda: _received(instance), _DELAYED_SECONDS, lambda: "the message did not become visible")
    (message,) = _received(instance)
    assert (message["id"], message["threshold"]) == (
        driver.instance_id,
        records.text(driver.item(records.INSTANCE), "threshold"),
    )

    driver.claim("43")
    instance.awaits("UD_REG_OK", "43", CREATION_SECONDS)
    driver.run("43")
    code, printed = instance.world.release(run_id="43")
    assert code == 0, printed
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "43", RELEASE_SECONDS)
    assert not driver.ended()


def test_a_machine_that_may_serve_no_other_run_is_ended(instance: Instance) -> None:
    """By EC2 at once, and its agent stops the runner in any case."""
    driver, machine = instance.driver, instance.machine
    instance.boot()
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    driver.run("42")
    code, printed = instance.world.release(run_id="42", reuse="false")
    assert code == 0, printed
    assert driver.ended()
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", RELEASE_SECONDS)
    assert _received(instance) == [], machine.log
