"""docs/bad-inputs.md quotes what the program says: the words are those that the row's tests expect of it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.generated import evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
ROWS = {
    cells[0]: cells[3]
    for line in (ROOT / "docs/bad-inputs.md").read_text().splitlines()
    if (cells := [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]) and re.fullmatch(r"B\d+a?", cells[0])
}
QUOTED = {number: re.findall(r'"(.+?)"(?=[ ,.:;…]|$)', said) for number, said in ROWS.items() if '"' in said}


def _expected(number: str, node: str) -> Iterator[str]:
    """Give every text in the cases of a test that belong to a row."""
    path, _, name = node.partition("::")
    test = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
    for mark in test.pytestmark:
        if mark.name == "parametrize":
            cases = [case for case in mark.args[1] if getattr(case, "id", None)]
            for case in cases:
                if re.match(rf"{number.lstrip('B')}(-|$)", case.id):
                    yield from (value for value in case.values if isinstance(value, str))


@pytest.mark.parametrize("number", QUOTED)
def test_what_a_row_quotes_is_what_its_tests_expect_of_the_program(number: str) -> None:
    """So the page cannot say what the program does not."""
    expected = [text for node in evidence.shown()[number] for text in _expected(number, node)]
    assert QUOTED[number]
    for words in QUOTED[number]:
        assert any(words.replace("\\|", "|") in text for text in expected), words
