"""What docs/table.md says of items that refresh keeps, and of the writes to a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import lifecycle, names, records, transitions
from refresh.reconciler.registered import COMPONENTS
from tools.generated.components import table
from tools.generated.pieces import Piece, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/table.md"
_STATES = {*lifecycle.LIVING_STATES, lifecycle.TERMINATED}


def pieces() -> Iterator[Piece]:
    """Write the items that components keep, and the transitions."""
    for section, entity, identifiers in (
        (
            "metadata",
            records.METADATA,
            (*names.METADATA_IDENTIFIERS, names.STORED_SCRIPTS, *names.OPTIONAL_IDENTIFIERS),
        ),
        ("settings", records.SETTINGS, (names.SETTINGS_IDENTIFIER,)),
    ):
        items = {item.identifier: item for each in COMPONENTS for item in each.items if item.entity == entity}
        rows = [
            (f"`{item.identifier}`", f"`{item.value}`", item.meaning, item.read_by)
            for item in (items[each] for each in identifiers if each in items)
        ]
        yield Section(PAGE, section, table(("identifier", "`value`", "is", "read by, and refused if"), rows))
    yield Section(
        PAGE,
        "transitions",
        table(
            ("from", "to", "by", "if", "also sets"),
            [
                (_state(each.before), _state(each.after), each.by, each.condition, each.sets)
                for each in transitions.TRANSITIONS
            ],
        ),
    )


def _state(word: str) -> str:
    return f"`{word}`" if word in _STATES else word
