"""Registrations of ended instances: what is read, and what is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

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
from tests.fakes.desired import TABLE, desired
from tests.fakes.serial import NOW, StillClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.report import ComponentReport

ID, OTHER = "i-0123456789abcdef0", "i-0fffffffffffffff0"
REMOVAL = RemoveRegistration(1, f"{ID}-1")


def _runner(number: int = 1, name: str = f"{ID}-1", *, offline: bool = True, busy: bool = False) -> RunnerRegistration:
    return RunnerRegistration(number, name, offline, busy)


class _GitHub:
    """Runners by number; `calls` lists what was asked."""

    def __init__(self, *runners: RunnerRegistration, refusal: errors.ApiError | None = None) -> None:
        self.listed = {runner.id: runner for runner in runners}
        self.calls: list[str] = []
        self.refusal = refusal

    def runners(self) -> list[RunnerRegistration]:
        self.calls.append("list")
        return list(self.listed.values())

    def remove_runner(self, runner_id: int) -> None:
        self.calls.append("remove")
        if self.refusal:
            raise self.refusal
        del self.listed[runner_id]


class _History:
    """HISTORY items by instance id."""

    def __init__(self, *identifiers: str) -> None:
        self.identifiers = identifiers
        self.asked: list[str] = []

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        keys = request["RequestItems"][TABLE]["Keys"]
        self.asked += [records.identifier_of(key) for key in keys]
        found = [records.key(records.HISTORY, each) for each in self.identifiers]
        return {"Responses": {TABLE: [key for key in keys if key in found]}}


def _component(
    github: _GitHub,
    history: _History,
    ended: frozenset[str] | Unchecked = frozenset({ID}),
    over: Callable[[], bool] = lambda: False,
    **changed: Any,
) -> RunnerRegistrations:
    return RunnerRegistrations(desired(**changed), cast("Any", history), github, StillClock(), lambda: ended, over)


def _refresh(github: _GitHub, history: _History, *args: Any, **changed: Any) -> ComponentReport:
    return converge(_component(github, history, *args, **changed), Run(mode=Mode.APPLY, clock=StillClock())).report


@pytest.mark.parametrize(("ended", "wanted"), [(Unchecked("nothing ended"), True), (frozenset({ID}), False)])
def test_github_is_asked_only_after_an_end_and_only_if_wanted(
    ended: frozenset[str] | Unchecked, *, wanted: bool
) -> None:
    github = _GitHub(_runner())
    assert _refresh(github, _History(ID), ended, clean_github_runners=wanted).status == "not checked"
    assert github.calls == []


@pytest.mark.shows("A19")
def test_an_end_is_proven_by_the_history_and_not_by_an_absence_in_ec2() -> None:
    """A runner of another region looks the same."""
    github, history = _GitHub(_runner(1), _runner(2, f"{OTHER}-1"), _runner(3, "laptop"), _runner(4)), _History(ID)
    assert len(_refresh(github, history, frozenset()).done) == 2
    assert sorted(github.listed) == [2, 3]
    assert history.asked[:2] == [ID, OTHER]


@pytest.mark.parametrize(
    ("runner", "ended"),
    [
        (_runner(), {ID}),
        (_runner(busy=True), set()),
        (_runner(offline=False), set()),
        (_runner(name="laptop"), set()),
    ],
)
def test_no_history_is_read_for_a_known_end_or_a_runner_that_stays(runner: RunnerRegistration, ended: set[str]) -> None:
    history = _History(ID)
    _refresh(_GitHub(runner), history, frozenset(ended))
    assert history.asked == []


@pytest.mark.shows("F23")
@pytest.mark.parametrize(("error", "requests"), [(errors.PermissionDenied, 100), (errors.Throttled, 1)])
@pytest.mark.parametrize("number", [REMOVED_PER_RUN, REMOVED_PER_RUN + 50])
def test_refused_removals_fail_and_a_rate_limit_stops_the_requests(
    error: type[errors.ApiError], requests: int, number: int
) -> None:
    github = _GitHub(*map(_runner, range(number)), refusal=error("GitHub DELETE", "403"))
    report = _refresh(github, _History())
    assert (len(report.failures), github.calls.count("remove")) == (REMOVED_PER_RUN, requests)
    assert report.failed


def test_a_run_that_is_over_removes_nothing() -> None:
    github = _GitHub(_runner())
    component = _component(github, _History(), over=lambda: True)
    assert list(component.apply([REMOVAL])) == [Postponed(REMOVAL)]
    assert github.calls == []


def test_a_registration_that_is_gone_already_is_skipped() -> None:
    github = _GitHub(refusal=errors.NotFound("GitHub DELETE", "404"))
    (outcome,) = _component(github, _History()).apply([REMOVAL])
    assert isinstance(outcome, Skipped)
    assert "GitHub DELETE: 404" in outcome.reason


def test_removals_count_towards_the_limit_of_the_run() -> None:
    github = _GitHub(*map(_runner, range(REMOVED_PER_RUN + 3)))
    report = _refresh(github, _History())
    assert (len(report.done), len(github.listed), len(report.warnings)) == (REMOVED_PER_RUN, 3, 1)


def test_predict_leaves_what_is_not_removed() -> None:
    actual = Actual((_runner(1), _runner(2)), frozenset({ID}), removed=5)
    after = _component(_GitHub(), _History()).predict(actual, [REMOVAL], NOW)
    assert after == Actual((_runner(2),), frozenset({ID}), removed=6)
