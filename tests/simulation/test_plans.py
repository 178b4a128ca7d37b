"""Mode plan lists exactly what mode apply does, in every world and scene."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from refresh.desired import Mode
from refresh.ports import RunnerRegistration
from tests.simulation.pool import Pool
from tests.simulation.scenes import SCENES, STATES, STRAYS, UNRECORDED
from tests.simulation.worlds import LATER, WORLDS, build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.engine.change import Change
    from refresh.engine.report import Report
    from tests.simulation.figures import Tally

UNTOUCHED = timedelta(minutes=1)
"""So short a minimum that no token is renewed merely because time passes."""


def _counted(changes: Sequence[Change]) -> Counter[str]:
    return Counter(map(str, changes))


def _plan(pool: Pool) -> Report:
    before = pool.account.state
    snapshot = pool.account.snapshot()
    report = pool.run(mode=Mode.PLAN, registration_token_min_ttl=UNTOUCHED)
    assert pool.account.writes == []
    assert not any("github:create" in call or "github:remove" in call for call in pool.account.calls)
    assert pool.account.state == pool.account.restore(snapshot).state == before
    return report


def _compare(pool: Pool) -> None:
    """Compare the plan with the first plan of apply, and with all that two undisturbed runs do."""
    snapshot = pool.account.snapshot()
    plan = _plan(pool)
    planned = {each.name: each.planned for each in plan.components}
    following = [change for each in plan.components for change in each.following]
    moving = {each for each in pool.account.state.instances if pool.ec2.state(each) in {"shutting-down", None}}
    pool = Pool(pool.account.restore(snapshot), pool.desired)
    first = pool.run(registration_token_min_ttl=UNTOUCHED)
    assert {each.name: each.planned for each in first.components} == planned
    pool.account.clock.moment += LATER
    second = pool.run(registration_token_min_ttl=UNTOUCHED)
    done = [change for report in (first, second) for each in report.components for change in each.done]
    expected = [change for changes in planned.values() for change in changes] + following
    assert _counted(expected) - _counted(done) == Counter()
    # What was dying or not shown before is gone or there by the second run: that was no doing of ours.
    moved = _counted([change for change in done if change.subject in moving])
    assert _counted(done) - moved == _counted(expected) - moved


@pytest.mark.parametrize("world", WORLDS)
def test_mode_plan_lists_exactly_what_mode_apply_does(world: str, tally: Tally) -> None:
    """And listing it writes nothing."""
    pool = build(world)
    # A table that was created this second is not shown yet; that is no plan's fault.
    pool.account.clock.moment += timedelta(seconds=2)
    _compare(pool)
    tally.add("plans compared with what was done")


@pytest.mark.parametrize("state", [*STATES, UNRECORDED])
def test_mode_plan_lists_exactly_what_is_done_to_an_instance(state: str, tally: Tally) -> None:
    """In whatever state it and its record are."""
    for scene in (each for each in [*SCENES, *STRAYS] if each.state == state and each.ec2 != "hidden"):
        pool, _ = scene.build()
        _compare(pool)
        tally.add("plans compared with what was done")


def test_mode_plan_lists_the_remains_of_ended_instances() -> None:
    """Their registrations on GitHub, and heartbeats that stand alone."""
    pool = build("terminated, not cleaned")
    ended = next(each for each in pool.account.state.instances if pool.ec2.state(each) == "terminated")
    pool.account.state.runners[7] = RunnerRegistration(7, f"{ended}-1", offline=True, busy=False)
    pool.beat("i-0123456789abcdef0")
    pool.account.clock.moment += timedelta(hours=2)
    listed = [str(change) for each in _plan(pool).components for change in each.planned]
    assert f"remove runner registration {ended}-1" in listed
    assert "delete artifact HEARTBEAT of i-0123456789abcdef0" in listed
    _compare(pool)
