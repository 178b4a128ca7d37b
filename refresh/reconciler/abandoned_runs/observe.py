"""GitHub: asks about the runs that hold machines, and about those that are over a second time.

Only errors of the run itself are raised: a GitHub that refuses, or does not answer, is a note.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve, frozen

from refresh import errors
from refresh.dynamodb import items
from refresh.engine.change import Unchecked
from refresh.pool import names, records
from refresh.pool.batches import batches
from refresh.reconciler.abandoned_runs import policy
from refresh.reconciler.abandoned_runs.actual import Actual

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from refresh.dynamodb.transactions import Sender
    from refresh.ports import Registry, WorkflowRun, WorkflowRuns

T = TypeVar("T")

AT_ONCE = 8
"""Questions under way at the same time."""
_OF_ONE_RUN = frozenset(("404", "Unexpected"))
"""The codes of answers that say nothing about other runs: GitHub does not know it, or describes it without sense."""
_OUT_OF_TIME = Unchecked("the run's time was over before GitHub was asked about every run", wholly=False)


@frozen
class _Answers:
    """What GitHub answered about runs."""

    runs: Mapping[str, WorkflowRun]
    absent: Mapping[str, errors.ApiError] = {}
    silence: errors.ApiError | None = None
    out_of_time: bool = False


def observe(
    github: Registry,
    runs: WorkflowRuns,
    sender: Sender,
    repository: names.Repository,
    machines: tuple[records.InstanceRecord, ...],
) -> Actual:
    """Ask about the runs of these machines, and a second time about those that are over.

    In between, the runners are listed: a run that is completed after that has no job on any of them.
    """
    ids = policy.runs_to_ask(machines)
    ask = partial(_ask, runs, sender, repository)
    first = ask(ids[: policy.RUNS_ASKED])
    actual = evolve(_with(Actual(machines), first), runs=first.runs, unasked=max(0, len(ids) - policy.RUNS_ASKED))
    now = sender.clock.now()
    over = [each for each in ids if policy.is_over(first.runs.get(each), now)]
    if not over or actual.silence or actual.unchecked:
        return actual
    try:
        actual = evolve(actual, busy=frozenset(each.instance_id or "" for each in github.runners() if each.busy))
    except errors.ApiError as error:
        return evolve(actual, silence=error)
    second = ask(over)
    return evolve(_with(actual, second), again=second.runs)


def read_again(sender: Sender, table: str, actual: Actual) -> Actual:
    """Read the records again of machines whose run is over, after some were marked; GitHub's answers stay."""
    wanted = [record.id for record in actual.held if policy.run_of(record.run_id) in actual.again]
    found = items.by_identifier(sender.dynamodb, sender.clock, table, records.INSTANCE, wanted)
    read = map(records.read_instance, found.values())
    return evolve(actual, held=tuple(each for each in read if isinstance(each, records.InstanceRecord)))


def _ask(runs: WorkflowRuns, sender: Sender, repository: names.Repository, ids: Iterable[str]) -> _Answers:
    """Ask about runs, some at once, and no further after the first failure that would meet all of them."""
    found: dict[str, WorkflowRun] = {}
    absent: dict[str, errors.ApiError] = {}
    for some in batches(ids, AT_ONCE):
        if sender.over():
            return _Answers(found, absent, out_of_time=True)
        asked = {each: sender.executor.submit(runs.run, repository, each) for each in some}
        failures: list[errors.ApiError] = []
        for each, future in asked.items():
            answer = _answer(future)
            if not isinstance(answer, errors.ApiError):
                found[each] = answer
            elif answer.code in _OF_ONE_RUN:
                absent[each] = answer
            else:
                failures.append(answer)
        if failures:
            return _Answers(found, absent, failures[0])
    return _Answers(found, absent)


def _answer(future: Future[T]) -> T | errors.ApiError:
    try:
        return future.result()
    except errors.ApiError as error:
        return error


def _with(actual: Actual, answers: _Answers) -> Actual:
    return evolve(
        actual,
        absent={**actual.absent, **answers.absent},
        silence=answers.silence,
        unchecked=_OUT_OF_TIME if answers.out_of_time else None,
    )
