"""What pages say of components: the tables of the README and of how it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.reconciler.registered import COMPONENTS
from tools.generated.pieces import Piece, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def pieces() -> Iterator[Piece]:
    """Write the two tables."""
    yield Section(
        "README.md",
        "components",
        table(
            ("component", "in AWS", "kept as", "checked in"),
            [(f"**{each.name}**", each.kept_in, each.keeps, each.checked) for each in COMPONENTS],
        ),
    )
    yield Section(
        "docs/how-it-works.md",
        "components",
        table(
            ("component", "in AWS", "on a difference, a run", "waits for"),
            [(each.name, each.kept_in, each.changes, ", ".join(each.after)) for each in COMPONENTS],
        ),
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
