"""What happens on a simulated day, drawn once: builds, the moments of refresh, and what is wrong with machines."""

from __future__ import annotations

import random
from enum import Enum, auto
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from tests.simulation.paces import USUAL, Fault, Pace

if TYPE_CHECKING:
    from tests.fakes.memory.ec2 import Instance

HOUR = 3600.0
DAY = 24 * HOUR
STORM = (9 * HOUR, 9 * HOUR + 600)
"""When the storm begins and when it is over."""
LAST = 22.5 * HOUR
"""No build begins later, so that all are over before the day is."""
_SHARES = ((0, STORM[0], 6), (*STORM, 12), (STORM[1], 18 * HOUR, 67), (18 * HOUR, LAST, 15))
"""From when to when, which part of a hundred builds begins: a quiet night, the storm, working hours, the evening."""
_JOB = (120.0, 1200.0)
_MACHINES = (1,) * 16 + (2,) * 3 + (4,)
_ENDS_EARLY = 0.06
"""Which part of the builds is cancelled, and which part is cancelled by force."""
_ANY_USAGE = 0.3
"""Which part of the builds takes spot machines as well."""
EVERY = 600.0
_LATE = 180.0
"""By how many seconds GitHub begins a scheduled run later, at most."""
_DROPPED = 10
"""Of how many scheduled runs GitHub drops one."""
_FAULTS = {
    Fault.NEVER_BOOTS: 0.015,
    Fault.SCRIPT_FAILS: 0.01,
    Fault.REGISTRATION_FAILS: 0.005,
    Fault.HANGS: 0.005,
    Fault.DIES: 0.005,
}
_RECLAIMED = 0.15
"""Which part of the spot machines EC2 takes back."""


class Ending(Enum):
    """How a build ends."""

    DONE = auto()
    CANCELLED = auto()
    """Its jobs stop; `release` runs."""
    FORCED = auto()
    """Everything stops, also `release`."""


@frozen(kw_only=True)
class Build:
    """A build; all times are in seconds."""

    number: int
    at: float
    """When it begins, from midnight."""
    count: int
    """How many machines it asks for, each for a job."""
    lasts: float
    """How long its jobs take."""
    any_usage: bool
    ending: Ending
    cut_after: float
    """When it is cancelled if it is, from its begin; it may be over by then."""
    pause: float
    """From its last job's end to `release`."""

    @property
    def run_id(self) -> str:
        """The id of its run on GitHub, which is its label too."""
        return str(10_000 + self.number)

    @property
    def in_storm(self) -> bool:
        """Whether it begins in the storm."""
        return STORM[0] <= self.at < STORM[1]


@frozen
class DayPlan:
    """What happens on a day, with our doors or the original's."""

    builds: tuple[Build, ...]
    refreshes: tuple[float, ...]
    """When refresh runs, in seconds from midnight."""
    seed: str

    def pace_of(self, number: int, machine: Instance) -> Pace:
        """Return how the machine behaves that is launched as the `number`th."""
        chance = random.Random(f"{self.seed}, machine {number}")  # noqa: S311 - no secret is made of it
        pace = evolve(USUAL, boot=chance.uniform(35, 90), register=chance.uniform(3, 7))
        (fault,) = chance.choices([*_FAULTS, None], [*_FAULTS.values(), 1 - sum(_FAULTS.values())])
        taken_back, after = chance.random() < _RECLAIMED, chance.uniform(120, HOUR)
        if fault is None and taken_back and machine.lifecycle == "spot":
            return evolve(pace, fault=Fault.TAKEN_BACK, taken_back=after)
        return evolve(pace, fault=fault)


def draw(builds: int, seed: str) -> DayPlan:
    """Draw a day with so many builds; the same seed gives the same day."""
    chance = random.Random(seed)  # noqa: S311 - no secret is made of it
    weights = [share for _, _, share in _SHARES]
    hours = chance.choices(_SHARES, weights, k=builds)
    moments = sorted(chance.uniform(begin, end) for begin, end, _ in hours)
    refreshes = [0.0]
    for number in range(1, int(DAY / EVERY)):
        moment = number * EVERY + chance.uniform(0, _LATE)
        if chance.randrange(_DROPPED):
            refreshes.append(moment)
    return DayPlan(tuple(_build(chance, *each) for each in enumerate(moments)), tuple(refreshes), seed)


def _build(chance: random.Random, number: int, at: float) -> Build:
    lasts = chance.uniform(*_JOB)
    endings = [Ending.CANCELLED, Ending.FORCED, Ending.DONE]
    (ending,) = chance.choices(endings, [_ENDS_EARLY, _ENDS_EARLY / 2, 1 - 1.5 * _ENDS_EARLY])
    return Build(
        number=number,
        at=at,
        count=chance.choice(_MACHINES),
        lasts=lasts,
        any_usage=chance.random() < _ANY_USAGE,
        ending=ending,
        cut_after=chance.uniform(2, lasts),
        pause=chance.uniform(3, 20),
    )
