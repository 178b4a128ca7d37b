"""EC2 finds fault with what is created, and a process dies or an answer is lost at any call: the default is good."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from refresh import errors
from tests.simulation.invariants import crashed, settle, watched
from tests.simulation.scenes import FAULTY, faulty, put_right
from tests.simulation.schedules import PHASES, CrashAt, FailAlways, FailAt, calls_of, operations_of

if TYPE_CHECKING:
    from tests.simulation.figures import Tally
    from tests.simulation.schedules import Phase

pytestmark = pytest.mark.parametrize("world", FAULTY)
EVERY = {"short": 3, "push": 1, "nightly": 1}


def _points(world: str) -> list[tuple[int, Phase]]:
    return list(itertools.product(range(calls_of(faulty(world))), PHASES))


def test_after_a_crash_at_any_call_no_faulty_version_becomes_the_default(world: str, tally: Tally) -> None:
    """Before its effect and after it: the judgement dies with the process."""
    for number, phase in tally.sampled(_points(world), EVERY):
        pool = faulty(world)
        assert crashed(pool, CrashAt(number, phase))
        put_right(pool)
        tally.add("crashes with faults")


def test_after_a_crash_of_the_rerun_no_faulty_version_becomes_the_default(world: str, tally: Tally) -> None:
    """Pairs of crash points; all of them are the nightly budget's."""
    for number, phase in tally.sampled(_points(world), {"short": 40, "push": 12, "nightly": 1}):
        pool = faulty(world)
        crashed(pool, CrashAt(number, phase))
        snapshot = pool.account.snapshot()
        for second, second_phase in itertools.product(range(calls_of(pool)), PHASES):
            pool.account = pool.account.restore(snapshot)
            crashed(pool, CrashAt(second, second_phase))
            put_right(pool)
            tally.add("crash pairs with faults")


def test_after_a_lost_answer_no_faulty_version_becomes_the_default(world: str, tally: Tally) -> None:
    """Once, or of an operation in the whole run; a deletion of the faulty version that fails is one of them."""
    seams = [
        *(FailAt(number, phase, errors.Unavailable) for number, phase in _points(world)),
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
    """The process dies, and what was wrong is corrected before the next one looks."""
    for number, phase in tally.sampled(_points(world), EVERY):
        pool = faulty(world)
        crashed(pool, CrashAt(number, phase))
        pool.account.state.faults.clear()
        settle(pool)
        tally.add("crashes with faults that end")
