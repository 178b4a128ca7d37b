"""Registrations of ended instances: removed on this table's own evidence only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Plan, Postponed, Skipped, Unchecked
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import records
from refresh.ports import RunnerRegistration
from refresh.reconciler.runner_registrations import RunnerRegistrations
from refresh.reconciler.runner_registrations.actual import Actual
from refresh.reconciler.runner_registrations.changes import RemoveRegistration
from refresh.reconciler.runner_registrations.policy import REMOVED_PER_RUN, plan
from tests.fakes.desired import TABLE, desired
from tests.fakes.serial import NOW, StillClock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from refresh.engine.report import ComponentReport

ID, OTHER = "i-0123456789abcdef0", "i-0fffffffffffffff0"


def _runner(number: int = 1, name: str = f"{ID}-1", *, offline: bool = True, busy: bool = False) -> RunnerRegistration:
    return RunnerRegistration(number, name, offline, busy)


class _GitHub:
    """Runners by number; `calls` lists what was asked."""

    def __init__(self, *runners: RunnerRegistration) -> None:
        self.listed = {runner.id: runner for runner in runners}
        self.calls: list[str] = []
        self.refusal: errors.ApiError | None = None

    def runners(self) -> list[RunnerRegistration]:
        self.calls.append("list")
        return list(self.listed.values())

    def remove_runner(self, runner_id: int) -> None:
        self.calls.append(f"remove {runner_id}")
        if self.refusal:
            raise self.refusal
        if self.listed.pop(runner_id, None) is None:
            raise errors.NotFound("GitHub DELETE", "404", "Not Found")


class _History:
    """HISTORY items by instance id."""

    def __init__(self, *identifiers: str) -> None:
        self.identifiers = identifiers
        self.asked: list[list[str]] = []

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        keys = request["RequestItems"][TABLE]["Keys"]
        assert {key["PK"]["S"] for key in keys} == {"TYPE#HISTORY"}
        self.asked.append([key["SK"]["S"].removeprefix("ID#") for key in keys])
        found = [records.key(records.HISTORY, each) for each in self.asked[-1] if each in self.identifiers]
        return {"Responses": {TABLE: found}}


def _refresh(
    github: _GitHub, history: _History, ended: frozenset[str] | Unchecked, *, clean_github_runners: bool = True
) -> ComponentReport:
    component = RunnerRegistrations(
        desired(clean_github_runners=clean_github_runners),
        cast("DynamoDBClient", history),
        github,
        StillClock(),
        lambda: ended,
    )
    return converge(component, Run(mode=Mode.APPLY, clock=StillClock()), lambda: None).report


@pytest.mark.shows("A19")
@pytest.mark.parametrize(
    ("runner", "due"),
    [
        (_runner(), True),
        (_runner(name=f"{ID}-17"), True),
        (_runner(offline=False), False),
        (_runner(busy=True), False),
        (_runner(name=f"{OTHER}-1"), False),
        (_runner(name=ID), False),
        (_runner(name=f"x-{ID}-1"), False),
        (_runner(name=f"{ID}-1x"), False),
        (_runner(name="laptop"), False),
    ],
)
def test_only_what_is_offline_idle_ours_and_ended_is_removed(runner: RunnerRegistration, *, due: bool) -> None:
    """Everybody else's runner stays."""
    changes = (RemoveRegistration(runner.id, runner.name),) if due else ()
    assert plan(Actual((runner,), frozenset({ID}))) == Plan(changes)


def test_a_run_removes_a_bounded_number_and_says_what_is_left() -> None:
    """GitHub allows so many writes a minute."""
    github = _GitHub(*(_runner(number) for number in range(REMOVED_PER_RUN + 3)))
    report = _refresh(github, _History(), frozenset({ID}))
    assert len(report.done) == REMOVED_PER_RUN
    assert len(github.listed) == 3
    assert report.warnings == ("3 more registrations of ended instances are left for the next runs.",)
    assert not report.failed


def test_github_is_not_asked_in_a_run_that_ended_nothing_or_where_it_is_not_wanted() -> None:
    """A run that changes nothing makes no call to GitHub."""
    for github, report in (
        (quiet := _GitHub(_runner()), _refresh(quiet, _History(ID), Unchecked("nothing ended"))),
        (unwanted := _GitHub(_runner()), _refresh(unwanted, _History(ID), frozenset({ID}), clean_github_runners=False)),
    ):
        assert (github.calls, report.status) == ([], "not checked")


@pytest.mark.shows("A19")
def test_the_history_is_evidence_and_ec2_s_ignorance_is_not() -> None:
    """A runner of another region looks the same."""
    github, history = _GitHub(_runner(1), _runner(2, f"{OTHER}-1"), _runner(3, "laptop"), _runner(4)), _History(ID)
    report = _refresh(github, history, frozenset())
    assert sorted(github.listed) == [2, 3]
    assert history.asked[0] == [ID, OTHER]
    assert [str(change) for change in report.done] == [f"remove runner registration {ID}-1"] * 2


