"""Commands that a release runs, and those that it only shows in a dry run since others would see what they do."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class CommandFailed(Exception):
    """A command ended with another exit code than 0; what it said stands before."""


@dataclass(frozen=True)  # nothing is installed where the workflow runs it
class Commands:
    """Runs commands in a folder, each shown before; in a dry run what others would see is shown alone."""

    folder: Path
    dry: bool

    def run(self, *words: str) -> None:
        """Run a command whose output is for people."""
        say(f"$ {shlex.join(words)}")
        self._ended(words, subprocess.run(words, cwd=self.folder, check=False).returncode)  # noqa: S603 - ours

    def ask(self, *words: str) -> str:
        """Run a command that changes nothing, and give what it prints."""
        done = subprocess.run(words, cwd=self.folder, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
        self._ended(words, done.returncode)
        return done.stdout.strip()

    def publish(self, *words: str) -> None:
        """Run a command that others see the effect of; in a dry run show it."""
        if self.dry:
            say(f"not run: {shlex.join(words)}")
        else:
            self.run(*words)

    @staticmethod
    def _ended(words: tuple[str, ...], code: int) -> None:
        if code:
            raise CommandFailed(f"exit code {code}: {shlex.join(words)}")


def say(text: str) -> None:
    """Tell people, in the order in which commands tell them."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
