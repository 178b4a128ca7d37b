"""Weeks of a half-moved pool: each workflow has `provision` and `release` of the archived action, or ours."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from tests.simulation.day import Day
from tests.simulation.day_doors import Archived, Got, Ours
from tests.simulation.day_plan import DAY, EVERY, HOUR, LAST, Build, DayPlan, Ending, draw
from tests.simulation.paces import USUAL, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.memory.ec2 import Instance
    from tests.simulation.day_doors import Doors
    from tests.simulation.together import Process

WORKFLOWS = 8
_MORNING, _EVENING = 9 * HOUR, 15 * HOUR
_NIGHTLY = 6
"""One in so many refreshes is simulated while there are no builds."""


@frozen
class Moved:
    """Which actions of a workflow are ours."""

    provision: bool
    release: bool

    def __str__(self) -> str:
        """Name the combination."""
        provision, release = ("new" if each else "old" for each in (self.provision, self.release))
        return f"{provision} provision, {release} release"


OLD, NEW = Moved(provision=False, release=False), Moved(provision=True, release=True)
COMBINATIONS = (OLD, Moved(provision=False, release=True), Moved(provision=True, release=False), NEW)


@frozen
class Calendar:
    """Five weeks, each of as many working days: what is moved when."""

    days: int
    """How many days a week has."""

    def moved(self, build: Build) -> Moved:
        """Return what the workflow of a build has: first nothing, then a mixture, then more each day, and back."""
        week, day = divmod(int(build.at // DAY), self.days)
        workflow = build.number % WORKFLOWS
        passed = (day + 1) * WORKFLOWS > workflow * self.days
        return (OLD, COMBINATIONS[workflow % 4], NEW if passed else OLD, OLD if passed else NEW, OLD)[week]

    def refresh_moved(self, seconds: float) -> bool:
        """Return whether refresh is ours: from its second run to the end of the fourth week."""
        return 0 < seconds < 4 * self.days * DAY

    def plan(self, builds: int) -> DayPlan:
        """Draw so many builds for the working hours of each day."""
        drawn = [draw(builds, f"weeks, day {each}") for each in range(5 * self.days)]
        pace = (_EVENING - _MORNING) / LAST
        moments = [
            evolve(each, at=day * DAY + _MORNING + each.at * pace) for day, of in enumerate(drawn) for each in of.builds
        ]
        refreshes = [
            day * DAY + each
            for day, of in enumerate(drawn)
            for each in of.refreshes
            if _MORNING - HOUR < each < _EVENING + HOUR or int(each // EVERY) % _NIGHTLY == 0
        ]
        return DayPlan(
            tuple(evolve(each, number=number) for number, each in enumerate(moments)), tuple(refreshes), "weeks"
        )


@frozen
class Steady(DayPlan):
    """Three hours with a build every five minutes, in which all machines are healthy."""

    def pace_of(self, number: int, machine: Instance) -> Pace:  # noqa: ARG002 - all are alike
        """Return the usual pace."""
        return USUAL


def steady() -> Steady:
    """Return the plan."""
    usual = Build(
        number=0, at=2 * EVERY, count=1, lasts=200, any_usage=False, ending=Ending.DONE, cut_after=DAY, pause=5
    )
    builds = (evolve(usual, number=each, at=usual.at + each * EVERY / 2) for each in range(36))
    return Steady(tuple(builds), tuple(each * EVERY for each in range(22)), "steady")


@define
class HalfMoved:
    """Gives each build and each refresh to the archived action or to this program."""

    ours: Ours
    archived: Archived
    moved: Callable[[Build], Moved]
    refresh_moved: Callable[[float], bool]
    """By the seconds since the begin."""
    began_at: float
    users: dict[str, set[bool]] = field(factory=lambda: defaultdict(set))
    """By machine, whether our `provision` has used it, and whether the archived one has."""

    def usage(self, machine: Instance) -> str:
        """Return the usage class of a machine as it is launched."""
        build = self.archived.builds.get(machine.tags.get("InitialRunId", ""))
        return self._of(build is None or self.moved(build).provision).usage(machine)

    def provision(self, build: Build, process: Process, cut_at: Callable[[], bool]) -> Got:
        """Get machines for a build."""
        moved = self.moved(build).provision
        got = self._of(moved).provision(build, process, cut_at)
        for each in got:
            self.users[each].add(moved)
        return got

    def release(self, build: Build, process: Process) -> str:
        """Give them back."""
        return self._of(self.moved(build).release).release(build, process)

    def refresh(self, process: Process) -> str:
        """Refresh."""
        return self._of(self.refresh_moved(process.now().timestamp() - self.began_at)).refresh(process)

    def _of(self, moved: bool) -> Doors:  # noqa: FBT001 - which of two
        return self.ours if moved else self.archived


def half_moved(plan: DayPlan, moved: Callable[[Build], Moved], refresh_moved: Callable[[float], bool]) -> Day:
    """Return a pool for some days, which has been refreshed by this program once."""

    def doors(day: Day) -> HalfMoved:
        archived = Archived(day.stage, day.builds, day.ended, takes_over=True)
        return HalfMoved(Ours(day.stage, {}), archived, moved, refresh_moved, day.ledger.began_at.timestamp())

    return Day(plan, choose=doors)
