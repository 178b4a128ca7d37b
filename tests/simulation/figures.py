"""How much is simulated, and the figures that are printed at the end, from all workers."""

from __future__ import annotations

import itertools
import math
import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

BUDGETS = {"short": 200, "push": 7, "nightly": 1}
"""Every how manyth schedule of the large sets is run: crash pairs by their first crash, and crashes during another run.

Odd, so that crashes before and after a call's effect take turns.
"""
SINGLES = {"short": 10, "push": 1, "nightly": 1}
"""The same for single faults, of which a push runs all."""
INTERFERENCES = {"short": 401, "push": 19, "nightly": 1}
"""The same for interferences, 126,000 in all, of which a push runs a nineteenth.

Each is prime to the number of deeds, so that every deed has its turn.
"""
DOUBLES = {"short": 5000, "push": 200, "nightly": 5}
"""The same for two interferences: there are more than a million."""
MOST = {"short": 150, "push": 2_000, "nightly": 100_000}
"""How many schedules of all kinds prove that nothing is found where nothing is broken."""
DRAWS = {"short": 5, "push": 200, "nightly": 70_000}
"""How many schedules with three faults are drawn at random for a world or a state; all would take too long."""


@define
class Tally:
    """Counts what was simulated; `budget` is one of `BUDGETS`."""

    budget: str
    counts: Counter[str] = field(factory=Counter)
    peaks: dict[str, int] = field(factory=dict)
    """The largest of each figure."""

    def draws(self, what: str) -> Iterator[random.Random]:
        """Give a source of chance a schedule; a push runs the same ones as the one before it, a night new ones."""
        source = random.Random(None if self.budget == "nightly" else what)  # noqa: S311 - no secret is made of it
        return itertools.repeat(source, DRAWS[self.budget])

    def add(self, what: str, number: int = 1) -> None:
        """Count."""
        self.counts[what] += number

    def most(self, what: str, number: int) -> None:
        """Keep the largest."""
        self.peaks[what] = max(number, self.peaks.get(what, number))

    def sampled(self, schedules: Sequence[T], strides: dict[str, int] | None = None, row: int = 1) -> Sequence[T]:
        """Give the part of a large set that the budget allows, the same in every run.

        Of a table with rows of this length each column has its turn, as the stride is made prime to it.
        """
        stride = (strides or BUDGETS)[self.budget]
        return schedules[:: next(each for each in itertools.count(stride) if math.gcd(each, row) == 1)]


TALLY = Tally(os.environ.get("REFRESH_BUDGET", "short"))
_OUTPUT, _PEAKS = "simulation", "simulation_peaks"


@pytest.fixture
def tally() -> Tally:
    """Give the figures to add to."""
    return TALLY


def pytest_sessionfinish(session: Any) -> None:
    """Hand a worker's figures over."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_OUTPUT] = dict(TALLY.counts)
        session.config.workeroutput[_PEAKS] = dict(TALLY.peaks)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's figures."""
    TALLY.counts.update(getattr(node, "workeroutput", {}).get(_OUTPUT, {}))
    for what, number in getattr(node, "workeroutput", {}).get(_PEAKS, {}).items():
        TALLY.most(what, number)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures, if anything was simulated."""
    if TALLY.counts:
        terminalreporter.section(f"simulated (budget {TALLY.budget})")
        for what, number in (*sorted(TALLY.counts.items()), *sorted(TALLY.peaks.items())):
            terminalreporter.write_line(f"{number:>9}  {what}")
