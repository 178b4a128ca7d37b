"""A process may die at any call, and any call may fail: the next runs put everything right."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from refresh import errors
from tests.simulation.invariants import Guard, crashed, settle
from tests.simulation.schedules import PHASES, CrashAt, FailAt, calls_of
from tests.simulation.worlds import WORLDS, build

if TYPE_CHECKING:
    from tests.simulation.conftest import Tally

KINDS = (errors.Unavailable, errors.Throttled, errors.PermissionDenied, errors.CredentialsExpired, errors.Rejected)


@pytest.mark.parametrize("world", WORLDS)
def test_every_world_settles(world: str, tally: Tally) -> None:
    """Without any fault, as the others are compared with."""
    settle(build(world))
    tally.add("clean", 1)


@pytest.mark.parametrize("world", WORLDS)
def test_a_crash_at_any_call_is_put_right(world: str, tally: Tally) -> None:
    """Before its effect and after it."""
    for number, phase in itertools.product(range(calls_of(build(world))), PHASES):
        pool = build(world)
        assert crashed(pool, CrashAt(number, phase))
        settle(pool)
        tally.add("single crashes", 1)


@pytest.mark.parametrize("world", WORLDS)
def test_a_crash_of_the_rerun_is_put_right_too(world: str, tally: Tally) -> None:
    """All pairs of crash points."""
    points = list(itertools.product(range(calls_of(build(world))), PHASES))
    for number, phase in tally.sampled(points):
        pool = build(world)
        crashed(pool, CrashAt(number, phase))
        snapshot = pool.account.snapshot()
        for second, second_phase in itertools.product(range(calls_of(pool)), PHASES):
            pool.account = pool.account.restore(snapshot)
            crashed(pool, CrashAt(second, second_phase))
            settle(pool)
            tally.add("crash pairs", 1)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_failure_of_any_call_ends_in_a_report_and_is_put_right(
    world: str, kind: type[errors.ApiError], tally: Tally
) -> None:
    """Before its effect, or its answer lost after it; nothing escapes, and no failure is passed over."""
    for number, phase in itertools.product(range(calls_of(build(world))), PHASES):
        pool = build(world)
        Guard(pool, FailAt(number, phase, kind)).start()
        report = pool.run()
        assert not any("defect" in str(each.error) for each in report.components), report.markdown()
        settle(pool)
        tally.add("single failures", 1)
