"""Commands of a release; a dry run only shows those that publish something."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class CommandFailed(Exception):
    """A command failed; its own output precedes this error."""


@dataclass(frozen=True)  # not attrs: the workflow installs nothing
class Commands:
    """Shows and runs commands in a folder; in a dry run it only shows those that publish."""

    folder: Path
    dry: bool

    def run(self, *words: str, expected: int = 0) -> None:
        """Run a command, show its output, and raise `CommandFailed` for another exit code than the expected one."""
        say(f"$ {shlex.join(words)}")
        self._ended(words, subprocess.run(words, cwd=self.folder, check=False).returncode, expected)  # noqa: S603 - ours

    def ask(self, *words: str) -> str:
        """Run a command that changes nothing, and return its output."""
        done = subprocess.run(words, cwd=self.folder, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        self._ended(words, done.returncode)
        return done.stdout.strip()

    def publish(self, *words: str) -> None:
        """Run a command that publishes something; in a dry run only show it."""
        if self.dry:
            say(f"not run: {shlex.join(words)}")
        else:
            self.run(*words)

    @staticmethod
    def _ended(words: tuple[str, ...], code: int, expected: int = 0) -> None:
        if code != expected:
            raise CommandFailed(f"exit code {code}: {shlex.join(words)}")


def say(text: str) -> None:
    """Print a line at once, so that it stays in order with the output of commands."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
