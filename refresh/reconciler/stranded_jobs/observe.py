"""GitHub and DynamoDB: unfinished runs in a later attempt, their jobs, and what was provided for their labels.

GitHub is asked first: without such a run nothing else is read. If GitHub does not answer, the run continues.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from refresh import errors
from refresh.dynamodb import items
from refresh.engine.change import Unchecked
from refresh.pool import names, records, runs
from refresh.pool.batches import batches
from refresh.reconciler.stranded_jobs import policy
from refresh.reconciler.stranded_jobs.actual import Actual

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Executor

    from refresh.pool.runs import KnownRun
    from refresh.ports import Clients, Clock, WorkflowJob, WorkflowRun
    from refresh.reconciler.garbage_collector.actual import Actual as Collected

ASKED_PER_RUN = 50
"""About how many workflow runs GitHub is asked at most."""
_AT_ONCE = 8


def observe(
    clients: Clients,
    clock: Clock,
    executor: Executor,
    repository: names.Repository,
    collected: Callable[[], Collected | Unchecked],
) -> Actual:
    """Read all that the plan needs; `collected` waits for the records."""
    found = _of_github(clients, executor, repository)
    if not found.jobs:
        return found
    known = collected()
    if isinstance(known, Unchecked):
        return evolve(found, unchecked=known)
    now = clock.now()
    labels: set[str] = set()
    for identifier, jobs in found.jobs.items():
        run = found.runs[identifier]
        labels |= policy.labels_of(run, jobs) | policy.pending_labels(run, known.records, now)
    asked = _asked(clients, clock, names.table(repository), labels)
    return evolve(found, asked=asked, records=known.records)


def _of_github(clients: Clients, executor: Executor, repository: names.Repository) -> Actual:
    """Ask for the runs in a later attempt, and for the jobs of each."""
    try:
        unfinished = {each.id: each for each in clients.runs.unfinished(repository) if each.attempt > 1}
    except errors.ApiError as error:
        unread = f"stranded jobs were not looked for: {error}"
        lasting = isinstance(error, (errors.PermissionDenied, errors.CredentialsExpired))
        return Actual(warnings=(unread,)) if lasting else Actual(notes=(unread,))
    oldest = sorted(unfinished.values(), key=lambda run: (len(run.id), run.id))
    jobs: dict[str, tuple[WorkflowJob, ...]] = {}
    notes = []
    for some in batches(oldest[:ASKED_PER_RUN], _AT_ONCE):
        for run, answer in [(each, executor.submit(_jobs, clients, repository, each)) for each in some]:
            try:
                jobs[run.id] = answer.result()
            except errors.ApiError as error:
                notes.append(f"the jobs of run {run.id} were not looked at: {error}")
    if len(oldest) > ASKED_PER_RUN:
        left = len(oldest) - ASKED_PER_RUN
        notes.append(f"the jobs of {left} newer runs were not looked at: one run of refresh looks at {ASKED_PER_RUN}.")
    return Actual(runs=unfinished, jobs=jobs, notes=tuple(notes))


def _jobs(clients: Clients, repository: names.Repository, run: WorkflowRun) -> tuple[WorkflowJob, ...]:
    return tuple(clients.runs.jobs(repository, run.id))


def _asked(clients: Clients, clock: Clock, table: str, labels: Collection[str]) -> Mapping[str, KnownRun | None]:
    """Read the RUN items of the labels; none without a table, which mode plan may find."""
    try:
        found = items.by_identifier(clients.dynamodb, clock, table, records.RUN, sorted(labels))
    except errors.NotFound:
        return {}
    return {label: runs.requested(item) for label, item in found.items()}
