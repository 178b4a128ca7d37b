"""What can be done to the SETTINGS item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from refresh.engine.change import Change, Difference
from refresh.pool import records
from refresh.pool.settings import Settings, to_value
from refresh.reconciler.parameters.changes import shown

_CLASSES = "classes"


@frozen
class WriteSettings(Change):
    """Write the item as a whole."""

    noun: ClassVar[str] = "settings"
    verb: ClassVar[str] = "write"
    done: ClassVar[str] = "written"
    # Neither is compared: a plan does not know ids, URLs and expiries that AWS and GitHub are yet to give.
    before: Mapping[str, Any] | None = field(eq=False)
    """The stored value in DynamoDB's low-level form."""
    settings: Settings = field(eq=False)

    @property
    def subject(self) -> str:
        return ""

    @property
    def differences(self) -> tuple[Difference, ...]:
        before = records.mapping({"value": self.before}, "value")
        after = records.mapping({"value": records.to_wire(to_value(self.settings))}, "value")
        listed = [
            *_compared(before, after, [name for name in after if name != _CLASSES]),
            *_classes(records.mapping(before, _CLASSES), records.mapping(after, _CLASSES)),
        ]
        return tuple(listed)


def _compared(before: Mapping[str, Any], after: Mapping[str, Any], members: list[str]) -> list[Difference]:
    compared = [Difference(name, _shown(before.get(name)), _shown(after.get(name))) for name in members]
    return [each for each in compared if each.before != each.after]


def _classes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """List the names if they differ, and the classes of both that differ."""
    both = [name for name in after if name in before]
    compared = [Difference(f"class {each.name}", each.before, each.after) for each in _compared(before, after, both)]
    if before.keys() == after.keys():
        return compared
    return [Difference(_CLASSES, " ".join(sorted(before)) or None, " ".join(sorted(after))), *compared]


def _shown(wire: Any) -> str | None:
    match wire:
        case {"BOOL": value}:
            return str(value).lower()
        case {"M": members}:
            return " ".join(f"{name}={_shown(member)}" for name, member in members.items()) or None
        case _:
            return shown(wire)
