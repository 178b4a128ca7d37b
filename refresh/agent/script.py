"""The user's pre-runner-script."""

# ruff: noqa: PTH107, PTH123
# pathlib costs memory and start-up time.

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from refresh.agent.processes import start

if TYPE_CHECKING:
    from refresh.agent.processes import Session


class Script:
    """The script, run by root in a session of its own, which goes on and keeps its exit code if the agent restarts."""

    def __init__(self, folder: str = "/opt/refresh-agent") -> None:
        self._file = f"{folder}/script"
        self._code = f"{folder}/script.exit"

    def start(self, text: str) -> Session:
        """Start it by the shell and option of its first line, so that no file must be executable. Raises OSError.

        Its output goes to the agent's log.
        """
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._code)
        with open(self._file, "wb") as file:
            file.write(text.encode(errors="surrogateescape"))
        command = ["bash", "-c", '"$@"; echo $? >"$0"', self._code, *_shell_of(text), self._file]
        return start(command, cwd="/", env={**os.environ, "HOME": "/root"}, stdout=2)

    def exit_code(self) -> int | None:
        """Return its exit code; None while it runs, and None after something killed its session."""
        try:
            with open(self._code, encoding="ascii") as file:
                return int(file.read())
        except (FileNotFoundError, ValueError):
            return None


def _shell_of(text: str) -> list[str]:
    first = text.split("\n", 1)[0]
    return re.split(r"[ \t]+", first[2:].strip(" \t"), maxsplit=1) if first.startswith("#!") else ["bash"]
