"""The search for a schedule in which a deliberate breakage shows, for each program that is simulated."""

from __future__ import annotations

import itertools
import math
import re
from typing import TYPE_CHECKING, TypeVar

from tests.simulation.figures import MOST, Tally
from tests.simulation.invariants import Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    Searches = Mapping[str, Callable[[], Iterator[None]]]

T = TypeVar("T")

ENOUGH = {"short": 2_000, "push": 2_000, "nightly": 100_000}
"""In how many schedules a breakage must show, so that one that changes nothing fails soon.

It is twice what any has needed; the figures at the end of the simulation show that.
"""


class _Shown(Exception):
    """A promise was broken."""

    def __init__(self, kind: str, promise: str) -> None:
        super().__init__(kind, promise)
        self.kind, self.promise = kind, promise


def spread(schedules: Sequence[T]) -> Iterator[T]:
    """Yield each schedule once, neighbours long after each other: those in which something shows are neighbours."""
    number = len(schedules)
    step = next((each for each in range(int(number * 0.618) or 1, number) if math.gcd(each, number) == 1), 1)
    return (schedules[position * step % number] for position in range(number))


def in_turn(iterators: Iterable[Iterator[T]]) -> Iterator[T]:
    """Yield one of each in turn, until all have ended."""
    left = list(iterators)
    while left:
        for each in tuple(left):
            try:
                yield next(each)
            except StopIteration:
                left.remove(each)


def _of(kind: str, search: Callable[[], Iterator[None]]) -> Iterator[None]:
    try:
        yield from search()
    except Violation as violation:
        raise _Shown(kind, str(violation).partition(":")[0]) from violation


def _searched(searches: Searches, most: int, tally: Tally, what: str) -> _Shown | None:
    """Search for a broken promise in at most so many schedules, of each kind in turn."""
    try:
        for _ in itertools.islice(in_turn([_of(*each) for each in searches.items()]), most):
            tally.add(f"schedules against {what}")
    except _Shown as shown:
        return shown
    return None


def require_noticed(
    breakage: str, broken: AbstractContextManager[object], searches: Searches, promises: str, tally: Tally
) -> None:
    """Search with a breakage until it breaks a promise whose letter is one of `promises`."""
    most = ENOUGH[tally.budget]
    with broken:
        shown = _searched(searches, most, tally, breakage)
    assert shown is not None, (
        f"no promise was broken in {most:,} schedules by: {breakage}. "
        "Either it changes nothing any more, or nothing looks at what it changes"
    )
    # A breakage that only raises an error proves nothing about the promises.
    assert re.fullmatch(rf"[{promises}]\d+", shown.promise), f"{breakage}: {shown.promise}"
    tally.add(f"breakage noticed: {breakage} ({shown.promise}, {shown.kind})")


def require_nothing(what: str, searches: Searches, tally: Tally) -> None:
    """Search without a breakage, by the same schedules in the same order."""
    shown = _searched(searches, MOST[tally.budget], tally, what)
    assert shown is None, shown
