"""What pages say of components: the tables of the README and of how it works, and the METADATA items of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import names
from refresh.reconciler.registered import COMPONENTS
from tools.generated.pieces import Piece, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def pieces() -> Iterator[Piece]:
    """Write the three tables."""
    yield Section(
        "README.md",
        "components",
        _table(
            ("component", "in AWS", "kept as", "checked in"),
            [(f"**{each.name}**", each.kept_in, each.keeps, each.checked) for each in COMPONENTS],
        ),
    )
    yield Section(
        "docs/how-it-works.md",
        "components",
        _table(
            ("component", "in AWS", "on a difference, a run", "waits for"),
            [(each.name, each.kept_in, each.changes, ", ".join(each.after)) for each in COMPONENTS],
        ),
    )
    items = {item.identifier: item for each in COMPONENTS for item in each.items}
    yield Section(
        "docs/table.md",
        "metadata",
        _table(
            ("identifier", "`value`", "is", "read by, and refused if"),
            [
                (f"`{item.identifier}`", f"`{item.value}`", item.meaning, item.read_by)
                for item in map(items.__getitem__, names.METADATA_IDENTIFIERS)
            ],
        ),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))
