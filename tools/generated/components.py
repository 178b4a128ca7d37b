"""What the page of how it works says of components, in two tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.reconciler.registered import COMPONENTS
from tools.generated.pieces import Piece, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PAGE = "docs/how-it-works.md"


def pieces() -> Iterator[Piece]:
    """Write the two tables."""
    yield Section(
        _PAGE,
        "components",
        table(
            ("component", "in AWS", "kept as", "checked in"),
            [(f"**{each.name}**", each.kept_in, each.keeps, each.checked) for each in COMPONENTS],
        ),
    )
    yield Section(
        _PAGE,
        "reactions",
        table(
            ("component", "on a difference, a run", "waits for"),
            [(each.name, each.changes, ", ".join(each.after)) for each in COMPONENTS],
        ),
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
