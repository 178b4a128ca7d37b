"""docs/bad-inputs.md quotes what the program says to the inputs of the row's tests."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.inputs import bad_inputs
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


def _said(number: str, node: str) -> Iterator[str]:
    """Yield what the program says in the cases of a test that belong to a row, and the texts that they expect."""
    path, _, name = node.partition("::")
    test = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
    marks = [mark for mark in test.pytestmark if mark.name == "parametrize"]
    for case in (case for mark in marks for case in mark.args[1] if getattr(case, "id", None)):
        if re.match(rf"{number.replace('B', 'B?')}(-|$)", case.id):
            for value in case.values:
                if isinstance(value, dict):
                    yield from bad_inputs.said(value)
                elif isinstance(value, str):
                    yield value


@pytest.mark.parametrize("number", QUOTED)
def test_rows_quote_what_the_program_says(number: str) -> None:
    """A case that has inputs is loaded; what it only expects of the program counts as said."""
    texts = {text for node in evidence.shown()[number] for text in _said(number, node)}
    assert QUOTED[number]
    assert [words for words in QUOTED[number] if not any(words.replace("\\|", "|") in text for text in texts)] == []
