"""docs/bad-inputs.md quotes what the program says: the words are those that the row's tests expect of it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ROWS = {
    cells[0]: (cells[3], re.findall(r"`([^`]+\.py::\w+)`", cells[4]))
    for line in (ROOT / "docs/bad-inputs.md").read_text().splitlines()
    if (cells := [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]) and cells[0][0].isdigit()
}
QUOTED = {number: re.findall(r'"(.+?)"(?=[ ,.:;…]|$)', said) for number, (said, _) in ROWS.items() if '"' in said}


def _expected(number: str, node: str) -> Iterator[str]:
    """Give every text in the cases of a test that belong to a row."""
    path, _, name = node.partition("::")
    test = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
    for mark in test.pytestmark:
        if mark.name == "parametrize":
            cases = [case for case in mark.args[1] if getattr(case, "id", None)]
            for case in cases:
                if re.match(rf"{number}(-|$)", case.id):
                    yield from (value for value in case.values if isinstance(value, str))


def test_every_row_is_there_once_and_in_order() -> None:
    """Numbers are how tests and people name a row."""
    numbers = [*map(str, range(1, 92)), "28a", "34a", "37a", "41a", "47a", "73a", "75a"]
    assert list(ROWS) == sorted(numbers, key=lambda number: (int(number.rstrip("a")), number))


@pytest.mark.parametrize("number", QUOTED)
def test_what_a_row_quotes_is_what_its_tests_expect_of_the_program(number: str) -> None:
    """So the page cannot say what the program does not."""
    expected = [text for node in ROWS[number][1] for text in _expected(number, node)]
    assert QUOTED[number]
    for words in QUOTED[number]:
        assert any(words.replace("\\|", "|") in text for text in expected), words
