"""DynamoDB: the operational parameters that provision and release read at each use."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from refresh.engine.change import Change, Difference, Plan
from refresh.engine.component import attempt
from refresh.pool import names, records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome


@frozen
class WriteParameter(Change):
    """Write one parameter's item."""

    noun: ClassVar[str] = "parameter"
    verb: ClassVar[str] = "write"
    done: ClassVar[str] = "written"
    identifier: str
    before: str | None
    value: int | tuple[str, ...]

    @property
    def subject(self) -> str:
        return self.identifier

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("value", self.before, _shown(records.to_wire(self.value))),)


def values(desired: DesiredState) -> dict[str, int | tuple[str, ...]]:
    """Give each parameter as docs/table.md has it; the runtime in whole minutes, rounded up."""
    return {
        names.IDLE_TIME_IDENTIFIER: int(desired.max_idle_time.total_seconds()),
        names.MAX_RUNTIME_IDENTIFIER: -int(-desired.max_runtime.total_seconds() // 60),
        names.SUBNET_IDS_IDENTIFIER: desired.subnet_ids,
    }


def plan(desired: DesiredState, actual: Mapping[str, Any]) -> Plan[WriteParameter]:
    """Plan a write for each parameter whose stored form differs; `actual` is low-level value by identifier.

    The forms are compared, not their meaning: a string set of subnets passes provision's check and then breaks its
    launch.
    """
    return Plan(
        tuple(
            WriteParameter(identifier, _shown(actual.get(identifier)), value)
            for identifier, value in values(desired).items()
            if actual.get(identifier) != records.to_wire(value)
        )
    )


def predict(actual: Mapping[str, Any], changes: Sequence[WriteParameter]) -> Mapping[str, Any]:
    """Tell what will be stored once these changes are made."""
    return {**actual, **{change.identifier: records.to_wire(change.value) for change in changes}}


@frozen
class Parameters:
    """Keeps the parameters as desired."""

    name: ClassVar[str] = "parameters"
    desired: DesiredState
    metadata: MetadataItems

    def observe(self) -> Mapping[str, Any]:
        """Read each parameter's stored value, by identifier; absent ones are left out."""
        items = {identifier: self.metadata.read(identifier) for identifier in values(self.desired)}
        return {identifier: item["value"] for identifier, item in items.items() if "value" in item}

    def plan(self, actual: Mapping[str, Any], now: datetime) -> Plan[WriteParameter]:  # noqa: ARG002 - the protocol's shape
        """See the module's `plan`."""
        return plan(self.desired, actual)

    def predict(
        self,
        actual: Mapping[str, Any],
        changes: Sequence[WriteParameter],
        now: datetime,  # noqa: ARG002 - the protocol's shape
    ) -> Mapping[str, Any]:
        """See the module's `predict`."""
        return predict(actual, changes)

    def apply(self, changes: Sequence[WriteParameter]) -> Iterator[Outcome]:
        """Write each parameter."""
        for change in changes:
            yield attempt(change, self.metadata.write, change.identifier, change.value)


def _shown(wire: Mapping[str, Any] | None) -> str | None:
    if wire is None:
        return None
    match wire:
        case {"L": members}:
            return " ".join(str(_shown(member)) for member in members)
        case {"S": value} | {"N": value}:
            return str(value)
        case _:
            return repr(wire)
