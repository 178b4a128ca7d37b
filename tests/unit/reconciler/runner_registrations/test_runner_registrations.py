"""Registrations of ended instances: what is read, and what is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Postponed, Skipped, Unchecked
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import records
from refresh.ports import RunnerRegistration
from refresh.reconciler.runner_registrations import RunnerRegistrations
from refresh.reconciler.runner_registrations.actual import Actual
from refresh.reconciler.runner_registrations.changes import RemoveRegistration
from refresh.reconciler.runner_registrations.policy import REMOVED_PER_RUN
from tests.fakes.desired import desired
from tests.simulation.schedules import FailAlways
from tests.unit.reconciler import pools

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.report import ComponentReport
    from tests.simulation.pool import Pool

ID, OTHER = "i-0123456789abcdef0", "i-0fffffffffffffff0"
REMOVAL = RemoveRegistration(0, f"{ID}-0")


def _pool(*names: str) -> Pool:
    """Give a pool with idle offline runners of these names, and a history item of an instance."""
    pool = pools.made()
    for number, name in enumerate(names):
        pool.account.state.runners[number] = RunnerRegistration(number, name, offline=True, busy=False)
    pool.table.put(records.item(records.HISTORY, ID, pool.account.clock.now()))
    return pool


def _many(number: int) -> list[str]:
    return [f"{ID}-{each}" for each in range(number)]


def _component(
    pool: Pool,
    ended: frozenset[str] | Unchecked = frozenset({ID}),
    over: Callable[[], bool] = lambda: False,
    **changed: Any,
) -> RunnerRegistrations:
    clients, clock = pool.clients, pool.account.clock
    return RunnerRegistrations(desired(**changed), clients.dynamodb, clients.github, clock, lambda: ended, over)


def _refresh(pool: Pool, *args: Any, **changed: Any) -> ComponentReport:
    run = Run(mode=Mode.APPLY, clock=pool.account.clock)
    return converge(_component(pool, *args, **changed), run).report


@pytest.mark.parametrize(("ended", "wanted"), [(Unchecked("nothing ended"), True), (frozenset({ID}), False)])
def test_github_is_asked_only_after_an_end_and_only_if_wanted(
    ended: frozenset[str] | Unchecked, *, wanted: bool
) -> None:
    pool = _pool(f"{ID}-1")
    assert _refresh(pool, ended, clean_github_runners=wanted).status == "not checked"
    assert pool.account.calls == []


@pytest.mark.shows("A19")
def test_an_end_is_proven_by_the_history_and_not_by_an_absence_in_ec2() -> None:
    """A runner of another region looks the same."""
    pool = _pool(f"{ID}-1", f"{OTHER}-1", "laptop", f"{ID}-1")
    assert len(_refresh(pool, frozenset()).done) == 2
    assert sorted(pool.account.state.runners) == [1, 2]


@pytest.mark.parametrize(
    ("name", "busy", "ended"), [(f"{ID}-1", False, {ID}), (f"{ID}-1", True, set()), ("laptop", False, set())]
)
def test_no_history_is_read_for_a_known_end_or_a_runner_that_stays(name: str, ended: set[str], *, busy: bool) -> None:
    pool = _pool()
    pool.account.state.runners[1] = RunnerRegistration(1, name, offline=True, busy=busy)
    _component(pool, frozenset(ended)).observe()
    assert pool.account.calls == ["github:ListRunners"]


@pytest.mark.shows("F23")
@pytest.mark.parametrize(("error", "requests"), [(errors.PermissionDenied, 100), (errors.Throttled, 1)])
@pytest.mark.parametrize("number", [REMOVED_PER_RUN, REMOVED_PER_RUN + 50])
def test_refused_removals_fail_and_a_rate_limit_stops_the_requests(
    error: type[errors.ApiError], requests: int, number: int
) -> None:
    pool = _pool(*_many(number))
    pool.account.seam = FailAlways("github:RemoveRunner", "before", error)
    report = _refresh(pool)
    assert (len(report.failures), pool.account.calls.count("github:RemoveRunner")) == (REMOVED_PER_RUN, requests)
    assert report.failed


def test_removals_count_towards_the_limit_of_the_run() -> None:
    pool = _pool(*_many(REMOVED_PER_RUN + 3))
    report = _refresh(pool)
    assert (len(report.done), len(pool.account.state.runners), len(report.warnings)) == (REMOVED_PER_RUN, 3, 1)


@pytest.mark.parametrize(("over", "kind", "calls"), [(True, Postponed, 0), (False, Skipped, 1)])
def test_a_removal_is_postponed_by_the_end_of_the_run_and_skipped_if_it_is_gone(
    kind: type, calls: int, *, over: bool
) -> None:
    pool = _pool()
    (outcome,) = _component(pool, over=lambda: over).apply([REMOVAL])
    assert (type(outcome), len(pool.account.calls)) == (kind, calls)


def test_predict_leaves_what_is_not_removed() -> None:
    removed, kept = (RunnerRegistration(number, f"{ID}-1", offline=True, busy=False) for number in range(2))
    pool = _pool()
    actual = Actual((removed, kept), frozenset({ID}), removed=5)
    after = _component(pool).predict(actual, [REMOVAL], pool.account.clock.now())
    assert after == Actual((kept,), frozenset({ID}), removed=6)
