"""The table of docs/performance.md, as the benchmark printed it."""

from __future__ import annotations

from tests.fakes.world import ROOT
from tools.bench.figures import COLUMNS

PAGE = (ROOT / "docs" / "performance.md").read_text()
_TABLE = PAGE[PAGE.index(f"| {COLUMNS[0]} |") :].partition("\n\n")[0]
ROWS = {
    cells[0]: dict(zip(COLUMNS, cells, strict=True))
    for line in _TABLE.splitlines()
    if (cells := [cell.strip() for cell in line.split("|")[1:-1]])
}
"""The cells of each row by its case and the column."""


def calls(case: str) -> tuple[int, int]:
    """Give how many calls a case makes by it, and how many of them write."""
    return int(ROWS[case]["calls"]), int(ROWS[case]["writes"])
