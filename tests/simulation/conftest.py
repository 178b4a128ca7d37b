"""How much is simulated, and the figures that are printed at the end."""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import pytest
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")

BUDGETS = {"short": 25, "push": 1, "nightly": 1}
"""Every how manyth schedule of the large sets is run."""


@define
class Tally:
    """Counts what was simulated; `budget` is one of `BUDGETS`."""

    budget: str
    counts: Counter[str] = field(factory=Counter)

    @property
    def stride(self) -> int:
        """Every how manyth double interference is run: there are half a million."""
        return {"short": 400, "push": 100, "nightly": 5}[self.budget]

    def add(self, what: str, number: int) -> None:
        """Count."""
        self.counts[what] += number

    def sampled(self, schedules: Sequence[T]) -> Sequence[T]:
        """Give the part of a large set that the budget allows, the same in every run."""
        return schedules[:: BUDGETS[self.budget]]


_TALLY = Tally(os.environ.get("REFRESH_BUDGET", "short"))


@pytest.fixture
def tally() -> Tally:
    """Give the figures to add to."""
    return _TALLY


@pytest.fixture(scope="session", autouse=True)
def _figures() -> Iterator[None]:
    started = time.monotonic()
    yield
    path = os.environ.get("REFRESH_FIGURES")
    if path:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - appended by several workers
            seconds = time.monotonic() - started
            file.write("".join(f"{name}\t{number}\t{seconds:.0f}\n" for name, number in sorted(_TALLY.counts.items())))
