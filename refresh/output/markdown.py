"""GitHub's Markdown for the job's summary: tables, lists, and text that is shown as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refresh.output.pool_table import Table

ROWS = 200
"""How many rows of a table and lines of a list are shown."""
_HARMFUL = re.compile(r"[^\w .,;:()/=+'\"%?-]|_|:(?! )")
_LONGEST_CELL = 1000


def cell(value: str) -> str:
    """Escape a text for a table or a list: no markup, no mentions, no line breaks, no columns."""
    text = "".join(character if character.isprintable() else " " for character in " ".join(value.split()))
    cut = text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}..."
    return _HARMFUL.sub(lambda found: f"&#{ord(found[0])};", cut)


def table(shown: Table) -> Iterator[str]:
    """Yield a table; a long one is cut."""
    yield f"| {' | '.join(shown.header)} |"
    yield f"| {' | '.join('---' if number < shown.numeric else '---:' for number, _ in enumerate(shown.header))} |"
    yield from (f"| {' | '.join(map(cell, row))} |" for row in shown.rows[:ROWS])
    yield from cut(len(shown.rows) - ROWS)


def bullets(listed: Sequence[str]) -> Iterator[str]:
    """Yield a list; a long one is cut."""
    yield from (f"- {each}" for each in listed[:ROWS])
    yield from cut(len(listed) - ROWS)


def number(count: int, noun: str) -> str:
    """Write a number of things."""
    return f"{count} {noun}{'s' * (count != 1)}"


def cut(left: int) -> Iterator[str]:
    """Say how many rows or lines are left out, if any."""
    if left > 0:
        yield ""
        yield f"*{left} more are in the report file.*"
