"""What marks lead to if nothing else changes; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.reconciler.abandoned_runs.actual import Actual
    from refresh.reconciler.garbage_collector.changes import Mark


def predict(actual: Actual, changes: Sequence[Mark]) -> Actual:
    """Return what will be observed in the end: marked machines are held by no run."""
    marked = {change.subject for change in changes}
    return evolve(actual, held=tuple(record for record in actual.held if record.id not in marked))
