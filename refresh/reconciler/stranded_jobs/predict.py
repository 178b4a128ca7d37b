"""What is known once changes are made; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.reconciler.stranded_jobs.actual import Actual
    from refresh.reconciler.stranded_jobs.changes import Rescue


def predict(actual: Actual, changes: Sequence[Rescue]) -> Actual:
    """Return the state in which each label was tried, as it is once in a run."""
    return evolve(actual, tried={**actual.tried, **{each.label: () for each in changes}})
