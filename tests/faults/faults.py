"""What the tests of the table of faults share: the operations that a run makes, and AWS's answers."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

import pytest
from attrs import define

from tests.fakes import operations
from tests.fakes.memory.account import Watch
from tests.simulation.schedules import operations_of
from tests.simulation.worlds import WORLDS, build

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.mark.structures import ParameterSet

    from refresh import errors

SIMPLE = ("dynamodb", "sqs", "ssm")
"""Services that answer in JSON, the others in XML."""


@functools.cache
def worlds() -> dict[str, str]:
    """Give a world in which a run makes the operation, for each that a run in memory makes of AWS."""
    found: dict[str, str] = {}
    for world in WORLDS:
        for operation in operations_of(build(world)):
            if not operation.startswith("github:"):
                found.setdefault(operation, world)
    return dict(sorted(found.items()))


def writing() -> list[str]:
    """List those of them that change something."""
    found = set()
    for world in WORLDS:
        pool = build(world)
        pool.run()
        found |= {each for each in pool.account.writes if not each.startswith("github:")}
    return sorted(found)


def documented() -> list[str]:
    """List every operation that refresh makes of AWS."""
    return sorted(operations.DECLARED)


def of(row: str, listed: Iterable[str]) -> list[ParameterSet]:
    """Give pytest's parameters for operations, each with the row's number at the beginning of its id."""
    return [pytest.param(operation, id=f"{row}-{operation}") for operation in listed]


def refusal(operation: str, code: str, status: int = 400, message: str = "no.") -> tuple[int, bytes]:
    """Give AWS's refusal of an operation, in the form of its service."""
    if operation.partition(":")[0] in SIMPLE:
        return status, json.dumps({"__type": code, "message": message}).encode()
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    if operation.startswith("ec2:"):
        return status, f"<Response><Errors>{error}</Errors></Response>".encode()
    return status, f"<ErrorResponse>{error}</ErrorResponse>".encode()


@define
class Refuse(Watch):
    """An operation is answered with an error so many times."""

    operation: str
    error: errors.ApiError
    times: int = 1_000_000

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Refuse."""
        if operation == self.operation and self.times:
            self.times -= 1
            raise self.error
