"""How many requests an agent makes: a claim has ten seconds and a machine one small processor."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.instance import metadata
from tests.instance.driver import eventually

if TYPE_CHECKING:
    from tests.fakes.aws_server import Arrival
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)
_SOME = 5
"""One, and some for calls that a busy machine did not answer in time."""


def _of_agent(instance: Instance, since: int = 0) -> list[Arrival]:
    return [each for each in instance.world.aws.arrivals[since:] if each.signer.startswith(metadata.AGENT)]


@pytest.mark.parametrize("original_modes", ["true", "false"])
def test_a_claim_costs_no_read_of_the_token(instance: Instance, original_modes: str) -> None:
    """The agent has read it while it waited, so only its own record and config.sh are between claim and signal."""
    instance.boot(original_modes=original_modes)
    _await(instance, "UD_REG_OK", "42")
    instance.driver.release("42")
    _await(instance, "UD_REMOVE_REG_REMOVE_RUN_OK", "42")
    since = len(instance.world.aws.arrivals)
    eventually(lambda: len(_of_agent(instance, since)) > _SOME, 60, lambda: instance.machine.log)
    since = len(instance.world.aws.arrivals)
    instance.driver.claim("43")
    _await(instance, "UD_REG_OK", "43")
    made = _of_agent(instance, since)
    signalled = next(n for n, each in enumerate(made) if b"UD_REG_OK" in each.body)
    assert not [each for each in made[:signalled] if b"gh_registration_token" in each.body]


def test_an_agent_asks_the_metadata_service_once_and_not_for_each_call(instance: Instance) -> None:
    instance.boot()
    instance.serve()
    instance.give_back()
    instance.require_next_run()
    asked = Counter(instance.surroundings.asked)
    assert set(asked.values()) == {1}, asked


def _await(instance: Instance, state: str, run: str) -> None:
    eventually(lambda: instance.driver.signalled_to_us == (state, run), 180, lambda: instance.machine.log)
