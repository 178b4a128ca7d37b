"""The pool as a run found or left it, and the instances that it ended, for summary, outputs and report."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from refresh.pool import lifecycle

ABANDONED = "abandoned"
"""The reason of an instance whose run was completed without releasing it."""
UNRECORDED = "unrecorded"
"""The state shown for an instance without a record."""


@frozen(kw_only=True)
class InstanceSnapshot:
    """An instance of the pool by its record and by EC2."""

    id: str
    state: str
    ec2_state: str
    resource_class: str = ""
    run_id: str = ""
    launched_at: datetime | None = None
    threshold: datetime | None = None
    protected: bool = False
    """Whether the owner wants to keep it: refresh does not end it."""


@frozen(kw_only=True)
class Ended:
    """An instance that this run ended, or found ended too early."""

    id: str
    reason: str
    state: str
    """The state of its record before the mark; "" without a record."""
    resource_class: str = ""
    run_id: str = ""
    overdue: timedelta | None = None
    """How long ago its threshold had passed when it was marked."""
    steps: tuple[str, ...] = ()
    """What this run did, or in mode plan would do, in order: marked, adopted, terminated, cleaned."""

    @property
    def cut_off(self) -> bool:
        """Whether a run had it: its job was cut off, or ended without releasing the instance.

        The run of an abandoned one was over.
        """
        return self.state == lifecycle.RUNNING and self.reason != ABANDONED


@frozen(kw_only=True)
class PoolSnapshot:
    """The pool as each component last read it; empty if a component could not read."""

    template_id: str = ""
    template_version: int | None = None
    queues: tuple[tuple[str, str], ...] = ()
    """(resource class, URL) of every queue that exists."""
    token_expires_at: datetime | None = None
    instances: tuple[InstanceSnapshot, ...] | None = None
    """None if EC2 and the table could not be read."""
