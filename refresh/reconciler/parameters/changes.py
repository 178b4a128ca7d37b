"""What can be done to the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from refresh.engine.change import Change, Difference
from refresh.pool import records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@frozen
class WriteParameter(Change):
    """Write one parameter's item."""

    noun: ClassVar[str] = "parameter"
    verb: ClassVar[str] = "write"
    done: ClassVar[str] = "written"
    identifier: str
    before: str | None
    """What is stored, as `shown`."""
    value: int | tuple[str, ...]

    @property
    def subject(self) -> str:
        return self.identifier

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("value", self.before, shown(records.to_wire(self.value))),)


def shown(wire: Mapping[str, Any] | None) -> str | None:
    """Return a stored value as people read it; None for none."""
    if wire is None:
        return None
    match wire:
        case {"L": members}:
            return " ".join(str(shown(member)) for member in members)
        case {"S": value} | {"N": value}:
            return str(value)
        case _:
            return repr(wire)
