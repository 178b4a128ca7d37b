"""Plausible mistakes in ending the machines of runs that are over; each must break a promise."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

from attrs import evolve

from refresh.pool import lifecycle
from refresh.reconciler.abandoned_runs import observe, policy
from refresh.reconciler.abandoned_runs.actual import Actual
from tests.simulation.breakages import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def _observing(change: Callable[[Any], Any]) -> AbstractContextManager[object]:
    return wrapped(observe, "observe", lambda original, *args: change(original(*args)))


def skip_the_second_look() -> AbstractContextManager[object]:
    """Believe the first answer."""

    def wrap(_: Any, __: Any, runs: Any, sender: Any, repository: Any, machines: Any) -> Any:
        first = observe._ask(runs, sender, repository, policy.runs_to_ask(machines))
        return Actual(machines, first.runs, frozenset(), first.runs)

    return wrapped(observe, "observe", wrap)


def ignore_busy_runners() -> AbstractContextManager[object]:
    """Trust the state of the run alone."""
    return _observing(lambda actual: evolve(actual, busy=frozenset()))


def ignore_the_attempt() -> AbstractContextManager[object]:
    """Take a second attempt that is over for the first."""
    return _observing(
        lambda actual: evolve(
            actual, again={run: evolve(each, attempt=actual.runs[run].attempt) for run, each in actual.again.items()}
        )
    )


def believe_the_first_answer_about_the_end() -> AbstractContextManager[object]:
    """Ask a second time, and compare nothing."""
    return _observing(lambda actual: evolve(actual, again={run: actual.runs[run] for run in actual.again}))


def end_them_at_once() -> AbstractContextManager[object]:
    """Leave no time for the run's release."""
    return mock.patch.object(policy, "COMPLETED_FOR", timedelta())


def take_unfinished_runs_for_over() -> AbstractContextManager[object]:
    """Look at the time alone."""
    return mock.patch.object(policy, "is_over", lambda run, _: run is not None)


def ignore_proof_and_protection() -> AbstractContextManager[object]:
    """Believe the record alone."""
    return mock.patch.object(policy, "_may_end", return_value=True)


def mark_what_was_renewed() -> AbstractContextManager[object]:
    """Forget that a record may be written with the same values."""

    def wrap(original: Any, *args: Any, **more: Any) -> Any:
        return original(*args, **{**more, "untouched": False})

    return wrapped(lifecycle, "update", wrap)


BREAKAGES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    re.sub("_", " ", breakage.__name__): breakage
    for breakage in (
        skip_the_second_look,
        ignore_busy_runners,
        ignore_the_attempt,
        believe_the_first_answer_about_the_end,
        end_them_at_once,
        take_unfinished_runs_for_over,
        ignore_proof_and_protection,
        mark_what_was_renewed,
    )
}
