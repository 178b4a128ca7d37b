"""The GitHub runner's protocol: masks, groups, annotations, outputs and the job summary.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands. Every line that the process prints
passes through `redacting_stream`, and only this module writes commands.
"""

from __future__ import annotations

import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from refresh.credentials import SHORTEST_SECRET
from refresh.workflow import log
from refresh.workflow.redacting_stream import RedactingStream, harmless_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

SUMMARY_LIMIT = 900 * 1024
"""The runner rejects a summary above 1 MiB."""
REPORT_FILE = "refresh-report.json"
_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY_ESCAPES = {**_ESCAPES, ":": "%3A", ",": "%2C"}
_MOST_ANNOTATIONS = 10
"""GitHub shows no more of a level for a step."""


@frozen
class _Annotation:
    level: str
    title: str
    message: str
    first: bool
    cause: str = ""
    more_titles: tuple[str, ...] = ()
    """Titles of everything else that failed for the same cause."""


class Commands:
    """Writes for the GitHub runner, or for a person outside GitHub; with `as_json` every line is an object.

    Then commands go to the error stream, which the runner reads as well.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        stream: RedactingStream,
        error_stream: RedactingStream | None = None,
        *,
        as_json: bool = False,
        reword: Callable[[str, str], tuple[str, str]] | None = None,
    ) -> None:
        """`reword` adapts title and text of an annotation to a terminal."""
        self._environ = environ
        self._stream = stream
        self._error_stream = error_stream or stream
        self._on_github = environ.get("GITHUB_ACTIONS") == "true"
        self._annotations: list[_Annotation] = []
        self._reword = reword
        self.as_json = as_json
        stream.colour = not as_json and not environ.get("NO_COLOR") and (self._on_github or stream.isatty())

    @property
    def on_terminal(self) -> bool:
        """Whether a person, or a script, called the command line."""
        return self._reword is not None

    def mask(self, secret: str) -> None:
        """Conceal a secret in all output, and have the runner conceal it in everything that the job prints.

        A value that is too short to be a real secret is not concealed: it would spoil every text that contains it.
        """
        for stream in (self._stream, self._error_stream):
            stream.conceal(secret)
        if self._on_github and len(secret.strip()) >= SHORTEST_SECRET:
            self._command(f"::add-mask::{_escaped(secret, _ESCAPES)}")

    def line(self, text: str) -> None:
        """Print a line."""
        self._stream.write(f"{text}\n")

    @contextmanager
    def group(self, title: str, facts: Mapping[str, str]) -> Iterator[None]:
        """Fold the lines printed inside under a title, or indent them for a person; `facts` is for programs."""
        if self.as_json:
            yield
            log.info("component.finished", **facts)
            return
        if self._on_github:
            self._command(f"::group::{_escaped(harmless_lines(title), _ESCAPES)}")
        else:
            self._stream.write(f"{title}\n")
            self._stream.indent = "  "
        yield
        if self._on_github:
            self._command("::endgroup::")
        self._stream.indent = ""

    def annotate(self, level: str, title: str, message: str, *, first: bool = False, cause: str = "") -> None:
        """Log an `error`, a `warning` or a `notice` now, and annotate the run's page with it at the end."""
        if self._reword:
            title, message = self._reword(title, message)
        message = self._stream.redacted(message)
        self._annotations.append(_Annotation(level, title, message, first, cause))
        if self.as_json:
            log.write(log.LEVELS[level], "problem.found", subject=title, message=message)
        else:
            self._stream.write(f"{level}: {title}: {' '.join(message.splitlines())}\n")

    def add_to_earlier(self, cause: str, title: str) -> str:
        """Add a title to the annotation of the same cause; return its first title, or "" if there is none."""
        for number, each in enumerate(self._annotations):
            if each.cause == cause:
                titles = dict.fromkeys((each.title, *each.more_titles, title))
                self._annotations[number] = evolve(each, more_titles=tuple(titles)[1:])
                return each.title
        return ""

    def show_annotations(self) -> None:
        """Annotate the run's page: as many of each level as GitHub shows, the most important first."""
        if not self._on_github:
            return
        for level in log.LEVELS:
            listed = sorted(
                (each for each in self._annotations if each.level == level), key=lambda each: not each.first
            )
            shown = listed if len(listed) <= _MOST_ANNOTATIONS else listed[: _MOST_ANNOTATIONS - 1]
            for each in shown:
                self._annotation(each)
            if more := len(listed) - len(shown):
                text = f"{more} more are in the log and in the job's summary."
                self._annotation(_Annotation(level, "and more", text, first=False))
        self._annotations.clear()

    def summarise(self, markdown: str) -> None:
        """Append to the job's summary page; warn if it cannot be written."""
        path = self._environ.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        content = self._stream.redacted(markdown).encode(errors="replace")
        if len(content) > SUMMARY_LIMIT:
            content = content[:SUMMARY_LIMIT].rpartition(b"\n")[0] + b"\n\nCut: the summary reached its size limit.\n"
        self._append(path, content, "GITHUB_STEP_SUMMARY", "the job summary")

    def write_outputs(self, values: Mapping[str, str]) -> None:
        """Write the step's outputs; warn if they cannot be written.

        The delimiter of each is random, so that no value can end early and start another output.
        """
        path = self._environ.get("GITHUB_OUTPUT")
        if not path:
            return
        content = "".join(_assigned(name, self._stream.redacted(value)) for name, value in values.items())
        self._append(path, content.encode(errors="replace"), "GITHUB_OUTPUT", "the outputs")

    def write_report(self, pieces: Iterable[str], name: str = REPORT_FILE) -> str:
        """Write a report file into the workspace; return its path there, or "" if there is no workspace."""
        workspace = self._environ.get("GITHUB_WORKSPACE")
        if not workspace:
            return ""
        path, written = Path(workspace) / name, None
        try:
            # A new file replaces whatever is there, so a link is not followed.
            with tempfile.NamedTemporaryFile("wb", dir=workspace, delete=False) as file:
                written = Path(file.name)
                for piece in pieces:
                    file.write(self._stream.redacted(piece).encode(errors="replace"))
            written.chmod(0o644)
            written.replace(path)
        except OSError as error:
            if written:
                written.unlink(missing_ok=True)
            self.annotate("warning", "report", f"{path}: the report was not written: {error}")
            return ""
        return name

    def _append(self, path: str, content: bytes, variable: str, what: str) -> None:
        try:
            with Path(path).open("ab") as file:
                file.write(content)
        except OSError as error:
            self.annotate("warning", variable, f"{path}: {what} could not be written: {error}")

    def _annotation(self, each: _Annotation) -> None:
        title = _escaped(harmless_lines(", ".join((each.title, *each.more_titles))), _PROPERTY_ESCAPES)
        message = _escaped(harmless_lines(each.message), _ESCAPES)
        self._command(f"::{each.level} title={title}::{message}")

    def _command(self, line: str) -> None:
        (self._error_stream if self.as_json else self._stream).command(line)


def _assigned(name: str, value: str) -> str:
    delimiter = f"ghadelimiter_{uuid.uuid4()}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
