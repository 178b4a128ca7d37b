"""The guard over everything printed: no line is taken for a command, and no known secret is shown.

The runner reads both output streams and acts on two grammars: `::command::` at the start of a line and `##[command]`
anywhere in it. https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from threading import RLock
from typing import IO

from refresh.credentials import SHORTEST_LINE, SHORTEST_SECRET

_LEGACY_COMMAND = re.compile(r"##\[")
_COMMAND = re.compile(r"^(\W*?)::")
_USER = re.compile(r"(?<=://)[^\s/?#\"'<>]+(?=@)")
"""User and password in an address: those of proxies and endpoints stand in the errors of libraries."""
_COLOURS = tuple(
    (re.compile(look), colour)
    for look, colour in (
        (r"(error|critical): ", 31),
        (r"warning: ", 33),
        (r"(notice|debug): ", 36),
        (r" *\+.*", 32),
        (r" *-.*", 31),
        (r" *~ .*", 33),
        (r"[a-z_]+\.[a-z_]+(?= )", 36),
        (r"[a-z ]+: .*\([0-9.]+ s\)$", 1),
    )
)


class RedactingStream:
    """A text stream that shows no known secret and no line that a runner would take for a command.

    Writing never fails: where the reader is gone or the disk is full, the rest is dropped and `lost` says why.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        # Python has none where the descriptor was closed before it started.
        self.raw = stream or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
        if isinstance(self.raw, io.TextIOWrapper):
            self.raw.reconfigure(errors="backslashreplace")  # a terminal need not know every character
        self.lost: OSError | None = None
        """Why nothing more can be written."""
        self.encoding = "utf-8"
        self.indent = ""
        """Put before every line."""
        self.colour = False
        self._rest = ""
        self._secrets: frozenset[str] = frozenset()
        """Replaced as a whole, since other threads read it while one adds to it."""
        self._lock = RLock()

    def conceal(self, secret: str) -> None:
        """Replace a value by `***` in all that is written from now on; of one with several lines each long line too."""
        lines = [line for line in secret.splitlines() if len(line) >= SHORTEST_LINE]
        with self._lock:
            self._secrets |= {each for each in (secret, *lines) if len(each) >= SHORTEST_SECRET}

    def redacted(self, text: str) -> str:
        """Replace every known secret in a text, and what stands before the host in an address."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _USER.sub("***", text) if "@" in text else text

    def write(self, text: str) -> int:
        """Write whole lines; what is no line yet waits for `flush` or its end."""
        with self._lock:
            *lines, self._rest = re.split(r"\r\n|[\n\r]", self._rest + text)
            for line in lines:
                self._write_line(line)
        return len(text)

    def flush(self) -> None:
        """Write what is left and flush."""
        with self._lock:
            if self._rest:
                self._write_line(self._rest)
                self._rest = ""
            self._send("")

    def command(self, line: str) -> None:
        """Write a line that is meant for the runner."""
        with self._lock:
            self.flush()
            self._send(f"{line}\n")

    def control(self, sequence: str) -> None:
        """Write a control sequence for a terminal."""
        with self._lock:
            self.flush()
            self._send(sequence)

    def isatty(self) -> bool:
        """Whether a person watches."""
        return self.raw.isatty()

    def fileno(self) -> int:
        """Give the descriptor of the guarded stream."""
        return self.raw.fileno()

    def _write_line(self, line: str) -> None:
        line = harmless(self.redacted(line))
        self._send(f"{self.indent}{painted(line) if self.colour else line}\n")

    def _send(self, text: str) -> None:
        if self.lost:
            return
        try:
            self.raw.write(text)
            self.raw.flush()
        except OSError as error:
            self.lost = error


def harmless(line: str) -> str:
    r"""Rewrite a line so that the runner finds no command in it: `##[` becomes `##\u005b`, a leading `::` `:\u003a`."""
    line = "".join(
        character if character.isprintable() or character == "\t" else _visible(character) for character in line
    )
    line = _LEGACY_COMMAND.sub(r"##\\u005b", line)
    return _COMMAND.sub(r"\1:\\u003a", line)


def harmless_lines(text: str) -> str:
    """Make every line of a text harmless, whoever splits it."""
    return "\n".join(map(harmless, re.split(r"\r\n|[\r\n]", text)))


def painted(line: str) -> str:
    """Colour a harmless line by its look: errors and warnings, signs of changes, names of events, titles."""
    for look, colour in _COLOURS:
        if found := look.match(line):
            return f"\x1b[{colour}m{found[0]}\x1b[0m{line[found.end() :]}"
    return line


def _visible(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()
