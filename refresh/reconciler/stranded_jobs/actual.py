"""What GitHub says of runs that were run again, and what the table holds of their labels."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from refresh.engine.change import Unchecked
from refresh.pool.records import InstanceRecord, Unreadable
from refresh.pool.runs import KnownRun
from refresh.ports import WorkflowJob, WorkflowRun


@frozen(kw_only=True)
class Actual:
    """Unfinished later attempts with their jobs, what was provided for them, and what this run has tried."""

    runs: Mapping[str, WorkflowRun] = field(factory=dict)
    """By id, the runs in a later attempt that are not completed."""
    jobs: Mapping[str, tuple[WorkflowJob, ...]] = field(factory=dict)
    """By the run's id, the jobs of its latest attempt; a run whose jobs are unknown is left out."""
    asked: Mapping[str, KnownRun | None] = field(factory=dict)
    """By label, what `provision` was asked for; None if that is unreadable. A label without a RUN item is left out."""
    records: tuple[InstanceRecord | Unreadable, ...] = ()
    """All records, as the collector read them last."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tried: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """By label, what this run has provided for, with the warnings of that."""
    unchecked: Unchecked | None = None
    """Why nothing is known."""
