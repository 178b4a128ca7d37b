"""Redacts everything that is printed: the runner takes no line for a command, and no known secret is shown.

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
"""User and password in an address: errors of libraries quote the addresses of proxies and endpoints."""
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
    """A text stream without known secrets and without lines that the runner would take for commands.

    Writing never fails: if the reader is gone or the disk is full, the rest is dropped and `lost` has the error.
    """

    def __init__(self, stream: IO[str] | None) -> None:
        # None if the descriptor was closed before Python started.
        self.raw = stream or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
        if isinstance(self.raw, io.TextIOWrapper):
            self.raw.reconfigure(errors="backslashreplace")  # a terminal may not support every character
        self.lost: OSError | None = None
        """The error after which nothing more can be written."""
        self.encoding = "utf-8"
        self.indent = ""
        """Put before every line."""
        self.colour = False
        self._incomplete = ""
        self._secrets: frozenset[str] = frozenset()
        """Replaced as a whole: other threads read it while one adds to it."""
        self._lock = RLock()

    def conceal(self, secret: str) -> None:
        """Replace a value, and each long line of it, by `***` in everything that is written from now on."""
        lines = [line for line in secret.splitlines() if len(line) >= SHORTEST_LINE]
        with self._lock:
            self._secrets |= {each for each in (secret, *lines) if len(each) >= SHORTEST_SECRET}

    def redacted(self, text: str) -> str:
        """Replace every known secret in a text, and the user and password in an address."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _USER.sub("***", text) if "@" in text else text

    def write(self, text: str) -> int:
        """Write the complete lines; keep an incomplete one until it ends or `flush` is called."""
        with self._lock:
            *lines, self._incomplete = re.split(r"\r\n|[\n\r]", self._incomplete + text)
            for line in lines:
                self._write_line(line)
        return len(text)

    def flush(self) -> None:
        """Write an incomplete line and flush."""
        with self._lock:
            if self._incomplete:
                self._write_line(self._incomplete)
                self._incomplete = ""
            self._send("")

    def command(self, line: str) -> None:
        """Write a command for the runner."""
        with self._lock:
            self.flush()
            self._send(f"{line}\n")

    def control(self, sequence: str) -> None:
        """Write a control sequence for a terminal."""
        with self._lock:
            self.flush()
            self._send(sequence)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.raw.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the underlying stream."""
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
    """Make every line of a text harmless."""
    return "\n".join(map(harmless, re.split(r"\r\n|[\r\n]", text)))


def painted(line: str) -> str:
    """Colour a harmless line by its beginning: errors and warnings, signs of changes, names of events, titles."""
    for look, colour in _COLOURS:
        if found := look.match(line):
            return f"\x1b[{colour}m{found[0]}\x1b[0m{line[found.end() :]}"
    return line


def _visible(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()
