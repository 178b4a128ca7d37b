"""The tables of the documentation name tests for every row, and each of these is there and shows its row."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {"faults": ("F", 35), "bad-inputs": ("", 91), "security": ("A", None)}
"""Each page with what its rows' numbers begin with, and the last number where that is fixed."""
_NODE = re.compile(r"`(tests/[^`]+\.py::\w+)`")


def _rows(page: str) -> dict[str, list[str]]:
    """Give the nodes that each row names, by its number; a number that stands twice breaks off."""
    rows: dict[str, list[str]] = {}
    for line in (ROOT / "docs" / f"{page}.md").read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and re.fullmatch(rf"{PAGES[page][0]}\d+[a-z]?", cells[0]):
            assert cells[0] not in rows, cells[0]
            rows[cells[0]] = _NODE.findall(cells[-1])
    return rows


@functools.cache
def _collected() -> dict[str, list[str]]:
    """Give the ids in brackets of every test of the named files, by node."""
    files = {node.partition("::")[0] for page in PAGES for nodes in _rows(page).values() for node in nodes}
    # A worker's variables would make it one, and coverage would measure a run that runs nothing.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(  # noqa: S603 - our own tests
        [*command, *sorted(each for each in files if (ROOT / each).exists())],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("tests/") and "::" in line:
            node, _, case = line.partition("[")
            found.setdefault(node, []).append(case.removesuffix("]"))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_rows_are_numbered_without_gaps(page: str) -> None:
    """So that tests and people can name one; a letter may follow where a row was added between two."""
    prefix, last = PAGES[page]
    numbers = [int(re.sub(r"\D", "", number)) for number in _rows(page)]
    assert sorted(set(numbers)) == numbers or page == "bad-inputs"
    assert set(numbers) == set(range(1, (last or len(numbers)) + 1)), f"{page}: {prefix}"


@pytest.mark.parametrize("page", PAGES)
def test_every_row_names_tests_that_are_there(page: str) -> None:
    """A test that is renamed, or a row without one, fails here."""
    missing = {number: nodes for number, nodes in _rows(page).items() if not nodes or set(nodes) - _collected().keys()}
    assert missing == {}


@pytest.mark.parametrize("page", ["faults", "bad-inputs"])
def test_every_row_has_a_case_that_begins_with_its_number(page: str) -> None:
    """Among those of the tests that it names."""
    without = [
        number
        for number, nodes in _rows(page).items()
        if not any(re.match(rf"{number}(-|$)", case) for node in nodes for case in _collected().get(node, []))
    ]
    assert without == []
