"""What GitHub says about the runs that machines are held for."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from refresh import errors
from refresh.engine.change import Unchecked
from refresh.pool import records
from refresh.ports import WorkflowRun


@frozen
class Actual:
    """Machines that a run has held for a while, and both looks at their runs."""

    held: tuple[records.InstanceRecord, ...] = ()
    """Records with a run, living, the pool's and not protected, each last written some minutes ago."""
    runs: Mapping[str, WorkflowRun] = field(factory=dict)
    """By id: what GitHub answered about a run."""
    busy: frozenset[str] | None = None
    """The instances whose runner has a job, or may have one; None if the runners were not listed."""
    again: Mapping[str, WorkflowRun] = field(factory=dict)
    """By id: what GitHub answered about a completed run after its runners had been listed."""
    absent: Mapping[str, errors.ApiError] = field(factory=dict)
    """By id: GitHub's answers about runs that it does not know, that the token may not read, or that make no sense."""
    silence: errors.ApiError | None = None
    """Why GitHub was not asked any further."""
    unasked: int = 0
    """How many more runs there are than are asked about."""
    unchecked: Unchecked | None = None
    """What prevented all or some of the questions; None if nothing did."""
