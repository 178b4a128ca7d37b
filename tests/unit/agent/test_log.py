"""The agent's log."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from refresh.agent import log

if TYPE_CHECKING:
    import pytest


def test_a_line_has_the_time_in_utc(capfd: pytest.CaptureFixture[str]) -> None:
    log.say("heartbeat.written")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ heartbeat\.written\n", capfd.readouterr().err)


def test_any_text_can_be_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """Paths of files may hold bytes that are no text."""
    log.say("removed a\udcffb")
    assert capfd.readouterr().err.endswith(" removed a\\udcffb\n")


def test_a_full_disk_does_not_stop_the_agent() -> None:
    program = "from refresh.agent.log import say; say('line'); print('goes on')"
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, check=True)  # noqa: S603 - ours
    assert ran.stdout == b"goes on\n"
