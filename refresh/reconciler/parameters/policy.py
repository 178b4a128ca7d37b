"""The values that the parameters must have; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.engine.change import Plan
from refresh.pool import names, records
from refresh.reconciler.parameters.changes import WriteParameter, shown

if TYPE_CHECKING:
    from refresh.desired import DesiredState
    from refresh.reconciler.parameters.actual import Actual


def plan(desired: DesiredState, actual: Actual) -> Plan[WriteParameter]:
    """Plan a write for each parameter whose stored form differs.

    The form is compared, not the meaning: a string set of subnets passes provision's check and then breaks its launch.
    """
    return Plan(
        tuple(
            WriteParameter(identifier, shown(actual.values.get(identifier)), value)
            for identifier, value in values(desired).items()
            if actual.values.get(identifier) != records.to_wire(value)
        )
    )


def values(desired: DesiredState) -> dict[str, int | tuple[str, ...]]:
    """Return each parameter as docs/table.md has it; the runtime in whole minutes, rounded up."""
    return {
        names.IDLE_TIME_IDENTIFIER: int(desired.max_idle_time.total_seconds()),
        names.MAX_RUNTIME_IDENTIFIER: -int(-desired.max_runtime.total_seconds() // 60),
        names.SUBNET_IDS_IDENTIFIER: desired.subnet_ids,
    }
