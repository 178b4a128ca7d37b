"""Programs and users that stand in for those of a machine."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refresh.agent.settings import Settings
from refresh.agent.users import User
from tests import suites

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refresh.agent.processes import Session

UNUSED_ID = 61_234 + 2 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""The number of a user and of a group that own nothing here.

Each worker has its own, since a stop ends every process of its user.
"""
ROOT = User("root", 0, 0, [0], "/root")
BUILDER = User("builder", UNUSED_ID, UNUSED_ID, [UNUSED_ID, UNUSED_ID + 1], "/home/builder")


def needs_root() -> None:
    """Leave out a test that becomes another user."""
    if os.geteuid():
        suites.leave_out("needs root, to become another user")


def program(path: Path, script: str) -> Path:
    """Write a program in bash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path


def tool(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """Put a stand-in before a tool of the machine."""
    program(folder / "tools" / name, script)
    monkeypatch.setenv("PATH", f"{folder}/tools:/usr/bin:/bin")


def until(condition: Callable[[], object]) -> None:
    """Wait until it is so, as long as it takes."""
    while not condition():
        time.sleep(0.01)


def end(session: Session) -> None:
    """Kill all of a session. A single pass may miss a process that is forked during it."""

    def ended() -> bool:
        session.kill(signal.SIGKILL)
        return not session.alive()

    until(ended)


def settings(**values: str) -> Settings:
    """Return the header's values."""
    names = "AWS_REGION TABLE_NAME REGISTRATION_URL RUNNER_USER RUNNER_VERSION RUNNER_URL_X64 RUNNER_SHA256_X64"
    header = dict.fromkeys([*names.split(), "RUNNER_URL_ARM64", "RUNNER_SHA256_ARM64", "ORIGINAL_MODES"], "")
    return Settings({**header, "PRE_RUNNER_SCRIPT": '""', "PRE_RUNNER_SCRIPT_SHA256": "", **values})


@pytest.fixture
def public_path() -> Iterator[Path]:
    """Give a folder that every user can enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
