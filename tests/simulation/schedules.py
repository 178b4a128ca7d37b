"""Seams: what happens to a run at one of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from tests.fakes.memory.account import Crash, Watch
from tests.simulation.invariants import Guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh import errors
    from tests.simulation.pool import Pool

Phase = Literal["before", "after"]
PHASES: tuple[Phase, ...] = ("before", "after")


@frozen
class CrashAt(Watch):
    """The process dies at a call, before or after its effect."""

    number: int
    phase: Phase

    def before(self, number: int, operation: str) -> None:
        """Die before the effect."""
        if (number, self.phase) == (self.number, "before"):
            raise Crash(operation)

    def after(self, number: int, operation: str) -> None:
        """Die after the effect."""
        if (number, self.phase) == (self.number, "after"):
            raise Crash(operation)


@frozen
class FailAt(Watch):
    """A call fails, before its effect or (a lost acknowledgement) after it."""

    number: int
    phase: Phase
    kind: type[errors.ApiError]

    def before(self, number: int, operation: str) -> None:
        """Refuse."""
        if (number, self.phase) == (self.number, "before"):
            raise self.kind(operation, "Injected")

    def after(self, number: int, operation: str) -> None:
        """Lose the answer."""
        if (number, self.phase) == (self.number, "after"):
            raise self.kind(operation, "Injected")


@frozen
class FailAlways(Watch):
    """An operation fails for the whole run."""

    operation: str
    phase: Phase
    kind: type[errors.ApiError]

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Refuse."""
        if (operation, self.phase) == (self.operation, "before"):
            raise self.kind(operation, "Injected")

    def after(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Lose the answer."""
        if (operation, self.phase) == (self.operation, "after"):
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


def operations_of(pool: Pool) -> list[str]:
    """List the operations of a run in a world that is thrown away."""
    calls_of(pool)
    return sorted(set(pool.account.calls))
