"""What is asked of GitHub, in which order, and when no further question is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve, frozen

from refresh import errors
from refresh.engine.change import Unchecked
from refresh.ports import RunnerRegistration
from refresh.reconciler.abandoned_runs import observe
from refresh.reconciler.abandoned_runs.actual import Actual
from tests.fakes.desired import REPOSITORY, TABLE
from tests.fakes.memory.account import START, Watch
from tests.unit.reconciler import pools
from tests.unit.reconciler.abandoned_runs.runs import ID, OTHER, held, over, under_way

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.pool.records import InstanceRecord
    from refresh.ports import WorkflowRun
    from tests.fakes.memory.account import Phase
    from tests.simulation.pool import Pool

RUN, RUNNERS = "github:GetRun", "github:ListRunners"
ENDED = START - timedelta(hours=1)
SILENT = errors.Unavailable(RUN, "ReadTimeout")


@frozen
class _Fails(Watch):
    """GitHub fails from one call on."""

    first: int
    error: errors.RefreshError

    def at(self, number: int, operation: str, phase: Phase) -> None:  # noqa: ARG002 - the seam's shape
        """Fail."""
        if number >= self.first and phase == "before":
            raise self.error


def _pool(*runs: WorkflowRun) -> Pool:
    pool = pools.made()
    pool.account.state.runs |= {each.id: each for each in runs}
    return pool


def _machines(number: int, first: int = 100) -> tuple[InstanceRecord, ...]:
    return tuple(held(id=f"i-{each:08x}", run_id=str(each)) for each in range(first, first + number))


def _observe(pool: Pool, *machines: InstanceRecord, over_when: Callable[[], bool] = lambda: False) -> Actual:
    github = pool.clients.github
    return observe.observe(github, pool.clients.runs, pools.sender(pool, over_when), REPOSITORY, machines)


def _runner(number: int, name: str, *, busy: bool) -> RunnerRegistration:
    return RunnerRegistration(number, name, offline=False, busy=busy)


def test_without_machines_of_runs_github_is_not_asked() -> None:
    assert _observe(pool := _pool()).held == ()
    assert pool.account.calls == []


def test_a_run_under_way_is_asked_about_once_whatever_it_holds() -> None:
    pool = _pool(under_way())
    actual = _observe(pool, held(), held(id=OTHER, run_id="77-gpu"))
    assert (actual.runs, actual.again, actual.busy) == ({"77": under_way()}, {}, None)
    assert pool.account.calls == [RUN]


def test_the_second_look_lists_the_runners_first_and_only_asks_about_runs_that_are_over() -> None:
    """A run that is completed after that has no job on any of them."""
    pool = _pool(done := over(completed_at=ENDED), under_way("78"))
    pool.account.state.runners = {
        number: _runner(number, name, busy=busy)
        for number, (name, busy) in enumerate(
            [(f"{ID}-1769850000", True), (f"{OTHER}-5", False), ("i-00000003-5", True), ("mac-mini", True)]
        )
    }
    actual = _observe(pool, held(), held(id=OTHER, run_id="78"))
    assert pool.account.calls == [RUN, RUN, RUNNERS, RUN]
    assert (actual.runs, actual.again) == ({"77": done, "78": under_way("78")}, {"77": done})
    assert actual.busy is not None
    assert {ID, "i-00000003"} <= actual.busy
    assert OTHER not in actual.busy


def test_fifty_runs_are_asked_about_and_the_others_are_counted() -> None:
    actual = _observe(pool := _pool(), *_machines(53))
    assert (len(pool.account.calls), actual.unasked, len(actual.absent), actual.silence) == (50, 3, 50, None)


def test_a_run_that_github_does_not_know_stops_no_question() -> None:
    pool = _pool(over("101", completed_at=ENDED))
    actual = _observe(pool, *_machines(2))
    assert [(run, each.code) for run, each in actual.absent.items()] == [("100", "404")]
    assert set(actual.again) == {"101"}


@pytest.mark.parametrize(
    "error",
    [
        SILENT,
        errors.Throttled(RUN, "403"),
        errors.PermissionDenied(RUN, "403"),
        errors.PermissionDenied(RUN, "401"),
        errors.PermissionDenied(RUN, "NoToken"),
        errors.Rejected(RUN, "301"),
        errors.Unreachable(RUN, "SSLError"),
        errors.CredentialsExpired(RUN, "401"),
    ],
    ids=lambda error: f"{type(error).__name__}-{error.code}",
)
def test_after_a_refusal_or_silence_no_further_question_is_asked(error: errors.ApiError) -> None:
    """At most those that are under way."""
    pool = _pool(over("100", completed_at=ENDED))
    pool.account.seam = _Fails(1, error)
    actual = _observe(pool, *_machines(30))
    assert len(pool.account.calls) == observe.AT_ONCE
    assert (actual.silence, actual.busy, actual.again) == (error, None, {})
    assert set(actual.runs) == {"100"}


@pytest.mark.parametrize("error", [SILENT, errors.CredentialsExpired(RUNNERS, "401"), errors.NotFound(RUNNERS, "404")])
@pytest.mark.parametrize("number", [1, 2])
def test_a_second_look_that_fails_shows_nothing(error: errors.ApiError, number: int) -> None:
    pool = _pool(over(completed_at=ENDED))
    pool.account.seam = _Fails(number, error)
    actual = _observe(pool, held())
    known = tuple(actual.absent.values()) if number == 2 and error.code == "404" else (actual.silence,)
    assert (known, actual.again) == ((error,), {})


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_run_that_is_asked_to_stop_ends_with_that(number: int) -> None:
    pool = _pool(over(completed_at=ENDED))
    pool.account.seam = _Fails(number, errors.Interrupted("stopped"))
    with pytest.raises(errors.Interrupted):
        _observe(pool, held())


@pytest.mark.parametrize(("calls", "asked"), [(0, 0), (8, 8), (9, 16), (30, 30), (31, 31), (32, 32)])
def test_once_its_time_is_over_a_run_asks_nothing_more(calls: int, asked: int) -> None:
    """It asks eight questions at once, and the second look is left out as well."""
    pool = _pool(*(over(str(number), completed_at=ENDED) for number in range(100, 130)))
    actual = _observe(pool, *_machines(30), over_when=lambda: len(pool.account.calls) >= calls)
    expected = {30: 31, 31: 31, 32: 39}.get(asked, asked)
    assert len(pool.account.calls) == expected
    assert actual.unchecked == Unchecked(
        "the run's time was over before GitHub was asked about every run", wholly=False
    )


def test_later_passes_read_the_records_of_runs_that_are_over_again() -> None:
    pool = _pool()
    machines = (held(), held(id=OTHER, run_id="78"), held(id="i-00000003"), held(id="i-00000004"))
    pool.record(ID, state="terminated", runId="", artifacts=False)
    pool.record("i-00000003", state=5, artifacts=False)
    pool.record("i-00000004", state="running", runId="77", artifacts=False)
    before = Actual(machines, {"77": over(), "78": under_way("78")}, frozenset(), {"77": over()})
    actual = observe.read_again(pools.sender(pool), TABLE, before)
    assert [(each.id, each.state) for each in actual.held] == [(ID, "terminated"), ("i-00000004", "running")]
    assert evolve(actual, held=machines) == before
    assert pool.account.calls == ["dynamodb:BatchGetItem"]
