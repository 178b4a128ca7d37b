"""The pool as a run found or left it, and the instances that it ended: what summary, outputs and report tell."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

UNRECORDED = "unrecorded"
"""Stands for the state of an instance without a record."""
_AT_WORK = "running"
"""The state of a record from the registration of its runner until the release."""


@frozen(kw_only=True)
class InstanceSnapshot:
    """An instance of the pool: what its record says and what EC2 says."""

    id: str
    state: str
    ec2_state: str
    resource_class: str = ""
    run_id: str = ""
    launched_at: datetime | None = None
    threshold: datetime | None = None
    protected: bool = False
    """Whether its owner wants it kept: refresh does not end it."""


@frozen(kw_only=True)
class Ended:
    """An instance that this run ended, or found ended before its time."""

    id: str
    reason: str
    state: str
    """What its record was in before it was marked; "" where there was none."""
    resource_class: str = ""
    run_id: str = ""
    overdue: timedelta | None = None
    """How long its threshold had passed when it was marked."""
    steps: tuple[str, ...] = ()
    """What this run did to it, in order: marked, adopted, terminated, cleaned; in mode plan what it would do."""

    @property
    def cut_off(self) -> bool:
        """Whether a run held it: its job was cut off, or had ended without giving the instance back."""
        return self.state == _AT_WORK


@frozen(kw_only=True)
class PoolSnapshot:
    """The pool at the last look of each component; empty where a component could not look."""

    template_id: str = ""
    template_version: int | None = None
    queues: tuple[tuple[str, str], ...] = ()
    """(resource class, URL) of every queue that exists."""
    token_expires_at: datetime | None = None
    instances: tuple[InstanceSnapshot, ...] | None = None
    """None where EC2 and the table could not be read."""
