"""The page of figures: what can be counted stands there as it is counted."""

from __future__ import annotations

import re

import pytest

from tests.bench.page import PAGE, ROWS, calls
from tests.fakes.world import ROOT
from tools.bench.cases import cases
from tools.bench.figures import COLUMNS


def test_every_case_has_its_row() -> None:
    """In the table that the benchmark prints."""
    assert {case.name for case in cases()} <= set(ROWS)
    assert list(ROWS["case"]) == list(COLUMNS)
    assert "`make bench`" in PAGE


def test_every_page_tells_the_same_calls() -> None:
    """Three of a first run's are GitHub's."""
    pages = ("CHANGELOG.md", "README.md", "docs/index.md", "docs/operations.md")
    changelog, readme, home, operations = (" ".join((ROOT / name).read_text().split()) for name in pages)
    assert f"Makes {calls('no-op')[0]} calls where nothing is to be done" in changelog
    assert f"{calls('fresh account')[0] - 3} to AWS on an empty account" in changelog
    assert f"{calls('collection of 5,000')[0]} to end 5,000 instances" in changelog
    for page in (readme, home, operations):
        assert re.search(rf"A run that changes nothing\W+makes {calls('no-op')[0]} calls to AWS", page)
    living, ended = calls("no-op, 5,000 living")[0], calls("collection of 5,000")[0]
    assert f"5,000 are looked at in {living} calls and ended in {ended}" in operations


@pytest.mark.parametrize(
    ("case", "most"),
    [
        ("no-op", 14),
        ("no-op, 5,000 living", 20),
        ("fresh account", 40),
        ("collection of 1,000", 130),
        ("collection of 5,000", 600),
    ],
)
def test_no_case_makes_more_calls_than_it_may(case: str, most: int) -> None:
    """Other tests hold the table to what is made."""
    assert calls(case)[0] <= most


def test_a_run_that_changes_nothing_costs_the_same_whatever_there_has_been() -> None:
    """No write, and never a longer row of calls than three."""
    assert calls("no-op after 50,000 ever") == calls("no-op") == calls("no-op, nobody living")
    assert calls("no-op")[1] == 0
    assert int(ROWS["no-op"]["chain"]) <= 3
