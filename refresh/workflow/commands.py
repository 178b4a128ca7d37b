"""The GitHub runner's protocol: masks, groups, annotations, outputs and the job summary.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands. Every line that leaves the process
goes through `redacting_stream`, and commands are written by this module alone.
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
"""The runner shows nothing of a summary above 1 MiB."""
REPORT_FILE = "refresh-report.json"
_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY_ESCAPES = {**_ESCAPES, ":": "%3A", ",": "%2C"}
_MOST_ANNOTATIONS = 10
"""GitHub shows no more of a level in a step."""


@frozen
class _Annotation:
    level: str
    title: str
    message: str
    first: bool
    cause: str = ""
    others: tuple[str, ...] = ()
    """Titles of what else failed for the same cause."""


class Commands:
    """Speaks to the GitHub runner, or to a person where there is none; with `as_json` every line of it is an object.

    Then what is meant for the GitHub runner goes to the error stream, which it reads as well.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        stream: RedactingStream,
        others: RedactingStream | None = None,
        *,
        as_json: bool = False,
        spoken: Callable[[str, str], tuple[str, str]] | None = None,
    ) -> None:
        """`spoken` rewords title and text of an annotation for a terminal."""
        self._environ = environ
        self._stream = stream
        self._others = others or stream
        self._on_github = environ.get("GITHUB_ACTIONS") == "true"
        self._annotations: list[_Annotation] = []
        self._spoken = spoken
        self.as_json = as_json
        stream.colour = not as_json and not environ.get("NO_COLOR") and (self._on_github or stream.isatty())

    @property
    def on_terminal(self) -> bool:
        """Whether a person typed the command, or a script of theirs."""
        return self._spoken is not None

    def mask(self, secret: str) -> None:
        """Conceal a secret here, and have the runner conceal it in everything that the job prints.

        One that is too short to be real is neither: every text that happens to hold its letters would be spoilt.
        """
        for stream in (self._stream, self._others):
            stream.conceal(secret)
        if self._on_github and len(secret.strip()) >= SHORTEST_SECRET:
            self._command(f"::add-mask::{_escaped(secret, _ESCAPES)}")

    def line(self, text: str) -> None:
        """Print a line as it is."""
        self._stream.write(f"{text}\n")

    @contextmanager
    def group(self, title: str, facts: Mapping[str, str]) -> Iterator[None]:
        """Fold what is printed inside under a title, or indent it for a person; `facts` says the same for programs."""
        if self.as_json:
            yield
            log.info("component.finished", **facts)
            return
        if self._on_github:
            self._command(f"::group::{_escaped(title, _ESCAPES)}")
        else:
            self._stream.write(f"{title}\n")
            self._stream.indent = "  "
        yield
        if self._on_github:
            self._command("::endgroup::")
        self._stream.indent = ""

    def annotate(self, level: str, title: str, message: str, *, first: bool = False, cause: str = "") -> None:
        """Tell of an `error`, a `warning` or a `notice`, now in the log and at the end on the run's page."""
        if self._spoken:
            title, message = self._spoken(title, message)
        message = self._stream.redacted(message)
        self._annotations.append(_Annotation(level, title, message, first, cause))
        if self.as_json:
            log.tell(log.LEVELS[level], "problem.found", subject=title, message=message)
        else:
            self._stream.write(f"{level}: {title}: {' '.join(message.splitlines())}\n")

    def told_before(self, cause: str, title: str) -> str:
        """Add a title to the annotation of the same cause; gives its first title, or "" where there is none."""
        for number, each in enumerate(self._annotations):
            if each.cause == cause:
                others = dict.fromkeys((*each.others, title))
                self._annotations[number] = evolve(each, others=tuple(other for other in others if other != each.title))
                return each.title
        return ""

    def show_annotations(self) -> None:
        """Show what was told on the run's page: of each level as many as GitHub does, the most important first."""
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
        """Append to the job's summary page; where that cannot be written it is a warning."""
        path = self._environ.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        content = self._stream.redacted(markdown).encode(errors="replace")
        if len(content) > SUMMARY_LIMIT:
            content = content[:SUMMARY_LIMIT].rpartition(b"\n")[0] + b"\n\nCut: the summary has no room for more.\n"
        self._append(path, content, "GITHUB_STEP_SUMMARY", "the job summary")

    def write_outputs(self, values: Mapping[str, str]) -> None:
        """Give the step its outputs; where they cannot be written it is a warning.

        The delimiter of each is random, so that no value can end itself and begin another output.
        """
        path = self._environ.get("GITHUB_OUTPUT")
        if not path:
            return
        content = "".join(_assigned(name, self._stream.redacted(value)) for name, value in values.items())
        self._append(path, content.encode(errors="replace"), "GITHUB_OUTPUT", "the outputs")

    def write_report(self, pieces: Iterable[str]) -> str:
        """Write the report file into the workspace; gives its path there, or "" where there is no workspace."""
        workspace = self._environ.get("GITHUB_WORKSPACE")
        if not workspace:
            return ""
        path, written = Path(workspace) / REPORT_FILE, None
        try:
            # Another file takes its place, so a link that somebody left there is not followed.
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
        return REPORT_FILE

    def _append(self, path: str, content: bytes, variable: str, what: str) -> None:
        try:
            with Path(path).open("ab") as file:
                file.write(content)
        except OSError as error:
            self.annotate("warning", variable, f"{path}: {what} could not be written: {error}")

    def _annotation(self, each: _Annotation) -> None:
        title = _escaped(harmless_lines(", ".join((each.title, *each.others))), _PROPERTY_ESCAPES)
        message = _escaped(harmless_lines(each.message), _ESCAPES)
        self._command(f"::{each.level} title={title}::{message}")

    def _command(self, line: str) -> None:
        (self._others if self.as_json else self._stream).command(line)


def _assigned(name: str, value: str) -> str:
    delimiter = f"ghadelimiter_{uuid.uuid4()}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
