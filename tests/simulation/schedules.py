"""Seams: what happens to a run at one of its calls."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from attrs import frozen

from tests.fakes.memory.account import Crash, Phase, Watch
from tests.simulation.invariants import Guard, crashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refresh import errors
    from tests.simulation.pool import Pool

PHASES: tuple[Phase, ...] = ("before", "after")


@frozen
class CrashAt(Watch):
    """The process dies at a call, before or after its effect."""

    number: int
    phase: Phase

    def at(self, number: int, operation: str, phase: Phase) -> None:
        """Die."""
        if (number, phase) == (self.number, self.phase):
            raise Crash(operation)


@frozen
class FailAt(Watch):
    """A call fails, before its effect or (a lost acknowledgement) after it."""

    number: int
    phase: Phase
    kind: type[errors.ApiError]

    def at(self, number: int, operation: str, phase: Phase) -> None:
        """Fail."""
        if (number, phase) == (self.number, self.phase):
            raise self.kind(operation, "Injected")


@frozen
class FailAlways(Watch):
    """An operation fails for the whole run."""

    operation: str
    phase: Phase
    kind: type[errors.ApiError]

    def at(self, number: int, operation: str, phase: Phase) -> None:  # noqa: ARG002 - the seam's shape
        """Fail."""
        if (operation, phase) == (self.operation, self.phase):
            raise self.kind(operation, "Injected")


@frozen
class InterfereAt(Watch):
    """An actor acts before a call."""

    number: int
    act: Callable[[], object]

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Act."""
        if number == self.number:
            self.act()


def calls_of(pool: Pool, run: Callable[[], Any] | None = None) -> int:
    """Count the calls of a run in a world that is thrown away."""
    Guard(pool).start()
    (run or pool.run)()
    return len(pool.account.calls)


def points_of(pool: Pool) -> list[tuple[int, Phase]]:
    """List every call of a run in a world that is thrown away, before and after its effect."""
    return list(itertools.product(range(calls_of(pool)), PHASES))


def second_crashes(pool: Pool, first: tuple[int, Phase]) -> Iterator[None]:
    """Crash a run at a point, then the run after it at each of its points in turn."""
    crashed(pool, CrashAt(*first))
    snapshot = pool.account.snapshot()
    for point in points_of(pool):
        pool.account = pool.account.restore(snapshot)
        crashed(pool, CrashAt(*point))
        yield


def operations_of(pool: Pool) -> list[str]:
    """List the operations of a run in a world that is thrown away."""
    calls_of(pool)
    return sorted(set(pool.account.calls))
