"""Which registrations are removed: idle, offline, and of an ended instance; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.engine.change import Plan
from refresh.reconciler.runner_registrations.changes import RemoveRegistration

if TYPE_CHECKING:
    from refresh.reconciler.runner_registrations.actual import Actual

REMOVED_PER_RUN = 100


def plan(actual: Actual) -> Plan[RemoveRegistration]:
    """Plan to remove what is idle, offline and ended, up to a limit for each run."""
    due = [
        RemoveRegistration(each.id, each.name)
        for each in actual.registrations
        if each.offline and not each.busy and each.instance_id in actual.ended
    ]
    room = REMOVED_PER_RUN - actual.removed
    left = len(due) - room
    warnings = (f"{left} more registrations of ended instances are left for the next runs.",) if left > 0 else ()
    return Plan(tuple(due[:room]), warnings, unchecked=actual.unchecked)