def test_what_the_collector_saw_end_needs_no_history() -> None:
    """Its record is still there."""
    history = _History()
    _refresh(_GitHub(_runner()), history, frozenset({ID}))
    assert history.asked == []


@pytest.mark.parametrize("number", [1, REMOVED_PER_RUN, REMOVED_PER_RUN + 50])
def test_removals_that_are_refused_are_failures_however_many(number: int) -> None:
    """They use up no room, and no later look takes them for done."""
    github = _GitHub(*(_runner(each) for each in range(number)))
    github.refusal = errors.PermissionDenied("GitHub DELETE", "403", "no.")
    report = _refresh(github, _History(), frozenset({ID}))
    assert len(report.failures) == min(number, REMOVED_PER_RUN)
    assert report.failed


@pytest.mark.shows("F23")
def test_a_limit_of_github_is_run_into_once() -> None:
    """Each further request would wait a minute in vain, and GitHub bars who goes on."""
    github = _GitHub(*(_runner(each) for each in range(REMOVED_PER_RUN)))
    github.refusal = errors.Throttled("GitHub DELETE", "429", "slow down.")
    report = _refresh(github, _History(), frozenset({ID}))
    assert len([call for call in github.calls if call.startswith("remove")]) == 1
    assert len(report.failures) == REMOVED_PER_RUN


def test_no_removal_is_begun_once_the_run_s_time_is_over() -> None:
    """What is left is for the next run."""
    github = _GitHub(_runner())
    component = RunnerRegistrations(
        desired(), cast("DynamoDBClient", _History()), github, StillClock(), lambda: frozenset({ID}), lambda: True
    )
    change = RemoveRegistration(1, f"{ID}-1")
    assert list(component.apply([change])) == [Postponed(change)]
    assert github.calls == []


def test_a_refused_removal_fails_this_component() -> None:
    """With GitHub's reason."""
    github = _GitHub(_runner())
    github.refusal = errors.PermissionDenied("GitHub DELETE", "403", "no.")
    assert _refresh(github, _History(), frozenset({ID})).failed


@pytest.mark.parametrize(
    ("over", "warnings"), [(0, ()), (1, ("1 more registrations of ended instances are left for the next runs.",))]
)
def test_what_is_left_is_told_only_if_something_is(over: int, warnings: tuple[str, ...]) -> None:
    """To the very last one."""
    runners = tuple(_runner(number) for number in range(REMOVED_PER_RUN + over))
    assert plan(Actual(runners, frozenset({ID}))).warnings == warnings


@pytest.mark.parametrize("runner", [_runner(busy=True), _runner(offline=False), _runner(name="laptop")])
def test_of_a_runner_that_stays_anyway_no_history_is_read(runner: RunnerRegistration) -> None:
    """Most of an organisation's are of that kind."""
    history = _History(ID)
    _refresh(_GitHub(runner), history, frozenset())
    assert history.asked == []


def test_what_will_be_is_what_the_removals_leave() -> None:
    """A dry run tells by it what the next run has to do."""
    component = RunnerRegistrations(desired(), cast("DynamoDBClient", _History()), _GitHub(), StillClock(), frozenset)
    actual = Actual((_runner(1), _runner(2)), frozenset({ID}), removed=5)
    after = component.predict(actual, [RemoveRegistration(1, f"{ID}-1")], NOW)
    assert after == Actual((_runner(2),), frozenset({ID}), removed=6)


def test_a_registration_that_is_gone_already_is_no_failure() -> None:
    """GitHub removes them too; it is told in GitHub's words and ours."""
    github = _GitHub(_runner())
    github.refusal = errors.NotFound("GitHub DELETE", "404", "Not Found")
    component = RunnerRegistrations(
        desired(), cast("DynamoDBClient", _History()), github, StillClock(), lambda: frozenset({ID})
    )
    (outcome,) = component.apply([RemoveRegistration(1, f"{ID}-1")])
    expected = errors.ConditionFailed("GitHub DELETE", "404", "it is gone already.")
    assert outcome == Skipped(RemoveRegistration(1, f"{ID}-1"), str(expected))


def test_history_that_was_left_out_is_asked_for_again_after_a_while() -> None:
    """As DynamoDB does under load."""

    class _Busy(_History):
        def batch_get_item(self, **request: Any) -> dict[str, Any]:
            if self.asked:
                return super().batch_get_item(**request)
            self.asked.append([])
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    github, history, clock = _GitHub(_runner()), _Busy(ID), StillClock()
    component = RunnerRegistrations(desired(), cast("DynamoDBClient", history), github, clock, frozenset)
    assert component.observe().ended == {ID}
    assert clock.slept == [0.1]
