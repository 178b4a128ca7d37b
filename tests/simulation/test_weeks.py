"""Weeks in which some workflows have the archived action and others ours, on one pool."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.simulation.weeks import COMBINATIONS, Calendar, HalfMoved, half_moved

if TYPE_CHECKING:
    from tests.simulation.day import Day
    from tests.simulation.figures import Tally

DAYS = {"short": 1, "push": 3, "nightly": 5}
BUILDS = 40
"""How many a day has."""


def test_a_pool_stays_half_moved_for_weeks(tally: Tally) -> None:
    """Nothing moved but refresh, a mixture, workflows move one by one, and back, refresh last.

    No machine is given twice, ended under a job or, while refresh is ours, left alive. A build fails only where one of
    its new machines does. Machines go from one kind of workflow to the other.
    """
    calendar = Calendar(DAYS[tally.budget])
    day = half_moved(calendar.plan(BUILDS), calendar.moved, calendar.refresh_moved)
    figures = day.run("half moved")
    ledger = figures.ledger
    assert (ledger.shared, ledger.unreachable, ledger.killed, figures.ended_twice) == ([], [], [], [])
    assert [each.problem for each in ledger.refreshed if each.problem] == []
    assert (ledger.releases_failed, ledger.replaced) == ([], [])
    assert [each for each in ledger.left if calendar.refresh_moved(_launched_at(day, each))] == []
    assert set(ledger.unserved) <= _with_faulty_machines(day)
    assert isinstance(day.doors, HalfMoved)
    assert {frozenset(each) for each in day.doors.users.values()} >= {frozenset({True, False})}
    _count(tally, calendar, day)


def _launched_at(day: Day, machine: str) -> float:
    """Return the seconds from the begin to a launch."""
    return (day.stage.machines[machine].launched_at - day.ledger.began_at).total_seconds()


def _with_faulty_machines(day: Day) -> set[str]:
    """Return the runs for which a machine was launched that has a fault."""
    machines = enumerate(day.stage.machines.values())
    return {each.tags["InitialRunId"] for number, each in machines if day.plan.pace_of(number, each).fault}


def _count(tally: Tally, calendar: Calendar, day: Day) -> None:
    """Print how many builds each combination had, and how they were served."""
    counts: Counter[str] = Counter()
    for each in day.ledger.served:
        combination = f"{calendar.moved(day.builds[each.run_id])}"
        counts[f"served, {combination}"] += 1
        counts[f"of these warm, {combination}"] += each.warm
    for run in day.ledger.unserved:
        counts[f"not served, {calendar.moved(day.builds[run])}"] += 1
    counts["machines left alive by the archived refresh"] = len(day.ledger.left)
    assert isinstance(day.doors, HalfMoved)
    counts["machines that both kinds of workflows used"] = sum(len(each) > 1 for each in day.doors.users.values())
    counts["machines that the archived release never offered"] = len(day.doors.archived.unoffered)
    counts["machines, none ended under a job"] = len(day.stage.machines)
    for what, number in counts.items():
        tally.add(f"weeks half moved: {what}", number)
    assert all(counts[f"served, {each}"] for each in COMBINATIONS)
