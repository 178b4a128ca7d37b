"""GitHub: removes registrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import errors
from refresh.engine.change import Done, Failed, Postponed
from refresh.engine.component import attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from refresh.engine.change import Outcome
    from refresh.ports import Registry
    from refresh.reconciler.runner_registrations.changes import RemoveRegistration


def remove(
    github: Registry, changes: Sequence[RemoveRegistration], over: Callable[[], bool], removed: list[int]
) -> Iterator[Outcome]:
    """Remove registrations one by one until GitHub limits the requests or the run is over.

    The id of each one is added to `removed`.
    """
    limit: errors.Throttled | None = None
    for change in changes:
        if limit:
            yield Failed(change, limit)
        elif over():
            yield Postponed(change)
        else:
            outcome = attempt(change, _remove, github, change.id)
            if isinstance(outcome, Done):
                removed.append(change.id)
            elif isinstance(outcome, Failed) and isinstance(outcome.error, errors.Throttled):
                limit = outcome.error
            yield outcome


def _remove(github: Registry, runner_id: int) -> None:
    try:
        github.remove_runner(runner_id)
    except errors.NotFound as error:
        raise errors.ConditionFailed(error.operation, error.code, "it is already gone.") from None
