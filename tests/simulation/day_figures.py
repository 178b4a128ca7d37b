"""What came of a simulated day: how builds waited, what the machines cost, and what must never happen."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.fakes.memory.ec2 import Instance

HOUR = timedelta(hours=1)
QUIET = (1, 6)
"""From which hour to which hardly anything is built, so that refresh has nothing to do but to keep the minimum."""


@frozen(kw_only=True)
class Served:
    """A build that has got its machines."""

    waited: float
    """In seconds, from the begin of `provision` to its end."""
    warm: bool
    """Whether none of its machines was launched for it."""
    in_storm: bool


@frozen(kw_only=True)
class Refreshed:
    """A run of refresh."""

    at: datetime
    calls: int
    writes: int
    launched: int
    ended: int
    problem: str


@define
class Ledger:
    """Everything that is written down as the day goes by."""

    began_at: datetime
    served: list[Served] = field(factory=list)
    unserved: list[str] = field(factory=list)
    """The runs that got too few machines, and were not cancelled before."""
    cut_off: int = 0
    """How many builds were cancelled before they had machines."""
    refreshed: list[Refreshed] = field(factory=list)
    busy: timedelta = timedelta()
    """How long jobs ran, all machines together."""
    killed: list[str] = field(factory=list)
    """Machines that ended while a job ran on them, and that EC2 did not take back."""
    reclaimed: int = 0
    """How many jobs ended because EC2 took their machine back."""
    unreachable: list[str] = field(factory=list)
    """Machines that a build was given and on which no job of it can run."""
    shared: list[str] = field(factory=list)
    """Machines that a build was given while another one had them."""
    ended: Counter[str] = field(factory=Counter)
    """How often each machine was ended by a call."""
    ended_late: list[str] = field(factory=list)
    """Machines that had ended themselves before a call."""
    marked: Counter[str] = field(factory=Counter)
    """Why refresh has marked machines."""
    replaced: list[str] = field(factory=list)
    """Idle machines with time left that refresh has marked."""
    beyond: int = 0
    """How many machines were launched although the minimum was there."""
    releases_failed: list[str] = field(factory=list)
    left: list[str] = field(factory=list)
    """Machines that live an hour after the last refresh."""


@frozen(kw_only=True)
class Figures:
    """The figures of a day."""

    name: str
    builds: int
    ledger: Ledger
    launched: int
    lived: timedelta
    """How long machines lived, all together."""

    @classmethod
    def of(cls, name: str, ledger: Ledger, machines: Iterable[Instance], now: datetime) -> Figures:
        """Add up."""
        all_machines = list(machines)
        lived = sum(((each.ended_at or now) - each.launched_at for each in all_machines), timedelta())
        builds = len(ledger.served) + len(ledger.unserved) + ledger.cut_off
        return cls(name=name, builds=builds, ledger=ledger, launched=len(all_machines), lived=lived)

    @property
    def warm(self) -> float:
        """The share of builds that were served without a launch."""
        return _share(self.ledger.served)

    @property
    def warm_in_storm(self) -> float:
        """The same for those that begin in the storm."""
        return _share([each for each in self.ledger.served if each.in_storm])

    @property
    def waits(self) -> tuple[float, float, float]:
        """Median, 95th percentile and longest wait in seconds."""
        return spread([each.waited for each in self.ledger.served])

    @property
    def waits_in_storm(self) -> tuple[float, float, float]:
        """The same for the builds that begin in the storm."""
        return spread([each.waited for each in self.ledger.served if each.in_storm])

    @property
    def hours(self) -> float:
        """Machine hours."""
        return self.lived / HOUR

    @property
    def idle(self) -> float:
        """The share of the machine hours in which no job ran."""
        return 1 - self.ledger.busy / self.lived

    @property
    def ended_twice(self) -> list[str]:
        """Machines that were ended by two calls."""
        return [each for each, number in self.ledger.ended.items() if number > 1]

    @property
    def quiet(self) -> list[Refreshed]:
        """The runs of refresh in the quiet hours that launched and ended nothing."""
        begin, end = (self.ledger.began_at + hour * HOUR for hour in QUIET)
        inside = [each for each in self.ledger.refreshed if begin <= each.at < end]
        return [each for each in inside if not each.launched and not each.ended]

    @property
    def quiet_calls(self) -> float:
        """The median number of calls of such a run."""
        return statistics.median([each.calls for each in self.quiet] or [0])

    @property
    def quiet_writes(self) -> float:
        """How many writes all of them make in an hour."""
        return sum(each.writes for each in self.quiet) / (QUIET[1] - QUIET[0])


def spread(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the 95th percentile and the longest of some times; 0 without any."""
    if not seconds:
        return 0, 0, 0
    ordered = sorted(seconds)
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))], ordered[-1]


def _share(served: Sequence[Served]) -> float:
    return sum(each.warm for each in served) / len(served) if served else 0.0


def table(days: Sequence[Figures]) -> str:
    """Write the figures of days next to each other, in Markdown."""
    rows: list[tuple[str, list[str]]] = [
        (
            "builds that got machines",
            [f"{len(each.ledger.served)} of {each.builds - each.ledger.cut_off}" for each in days],
        ),
        ("served warm", [f"{each.warm:.0%}" for each in days]),
        ("served warm in the storm", [f"{each.warm_in_storm:.0%}" for each in days]),
        ("wait: median, p95, longest", [_seconds(each.waits) for each in days]),
        ("the same in the storm", [_seconds(each.waits_in_storm) for each in days]),
        ("machines launched", [str(each.launched) for each in days]),
        ("machine hours", [f"{each.hours:.0f}" for each in days]),
        ("of these idle", [f"{each.idle:.0%}" for each in days]),
        ("machines ended by two calls", [str(len(each.ended_twice)) for each in days]),
        ("alive 61 minutes after the last refresh", [str(len(each.ledger.left)) for each in days]),
        ("idle machines with time left that refresh ended", [str(len(each.ledger.replaced)) for each in days]),
        ("jobs that lost their machine, but to EC2", [str(len(each.ledger.killed)) for each in days]),
        ("jobs that EC2 took the spot machine from", [str(each.ledger.reclaimed) for each in days]),
        ("machines given that no job can reach", [str(len(each.ledger.unreachable)) for each in days]),
        ("calls of a refresh at night", [f"{each.quiet_calls:.0f}" for each in days]),
        ("writes per hour of these", [f"{each.quiet_writes:.1f}" for each in days]),
    ]
    head = f"| | {' | '.join(each.name for each in days)} |\n| --- |{' ---: |' * len(days)}\n"
    return head + "".join(f"| {name} | {' | '.join(cells)} |\n" for name, cells in rows)


def _seconds(times: tuple[float, float, float]) -> str:
    return ", ".join(f"{each:.0f} s" if each >= 10 else f"{each:.1f} s" for each in times)
