"""What `provision` judges: the pool's settings, records and agents' reports, and what it has launched so far."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import field, frozen

from refresh.pool.launches import Launches
from refresh.pool.records import InstanceRecord, Unreadable
from refresh.pool.runs import CLAIMED, HELD, LAUNCHED
from refresh.pool.settings import Settings
from refresh.pool.signals import BEATS_WITHIN, Report, beating


@frozen(kw_only=True)
class Actual:
    """The pool as provision sees it."""

    label: str
    holder: str
    """Distinguishes this provision from every other, also from one of the same workflow run."""
    settings: Settings
    began_at: datetime
    """When this provision began, by AWS's clock as all times here."""
    looked_at: datetime
    """When the whole pool was read last."""
    records: Mapping[str, InstanceRecord | Unreadable]
    """All records by id: those of this label as they are now, the others as they were at the last look."""
    inherits: bool = True
    """Whether an earlier provision may have left machines to the label; otherwise another program gave it to them."""
    reports: Mapping[str, Report] = field(factory=dict)
    """What agents report: those of the machines of this label, and of those that it could claim."""
    read_at: Mapping[str, datetime] = field(factory=dict)
    """When a machine's report was read last, if that was after the last look."""
    launches: Launches = field(factory=Launches)
    claimed: frozenset[str] = frozenset()
    """Machines that this provision has claimed."""
    lost: frozenset[str] = frozenset()
    """Machines that it could not claim or record: another process was first, or AWS refused."""
    lost_since_look: int = 0
    """How many claims were lost since the pool was read: what is known of it is old."""
    failed_since_look: bool = False
    """Whether a machine was given up long after the pool was read: others may have stopped as well."""
    given_up: Mapping[str, str] = field(factory=dict)
    """Machines that it had and does not count any more, and why."""
    result: str = ""
    """The result that was written into the run's item; "" while there is none."""
    skew: timedelta = timedelta()
    """How far AWS's clock is ahead of this machine's."""

    def report(self, identifier: str) -> Report:
        """Return what the agent of a machine reports; empty if that is nothing, or was not read."""
        return self.reports.get(identifier, Report())

    def beats_on(self, identifier: str) -> bool:
        """Whether the agent worked when the machine was read last; other calls may have taken minutes since."""
        return beating(self.report(identifier).beat, self.seen_at(identifier))

    def origin(self, identifier: str) -> str:
        """Return where a machine of the label came from: `HELD`, `CLAIMED` or `LAUNCHED`."""
        if identifier in self.launches.launched:
            return LAUNCHED
        return CLAIMED if identifier in self.claimed else HELD

    @property
    def signals_expire(self) -> bool:
        """Whether a signal may be absent since it is old: in an item of its own, an agent that beats keeps it."""
        return not self.settings.runner_role_id

    def outdated(self, now: datetime) -> bool:
        """Whether machines that worked at the last look may have stopped since."""
        return now - self.looked_at > BEATS_WITHIN

    def seen_at(self, identifier: str) -> datetime:
        """Return when the machine was read last: when that was asked for, since the answer may take long."""
        return self.read_at.get(identifier, self.looked_at)
