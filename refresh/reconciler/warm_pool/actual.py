"""What the warm pool judges: machines as the garbage collector saw them last, and what this run has done since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import define, evolve, field, frozen

from refresh.pool.launch import FleetAnswer, LaunchedInstance
from refresh.pool.records import InstanceRecord, Unreadable
from refresh.pool.signals import Report
from refresh.pool.warm_pool_item import Pending, WarmState
from refresh.reconciler.garbage_collector.actual import Actual as Collected

_NEVER = datetime.min.replace(tzinfo=UTC)


@frozen(kw_only=True)
class Template:
    """What machines would be launched from."""

    id: str = ""
    version: int | None = None
    """Its default version; None if that is not known."""
    doubt: str = ""
    """Why nothing may be launched from it; "" if it is as desired."""

    @property
    def key(self) -> str:
        """Name the template and its version."""
        return f"{self.id}:{self.version}"


@frozen(kw_only=True)
class Asked:
    """A launch of this run, and what EC2 has answered."""

    pending: Pending
    answers: tuple[FleetAnswer, ...]
    complete: bool = True
    """Whether all was asked for, so far as EC2 took it; false if the run's time was over before."""

    @property
    def launched(self) -> tuple[LaunchedInstance, ...]:
        """The machines that EC2 has launched."""
        return tuple(each for answer in self.answers for each in answer.launched)

    @property
    def lost(self) -> bool:
        """Whether EC2 may have launched more, or may yet."""
        return not self.complete or any(each.lost for each in self.answers[-1:])

    @property
    def short(self) -> bool:
        """Whether EC2 has answered with fewer machines than it was asked for."""
        return any(each.missing for each in self.answers[-1:])


@frozen(kw_only=True)
class Actual:
    """The machines that wait for a run, and what was launched to do so."""

    collected: Collected = field(factory=Collected)
    template: Template = field(factory=Template)
    stored: Mapping[str, Any] | None = None
    """The value of the item in DynamoDB's low-level form."""
    state: WarmState = field(factory=WarmState)
    """What the item says."""
    records: Mapping[str, InstanceRecord | Unreadable] = field(factory=dict)
    """By id: as the collector read them, and as this run has written them since."""
    looked_at: datetime = _NEVER
    """When the records were read, by AWS's clock."""
    reports: Mapping[str, Report] | None = None
    """What agents report, by id; None if nothing depends on it."""
    reported_at: datetime = _NEVER
    """When that was read, by AWS's clock."""
    signals_expire: bool = False
    """Whether the signal of a machine may be absent since it is old."""
    history: Mapping[str, str] = field(factory=dict)
    """The state of ended machines when they were marked, of those that were launched and have no record any more."""
    asked: Mapping[str, Asked] = field(factory=dict)
    """The launches of this run, by resource class."""
    lost: frozenset[str] = frozenset()
    """Machines whose record another process wrote first: nothing more is done to them."""

    def report(self, identifier: str) -> Report:
        """Return what the agent of a machine reports."""
        return (self.reports or {}).get(identifier, Report())


@define
class Progress:
    """What this run has done, and what it has read once."""

    records: dict[str, InstanceRecord] = field(factory=dict)
    asked: dict[str, Asked] = field(factory=dict)
    lost: set[str] = field(factory=set)
    reports: dict[str, Report] | None = None
    reported_at: datetime = _NEVER
    history: dict[str, str] = field(factory=dict)

    def onto(self, actual: Actual) -> Actual:
        """Return what is known with all of it."""
        return evolve(
            actual,
            records={**actual.records, **self.records},
            asked=dict(self.asked),
            lost=frozenset(self.lost),
            reports=self.reports,
            reported_at=self.reported_at,
            history=self.history,
        )
