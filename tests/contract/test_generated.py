"""What the repository repeats of the program is what the program says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.generated.__main__ import contents
from tools.generated.pieces import Column, Misplaced, Section

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("path", "text"), contents().items(), ids=list(contents()))
def test_nothing_differs_from_what_is_generated(path: str, text: str) -> None:
    assert (ROOT / path).read_text() == text, "run `make generated`"


def test_a_section_replaces_what_stands_between_its_marks() -> None:
    before = "a\n# generated: calls\nold\n# end of calls\nb\n"
    after = Section("page", "calls", "new\n").placed(before)
    assert after == before.replace("old", "new")
    assert Section("page", "calls", "new").placed(after) == after
    with pytest.raises(Misplaced, match="page: the marks of the section other stand there 0 times"):
        Section("page", "other", "new").placed(before)


def test_a_column_replaces_the_last_cells_of_its_rows() -> None:
    before = "| F1 | a \\| b | old |\n| F2 | c | kept |\n"
    assert Column("page", {"F1": "new"}).placed(before) == "| F1 | a \\| b | new |\n| F2 | c | kept |\n"
    with pytest.raises(Misplaced, match="page: no row F3"):
        Column("page", {"F3": "new"}).placed(before)
