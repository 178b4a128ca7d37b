"""What the tests of docs/faults.md share: the operations that a run makes, and AWS's refusals."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest
from attrs import define

from tests.fakes.memory.account import Watch
from tests.simulation.schedules import operations_of
from tests.simulation.worlds import WORLDS, build

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.mark.structures import ParameterSet

    from refresh import errors
    from tests.fakes.memory.account import Phase

EXPIRED = ("ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "RequestExpired")


@functools.cache
def worlds() -> dict[str, str]:
    """Map every AWS operation that a run makes in memory to a world in which it makes it."""
    found = {each: world for world in reversed(WORLDS) for each in operations_of(build(world))}
    return {each: world for each, world in sorted(found.items()) if not each.startswith("github:")}


def writes() -> list[str]:
    """List the AWS operations that change something."""
    found = set()
    for world in WORLDS:
        pool = build(world)
        pool.run()
        found |= {each for each in pool.account.writes if not each.startswith("github:")}
    return sorted(found)


def of(row: str, values: Iterable[str]) -> list[ParameterSet]:
    """Return pytest's parameters, each with the row's number at the beginning of its id."""
    return [pytest.param(value, id=f"{row}-{value}") for value in values]


@define
class Refuse(Watch):
    """AWS answers an operation with an error so many times, before its effect or after it."""

    operation: str
    error: errors.ApiError
    times: int = 1_000_000
    phase: Phase = "before"

    def at(self, number: int, operation: str, phase: Phase) -> None:  # noqa: ARG002 - the seam's shape
        """Refuse the call; after its effect it is as if another process had just done the same."""
        if (operation, phase) == (self.operation, self.phase) and self.times:
            self.times -= 1
            raise self.error
