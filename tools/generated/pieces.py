"""The pieces of which generated text is made: a whole file, a section of one, a column of a page's tables."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

_CELLS = re.compile(r"(?<!\\)\|")


class Misplaced(Exception):
    """A file lacks the place that a piece belongs in."""


@frozen
class Piece(ABC):
    """Generated text, and the file that holds it; `path` is relative to the repository."""

    path: str

    @abstractmethod
    def placed(self, before: str) -> str:
        """Return the file's text with this piece in its place, and all else as it was."""


@frozen
class WholeFile(Piece):
    """A file without a word by hand; its first line says so, except in JSON, which has no comments."""

    text: str

    def placed(self, before: str) -> str:  # noqa: ARG002 - nothing of it stays
        """Return the generated text."""
        return self.text


@frozen
class Section(Piece):
    """The lines between `generated: NAME` and `end of NAME`, in comments of the file's own language.

    In a page, blank lines keep them apart from the comments.
    """

    name: str
    text: str

    def placed(self, before: str) -> str:
        """Replace the lines between the two marks; raises `Misplaced` unless both are there once."""
        marks = re.compile(
            rf"^(?P<first>[^\n]*\bgenerated: {re.escape(self.name)}(?![\w-])[^\n]*\n).*?"
            rf"(?P<last>^[^\n]*\bend of {re.escape(self.name)}(?![\w-])[^\n]*$)",
            re.DOTALL | re.MULTILINE,
        )
        text = self.text.strip("\n")
        if self.path.endswith(".md"):
            text = f"\n{text}\n"
        after, found = marks.subn(lambda mark: f"{mark['first']}{text}\n{mark['last']}", before)
        if found != 1:
            raise Misplaced(f"{self.path}: the marks of the section {self.name} stand there {found} times")
        return after


@frozen
class Column(Piece):
    """The last cell of each row that begins with one of these numbers."""

    cells: Mapping[str, str]

    def placed(self, before: str) -> str:
        """Replace the last cells; raises `Misplaced` for a number without a row, and for a row without a number."""
        missing = dict(self.cells)
        lines = [self._line(line, missing) for line in before.splitlines(keepends=True)]
        if missing:
            raise Misplaced(f"{self.path}: no row {', '.join(missing)}")
        return "".join(lines)

    def _line(self, line: str, missing: dict[str, str]) -> str:
        cells = _CELLS.split(line.rstrip("\n"))
        number = cells[1].strip() if len(cells) > 1 else ""
        if number not in self.cells:
            return line
        missing.pop(number, None)
        return "|".join([*cells[:-2], f" {self.cells[number]} ", ""]) + "\n"
