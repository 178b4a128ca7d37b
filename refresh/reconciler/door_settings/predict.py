"""What a write of the SETTINGS item leads to; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from refresh.pool import records
from refresh.pool.settings import to_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.reconciler.door_settings.actual import Actual
    from refresh.reconciler.door_settings.changes import WriteSettings


def predict(actual: Actual, changes: Sequence[WriteSettings]) -> Actual:
    """Return what is stored after these changes."""
    for change in changes:
        actual = evolve(actual, stored=records.to_wire(to_value(change.settings)))
    return actual
