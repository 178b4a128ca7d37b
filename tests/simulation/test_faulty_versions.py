"""EC2 warns about every new version, and a process dies or an answer is lost at any call: the default stays good."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from refresh import errors
from tests.simulation.invariants import crashed, settle, watched
from tests.simulation.scenes import FAULTY, faulty, put_right
from tests.simulation.schedules import PHASES, CrashAt, FailAlways, FailAt, operations_of, points_of, second_crashes

if TYPE_CHECKING:
    from tests.simulation.figures import Tally

pytestmark = pytest.mark.parametrize("world", FAULTY)
EVERY = {"short": 3, "push": 1, "nightly": 1}


def test_after_a_crash_at_any_call_no_faulty_version_becomes_the_default(world: str, tally: Tally) -> None:
    """EC2's warning is lost with the process."""
    for point in tally.sampled(points_of(faulty(world)), EVERY):
        pool = faulty(world)
        assert crashed(pool, CrashAt(*point))
        put_right(pool)
        tally.add("crashes with faults")


def test_after_a_crash_of_the_rerun_no_faulty_version_becomes_the_default(world: str, tally: Tally) -> None:
    """Only the nightly budget runs all pairs of crash points."""
    for point in tally.sampled(points_of(faulty(world)), {"short": 40, "push": 12, "nightly": 1}):
        pool = faulty(world)
        for _ in second_crashes(pool, point):
            put_right(pool)
            tally.add("crash pairs with faults")


def test_after_a_lost_answer_no_faulty_version_becomes_the_default(world: str, tally: Tally) -> None:
    """One answer is lost, or all of an operation, such as the deletion of the faulty version."""
    seams = [
        *(FailAt(*point, errors.Unavailable) for point in points_of(faulty(world))),
        *(
            FailAlways(operation, phase, errors.Rejected)
            for operation, phase in itertools.product(operations_of(faulty(world)), PHASES)
        ),
    ]
    for seam in tally.sampled(seams, EVERY):
        pool = faulty(world)
        watched(pool, seam)
        put_right(pool)
        tally.add("failures with faults")


def test_a_fault_that_ends_during_a_run_leaves_nothing_wrong(world: str, tally: Tally) -> None:
    """The process dies, and the fault is corrected before the next run."""
    for point in tally.sampled(points_of(faulty(world)), EVERY):
        pool = faulty(world)
        crashed(pool, CrashAt(*point))
        pool.account.state.faults.clear()
        settle(pool)
        tally.add("crashes with faults that end")
