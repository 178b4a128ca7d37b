"""What GitHub is asked, and what is read of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.engine.change import Unchecked
from refresh.pool import runs
from refresh.ports import WorkflowRun
from refresh.reconciler.garbage_collector.actual import Actual as Collected
from refresh.reconciler.stranded_jobs import observe
from tests.fakes.desired import REPOSITORY, TABLE
from tests.fakes.memory.account import Watch
from tests.fakes.serial import NOW, Serial
from tests.simulation.worlds import build
from tests.unit.reconciler.stranded_jobs.cases import JOB, KNOWN, REQUEST, RUN, job, record

if TYPE_CHECKING:
    from refresh.reconciler.stranded_jobs.actual import Actual
    from tests.simulation.pool import Pool


def _pool(*waiting: WorkflowRun) -> Pool:
    pool = build("up to date")
    for each in waiting:
        pool.account.state.runs[each.id] = each
        pool.account.state.jobs[each.id] = [JOB]
    pool.account.calls.clear()
    return pool


def _observed(pool: Pool, *records: Any, blind: Unchecked | None = None) -> Actual:
    clients, clock = pool.clients, pool.account.clock
    return observe.observe(clients, clock, Serial(), REPOSITORY, lambda: blind or Collected(records=tuple(records)))


class _Refuse(Watch):
    """GitHub refuses an operation from a number on."""

    def __init__(self, operation: str, kind: type[errors.ApiError], number: int = 0) -> None:
        self.operation, self.kind, self.number, self.seen = operation, kind, number, 0

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Refuse it."""
        if operation == self.operation:
            self.seen += 1
            if self.seen > self.number:
                raise self.kind(operation, "Injected")


def test_without_a_later_attempt_one_question_is_asked() -> None:
    pool = _pool(evolve(RUN, attempt=1), WorkflowRun(id="78", attempt=2, completed_at=NOW))
    found = _observed(pool)
    assert (dict(found.runs), dict(found.jobs)) == ({}, {})
    assert pool.account.calls == ["github:ListRuns"]


def test_jobs_and_what_provision_was_asked_for_are_read_of_a_later_attempt() -> None:
    pool = _pool(RUN)
    pool.table.put(runs.conclusion(TABLE, REQUEST, runs.PROVIDED, NOW)["Item"])
    one = record("idle", "")
    found = _observed(pool, one)
    assert found.jobs == {"77": (JOB,)}
    assert found.asked == {"77": KNOWN}
    assert found.records == (one,)
    assert pool.account.calls == ["github:ListRuns", "github:ListJobs", "dynamodb:BatchGetItem"]


def test_the_labels_of_machines_that_are_being_prepared_are_read_too() -> None:
    pool = _pool(RUN)
    pool.account.state.jobs["77"] = [evolve(JOB, completed=True)]
    pool.table.put(runs.conclusion(TABLE, evolve(REQUEST, label="77-x"), "", NOW)["Item"])
    moment = int((pool.account.clock.now() - NOW).total_seconds()) + 60
    assert _observed(pool, record("created", "77-x", moment)).asked.keys() == {"77-x"}


def test_without_labels_the_table_is_not_asked() -> None:
    pool = _pool(RUN)
    pool.account.state.jobs["77"] = [job("ubuntu-latest")]
    assert dict(_observed(pool).asked) == {}
    assert "dynamodb:BatchGetItem" not in pool.account.calls


def test_an_unreadable_item_is_none() -> None:
    pool = _pool(RUN)
    item = runs.conclusion(TABLE, REQUEST, runs.PROVIDED, NOW)["Item"]
    pool.table.put({**item, "value": {"S": "broken"}})
    assert dict(_observed(pool).asked) == {"77": None}


def test_without_a_table_nothing_was_asked_for() -> None:
    pool = _pool(RUN)
    pool.account.state.tables.clear()
    assert dict(_observed(pool).asked) == {}


def test_without_the_collector_nothing_is_judged() -> None:
    unchecked = Unchecked("blind")
    found = _observed(_pool(RUN), blind=unchecked)
    assert (found.unchecked, dict(found.asked)) == (unchecked, {})


@pytest.mark.parametrize(
    ("kind", "warned"),
    [
        (errors.PermissionDenied, True),
        (errors.CredentialsExpired, True),
        (errors.Unavailable, False),
        (errors.Throttled, False),
        (errors.Rejected, False),
    ],
)
def test_runs_that_github_does_not_list_are_a_note_or_a_warning(kind: type[errors.ApiError], *, warned: bool) -> None:
    """The owner has to do something about a permission."""
    pool = _pool(RUN)
    pool.account.seam = _Refuse("github:ListRuns", kind)
    found = _observed(pool)
    assert (len(found.warnings), len(found.notes)) == ((1, 0) if warned else (0, 1))
    assert "stranded jobs were not looked for" in (*found.warnings, *found.notes)[0]


def test_jobs_that_github_does_not_list_stop_no_other_run() -> None:
    pool = _pool(WorkflowRun(id="100", attempt=2), RUN)
    pool.account.seam = _Refuse("github:ListJobs", errors.Unavailable, 1)
    found = _observed(pool)
    assert found.jobs == {"77": (JOB,)}
    assert "the jobs of run 100 were not looked at" in found.notes[0]


def test_the_oldest_runs_are_asked_about_first() -> None:
    number = observe.ASKED_PER_RUN + 2
    pool = _pool(*(WorkflowRun(id=str(95 + each), attempt=2) for each in reversed(range(number))))
    found = _observed(pool)
    assert list(found.jobs) == [str(95 + each) for each in range(number - 2)]
    assert "the jobs of 2 newer runs were not looked at" in found.notes[0]
