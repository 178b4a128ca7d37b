"""How many machines a version may cost that does not work."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from refresh.pool.signals import Report, Signal
from refresh.pool.warm_pool_item import WarmState
from refresh.reconciler.warm_pool import breaker, findings
from tests.fakes.serial import NOW
from tests.unit.reconciler.warm_pool.machines import IDS, KEY, READY, actual, instance, pending, record, unready

FAILED = Report(signal=Signal("UD_FAILED", "warm-77-large"), beat=None)


@pytest.mark.parametrize(
    ("state", "allowance"),
    [
        (WarmState(), 3),
        (WarmState(version=KEY, unready=unready(0, minutes=-1)), 2),
        (WarmState(version=KEY, unready=unready(0), pending={"large": pending(2)}), 0),
        (WarmState(version=KEY, pending={"large": pending(9)}), 0),
        (WarmState(version="lt-ours:2", unready=unready(0, 1, 2)), 3),
    ],
)
def test_a_version_that_is_not_proven_may_cost_three_machines_in_all(state: WarmState, allowance: int) -> None:
    assert breaker.judged(actual(state=state), NOW).allowance == allowance


def test_a_proven_version_is_stopped_by_three_failures_in_a_row() -> None:
    state = WarmState(version=KEY, proven=True, unready=unready(0, 1))
    assert not (known := breaker.judged(actual(state=state), NOW)).open
    assert known.allowance > 1000
    broken = breaker.judged(actual(state=evolve(state, unready=unready(0, 1, 2))), NOW)
    assert (broken.open, broken.allowance, broken.failed) == (True, 0, tuple(IDS[:3]))


def test_a_success_forgets_the_failures_before_it_and_no_later_ones() -> None:
    launched: dict[str, Any] = {**unready(0, 1, minutes=-40), **unready(2, minutes=-30), **unready(3, minutes=-20)}
    found = [record(each, "created", 20) for each in range(4)]
    reports = {IDS[2]: READY, **{IDS[each]: FAILED for each in (0, 1, 3)}}
    seen = actual(*found, state=WarmState(version=KEY, unready=launched), reports=reports)
    known = breaker.judged(seen, NOW)
    assert (known.proven, known.failed, set(known.state.unready)) == (True, (IDS[3],), {IDS[3]})


def test_machines_that_boot_have_not_failed() -> None:
    state = WarmState(version=KEY, proven=True, unready=unready(0, 1, 2, minutes=-2))
    young = [instance(each, minutes=-2) for each in range(3)]
    assert breaker.judged(actual(instances=young, state=state), NOW).failed == ()


def test_a_machine_of_a_run_proves_the_version_without_a_word_in_the_item() -> None:
    known = breaker.judged(actual(record(0, "running", run_id="88")), NOW)
    assert (known.proven, known.state.proven) == (True, False)


def test_a_template_that_changes_in_every_run_costs_three_versions_and_no_more() -> None:
    """Each change would otherwise begin anew."""
    state = WarmState(version="lt-ours:2", unproven=2, unready=unready(0))
    stopped = breaker.judged(actual(state=state), NOW)
    assert (stopped.changing, stopped.open, stopped.allowance) == (True, True, 0)
    message = findings.broken(actual(state=state), stopped)
    assert message.startswith("3 versions of the launch template in a row were replaced")
    assert "once you delete the item warm_pool" in message
    assert not breaker.judged(actual(state=evolve(state, unproven=1)), NOW).open
    proven = actual(record(0, "running", run_id="88"), state=state)
    assert not breaker.judged(proven, NOW).open
