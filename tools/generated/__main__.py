"""Writes every generated file and section: `make generated`."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from tools.generated import agent, calls, components, dashboard, evidence, inputs, policies, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tools.generated.pieces import Piece

ROOT = Path(__file__).parents[2]
WRITERS: tuple[Callable[[], Iterable[Piece]], ...] = (
    evidence.pieces,
    inputs.pieces,
    calls.pieces,
    policies.pieces,
    dashboard.pieces,
    components.pieces,
    table.pieces,
    agent.pieces,
)


def contents() -> dict[str, str]:
    """Return every file that holds something generated, by its path, as it must be."""
    by_path: defaultdict[str, list[Piece]] = defaultdict(list)
    for writer in WRITERS:
        for piece in writer():
            by_path[piece.path].append(piece)
    return {path: _written(ROOT / path, pieces) for path, pieces in by_path.items()}


def _written(path: Path, pieces: Iterable[Piece]) -> str:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for piece in pieces:
        text = piece.placed(text)
    return text


def main() -> int:
    """Write what differs, and name it."""
    for path, text in contents().items():
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text:
            (ROOT / path).write_text(text, encoding="utf-8")
            sys.stdout.write(f"written: {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
