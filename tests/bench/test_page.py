"""The page of figures: what can be counted stands there as it is counted."""

from __future__ import annotations

import pytest

from tests.bench.page import PAGE, ROWS, calls
from tools.bench.cases import cases
from tools.bench.figures import COLUMNS


def test_every_case_has_its_row() -> None:
    """In the table that the benchmark prints."""
    assert {case.name for case in cases()} <= set(ROWS)
    assert list(ROWS["case"]) == list(COLUMNS)
    assert "`make bench`" in PAGE


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
