"""What came of a simulated day: how builds waited, what the machines cost, and what must never happen."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.fakes.memory.ec2 import Instance

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
_PRECISE = 10
"""From how many seconds on tenths do not matter."""
QUIET = (1, 6)
"""From which hour to which hardly anything is built, so that refresh has nothing to do but to keep the minimum."""


@frozen(kw_only=True)
class Served:
    """A build that has got its machines."""

    run_id: str
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
    """Machines that still live long after the last refresh."""
    drained: timedelta = timedelta()
    """How long after the last refresh or release the last machine ended."""


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
    def quiet_calls(self) -> int:
        """The most calls of such a run that writes nothing."""
        return max((each.calls for each in self.quiet if not each.writes), default=0)

    @property
    def quiet_writes(self) -> float:
        """How many writes all of them make in an hour; a third of the runs renews the registration token."""
        return sum(each.writes for each in self.quiet) / (QUIET[1] - QUIET[0])


def spread(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, the 95th percentile and the longest of some times; 0 without any."""
    if not seconds:
        return 0, 0, 0
    ordered = sorted(seconds)
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))], ordered[-1]


def _share(served: Sequence[Served]) -> float:
    return sum(each.warm for each in served) / len(served) if served else 0.0


_ROWS: dict[str, Callable[[Figures], str]] = {
    "builds that got machines": lambda day: f"{len(day.ledger.served)} of {day.builds - day.ledger.cut_off}",
    "served warm": lambda day: f"{day.warm:.0%}",
    "served warm in the storm": lambda day: f"{day.warm_in_storm:.0%}",
    "wait: median, 95th percentile, longest": lambda day: _seconds(day.waits),
    "the same in the storm": lambda day: _seconds(day.waits_in_storm),
    "machines launched": lambda day: str(day.launched),
    "machine hours": lambda day: f"{day.hours:.0f}",
    "of these without a job": lambda day: f"{day.idle:.0%}",
    "machines ended by two calls": lambda day: str(len(day.ended_twice)),
    "minutes from the last refresh to the last machine's end": lambda day: f"{day.ledger.drained / MINUTE:.0f}",
    "machines alive after that": lambda day: str(len(day.ledger.left)),
    "idle machines with time left that refresh ended": lambda day: str(len(day.ledger.replaced)),
    "machines launched beyond the minimum": lambda day: str(day.ledger.beyond),
    "jobs whose machine ended, other than by EC2": lambda day: str(len(day.ledger.killed)),
    "jobs whose spot machine EC2 reclaimed": lambda day: str(day.ledger.reclaimed),
    "machines whose run ended without `release`": lambda day: str(day.ledger.marked["abandoned"] or "not noticed"),
    "calls of a refresh at night that writes nothing": lambda day: str(day.quiet_calls or "not counted"),
    "writes per hour at night, of those that launch and end nothing": lambda day: (
        f"{day.quiet_writes:.1f}" if day.quiet_writes else "not counted"
    ),
}


def table(days: Sequence[Figures]) -> str:
    """Write the figures of days next to each other, in Markdown."""
    lines = [["", *(day.name for day in days)], ["---", *["---:"] * len(days)]]
    lines += [[name, *map(written, days)] for name, written in _ROWS.items()]
    return "".join(f"| {' | '.join(each)} |\n" for each in lines)


def _seconds(times: tuple[float, float, float]) -> str:
    return ", ".join(f"{each:.0f}" if each >= _PRECISE else f"{each:.1f}" for each in times) + " s"


def _written(number: float) -> str:
    return f"{number:.1f}" if number else "not counted"
