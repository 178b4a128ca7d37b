"""The GitHub runner's protocol: masks, groups, annotations, the job summary, and the guard over everything printed.

The runner reads both output streams and acts on two grammars: `::command::` at the start of a line and `##[command]`
anywhere in it. https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands. So every line that
leaves the process is made harmless, and commands are written by this room alone.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

SUMMARY_LIMIT = 900 * 1024
"""The runner shows nothing of a summary above 1 MiB."""

_LEGACY_COMMAND = re.compile(r"##\[")
_COMMAND = re.compile(r"^(\W*?)::")
_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY_ESCAPES = {**_ESCAPES, ":": "%3A", ",": "%2C"}
_SHORTEST_SECRET = 4


class GuardedStream:
    """A text stream whose lines no runner mistakes for commands and that shows no known secret."""

    def __init__(self, stream: IO[str]) -> None:
        self.raw = stream
        self.encoding = "utf-8"
        self.indent = ""
        """Put before every line."""
        self._rest = ""
        self._secrets: set[str] = set()
        self._lock = RLock()

    def conceal(self, secret: str) -> None:
        """Replace a value by `***` in all that is written from now on."""
        if len(secret) >= _SHORTEST_SECRET:
            self._secrets.add(secret)

    def redacted(self, text: str) -> str:
        """Replace every known secret in a text."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

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
            self.raw.flush()

    def command(self, line: str) -> None:
        """Write a line that is meant for the runner."""
        with self._lock:
            self.flush()
            self.raw.write(f"{line}\n")
            self.raw.flush()

    def isatty(self) -> bool:
        """Whether a person watches."""
        return self.raw.isatty()

    def fileno(self) -> int:
        """Give the descriptor of the guarded stream."""
        return self.raw.fileno()

    def _write_line(self, line: str) -> None:
        self.raw.write(f"{self.indent}{harmless(self.redacted(line))}\n")
        self.raw.flush()


class Runner:
    """Speaks to the GitHub runner, or to a person where there is none."""

    def __init__(self, environ: Mapping[str, str], stream: GuardedStream, *others: GuardedStream) -> None:
        self._environ = environ
        self._stream = stream
        self._streams = (stream, *others)
        self._on_github = environ.get("GITHUB_ACTIONS") == "true"

    def mask(self, secret: str) -> None:
        """Conceal a secret here, and have the runner conceal it in everything that the job prints."""
        for stream in self._streams:
            stream.conceal(secret)
        if self._on_github and secret.strip():
            self._stream.command(f"::add-mask::{_escaped(secret, _ESCAPES)}")

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what is printed inside under a title, or indent it for a person."""
        if self._on_github:
            self._stream.command(f"::group::{_escaped(title, _ESCAPES)}")
        else:
            self._stream.write(f"{title}\n")
            self._stream.indent = "  "
        yield
        if self._on_github:
            self._stream.command("::endgroup::")
        self._stream.indent = ""

    def annotate(self, level: str, title: str, message: str) -> None:
        """Show a message on the run's page: `error`, `warning` or `notice`."""
        message = self._stream.redacted(message)
        if self._on_github:
            head = f"::{level} title={_escaped(title, _PROPERTY_ESCAPES)}::"
            self._stream.command(head + _escaped(message, _ESCAPES))
        else:
            self._stream.write(f"{level}: {title}: {message}\n")

    def summarise(self, markdown: str) -> None:
        """Append to the job's summary page; where that cannot be written it is a warning."""
        path = self._environ.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        content = self._stream.redacted(markdown).encode()
        if len(content) > SUMMARY_LIMIT:
            content = content[:SUMMARY_LIMIT].rpartition(b"\n")[0] + b"\n\nCut: the summary has no room for more.\n"
        try:
            with Path(path).open("ab") as file:
                file.write(content)
        except OSError as error:
            self.annotate("warning", "summary", f"GITHUB_STEP_SUMMARY: the job summary was not written: {error}")


def harmless(line: str) -> str:
    r"""Rewrite a line so that the runner finds no command in it: `##[` becomes `##\u005b`, a leading `::` `:\u003a`."""
    line = "".join(
        character if character.isprintable() or character == "\t" else _visible(character) for character in line
    )
    line = _LEGACY_COMMAND.sub(r"##\\u005b", line)
    return _COMMAND.sub(r"\1:\\u003a", line)


def render(_: object, level: str, event: MutableMapping[str, Any]) -> str:
    """Render a structlog event as one line for people: `queue.created  o-r-large-ci-pool  name: before -> after`."""
    name = str(event.pop("event"))
    subject = str(event.pop("subject", ""))
    facts = [f"{key}: {value}" for key, value in event.items()]
    prefix = "" if level == "info" else f"{level}: "
    return "  ".join(filter(None, [f"{prefix}{name:<28}", subject, *facts])).rstrip().replace("\n", " ")


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)


def _visible(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()
