"""What `provision` judges: the pool's settings, records, signals and heartbeats, and what it has launched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import field, frozen

from refresh.errors import ApiError
from refresh.pool.launch import Fleet, FleetAnswer
from refresh.pool.records import InstanceRecord, Unreadable
from refresh.pool.settings import Settings
from refresh.pool.signals import Signal
from refresh.pool.usage import UsageClass


@frozen(kw_only=True)
class Launches:
    """What this run has asked EC2 for."""

    answers: tuple[FleetAnswer, ...] = ()
    under_way: Fleet | None = None
    """The fleet that EC2 has not answered for yet."""
    unanswered: Fleet | None = None
    """The fleet whose answer was lost. It is asked for again, unchanged: the same client token gives the same fleet."""
    refused: frozenset[UsageClass] = frozenset()
    """What EC2 refused for a reason that does not pass while this run lasts."""
    tried: tuple[UsageClass, ...] = ()
    """What was tried since the pool was looked at last."""
    rounds: int = 0
    """How often everything was tried in vain."""

    @property
    def launched(self) -> frozenset[str]:
        """The ids of all launched machines."""
        return frozenset(each.id for answer in self.answers for each in answer.launched)


@frozen(kw_only=True)
class Actual:
    """The pool as provision sees it."""

    settings: Settings
    looked_at: datetime
    """When the whole pool was read last."""
    records: Mapping[str, InstanceRecord | Unreadable]
    """All records by id: those of this label as they are now, the others as they were at the last look."""
    signals: Mapping[str, Signal] = field(factory=dict)
    beats: Mapping[str, datetime] = field(factory=dict)
    """When each agent wrote its last heartbeat."""
    launches: Launches = field(factory=Launches)
    passed_over: frozenset[str] = frozenset()
    """Machines that cannot be claimed: another run was faster, or they did not register."""
    claimed: frozenset[str] = frozenset()
    """Machines that this run has claimed."""
    failed: Mapping[str, str] = field(factory=dict)
    """Why machines of this run are being ended."""
    ending: Mapping[str, bool] = field(factory=dict)
    """Machines that this run ends; whether EC2 still has to be told."""
    unproven: Mapping[str, str] = field(factory=dict)
    """Why EC2 was not told to end one of them."""
    ec2_error: ApiError | None = None
    """Why EC2 did not describe the machines that are to end; None if it did."""
    skew: timedelta = timedelta()
    """How far AWS's clock is ahead of this machine's."""
    concluded: str = ""
    """The result that was written into the run's item; "" while there is none."""
