"""A script that is too large for the user data reaches the instance through the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.agent.user_data import StoredScript
from tests.instance.driver import CREATION_SECONDS, eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)
LARGE = 'cp "$0" "$RECORD/arrived"\n' + "# EOF ' \" \\ $(id) `id` \x01 \u00e9\U0001f40e\r\n\n" * 7000
STORED = StoredScript(LARGE)


def test_a_large_script_arrives_byte_for_byte(instance: Instance) -> None:
    assert len(LARGE.encode()) > 200_000
    instance.boot(pre_runner_script=LARGE)
    instance.awaits("UD_REG_OK", "42", CREATION_SECONDS)
    assert (instance.machine.record / "arrived").read_bytes() == LARGE.encode()


@pytest.mark.shows("A71")
def test_a_script_that_a_job_put_in_its_place_does_not_run(instance: Instance) -> None:
    instance.refresh(pre_runner_script=LARGE)
    instance.world.put_metadata(instance.clients, STORED.identifier, {"S": "touch $RECORD/owned"})
    instance.start()
    instance.awaits("UD_FAILED", "42", CREATION_SECONDS)
    eventually(lambda: instance.machine.booted == "1", 30, lambda: instance.machine.log)
    assert f"script.refused sha256={STORED.sha256}\n" in instance.machine.log
    assert not (instance.machine.record / "owned").exists()
    assert instance.machine.calls == []
