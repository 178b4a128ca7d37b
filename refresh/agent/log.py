"""The agent's log. Only root can read it: the user's script may print secrets."""

from __future__ import annotations

import contextlib
import os
import time

from refresh.agent.clock import wire

LOG = "/var/log/user-data.log"
RUNNER_LOG = "/var/log/actions-runner.log"


def say(line: str) -> None:
    """Write a line to the log, which is stderr, with the time in UTC. A full disk does not stop the agent."""
    with contextlib.suppress(OSError):
        os.write(2, f"{wire(time.time())} {line}\n".encode(errors="backslashreplace"))
