"""Which jobs are stranded, and what is provided for them; pure.

GitHub runs failed jobs again without the provision job that they needed, if that succeeded: they wait for machines that
a release has taken back. A label is left alone as long as another job of the run may still provide for it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import field, frozen

from refresh.engine.change import Plan
from refresh.pool import lifecycle
from refresh.pool.records import InstanceRecord
from refresh.reconciler.stranded_jobs.changes import Rescue
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refresh.pool.runs import KnownRun
    from refresh.ports import WorkflowJob, WorkflowRun
    from refresh.reconciler.stranded_jobs.actual import Actual

STRANDED_AFTER = timedelta(seconds=60)
"""How long a job waits before it counts as stranded."""
PROVIDES_WITHIN = timedelta(minutes=3)
"""How long a job of the run may take, once it is queued or has started, until it provides."""
RESCUES = 3
"""How often refresh provides for a label in one attempt; in each rescue a machine that fails is replaced once."""
RESCUED_PER_RUN = 10
_NAME = re.compile(r"[A-Za-z0-9_.]{1,40}")
_LONGEST_SHOWN = 60


@frozen(kw_only=True)
class _Found:
    """What is due, and what people should know."""

    due: list[tuple[datetime, Rescue]] = field(factory=list)
    """With the time since when it is due."""
    notes: list[str] = field(factory=list)
    warnings: list[str] = field(factory=list)


def plan(actual: Actual, now: datetime) -> Plan[Rescue]:
    """Plan to provide for the labels whose jobs wait longest, each once in a run of refresh."""
    found = _Found(notes=[*actual.notes], warnings=[*actual.warnings])
    for run in actual.runs.values():
        _look_at(run, actual, now, found)
    tried = [each for warnings in actual.tried.values() for each in warnings]
    due = [each for _, each in sorted(found.due, key=lambda pair: (pair[0], pair[1].label))]
    room = RESCUED_PER_RUN - len(actual.tried)
    if len(due) > room:
        listed = enumerated([each.label for each in due[room:]])
        found.notes.append(
            f"jobs wait for {listed} too, but one run rescues at most {RESCUED_PER_RUN} labels: the next one goes on."
        )
    return Plan(tuple(due[:room]), (*found.warnings, *tried), notes=tuple(found.notes), unchecked=actual.unchecked)


def labels_of(run: WorkflowRun, jobs: Iterable[WorkflowJob]) -> set[str]:
    """List the labels of a run that its open jobs ask for; those of other runs are not its own."""
    return {label for job in jobs if not job.completed for label in job.labels if is_of(run, label)}


def pending_labels(run: WorkflowRun, records: Iterable[object], now: datetime) -> set[str]:
    """List the labels of a run with machines that are being prepared."""
    return {each.run_id or "" for each in _living(records, now) if is_of(run, each.run_id or "") and _pending(each)}


def is_of(run: WorkflowRun, label: str) -> bool:
    """Whether it is a label of the run, as `provision` makes them."""
    if label == run.id:
        return True
    return label.startswith(f"{run.id}-") and _NAME.fullmatch(label[len(run.id) + 1 :]) is not None


def _look_at(run: WorkflowRun, actual: Actual, now: datetime, found: _Found) -> None:
    """Find what is due for a run."""
    jobs = actual.jobs.get(run.id, ())
    labels = labels_of(run, jobs) | pending_labels(run, actual.records, now)
    for label in sorted(labels & actual.asked.keys() - actual.tried.keys()):
        known = actual.asked[label]
        if known is None:
            found.warnings.append(
                f"jobs wait for {label}, but its item RUN in the table is unreadable, so what they need is unknown: "
                "run the provision job again."
            )
        elif known.free_for(run.attempt, now):
            mine = tuple(each for each in _living(actual.records, now) if each.run_id == label)
            _judge(_Case(run=run, jobs=jobs, label=label, known=known, machines=mine, now=now), found)


@frozen(kw_only=True)
class _Case:
    """A label that is free to be provided for."""

    run: WorkflowRun
    jobs: tuple[WorkflowJob, ...]
    label: str
    known: KnownRun
    machines: tuple[InstanceRecord, ...]
    """The living machines that have the label."""
    now: datetime

    @property
    def again(self) -> bool:
        """Whether it was provided for in this attempt before."""
        return self.known.request.attempt == self.run.attempt

    @property
    def unfinished(self) -> bool:
        """Whether a refresh was killed while it provided: if no other one continues, its machines end during jobs."""
        died = self.again and self.known.request.rescues > 0 and self.known.result == ""
        return died and any(map(_pending, self.machines))

    @property
    def served(self) -> bool:
        """Whether machines work for the label, and none is being prepared (the process that prepared it has ended)."""
        return bool(self.machines) and not any(map(_pending, self.machines))

    @property
    def waiting(self) -> list[WorkflowJob]:
        """The jobs that have waited for the label for longer than `STRANDED_AFTER`."""
        return [each for each in self.jobs if self.label in each.labels and _waits(each, self.now)]


def _judge(case: _Case, found: _Found) -> None:
    """Find whether jobs are stranded that ask for the label, or whether a rescue was not finished."""
    label, waiting = case.label, case.waiting
    fitting = [each for each in waiting if {*each.labels} == {label}]
    for each in waiting:
        if each not in fitting:
            found.notes.append(
                f"the job {_shown(each.name)} of run {case.run.id} asks for {enumerated(each.labels)}, but no machine "
                f"has a label except {label}: name that one alone in runs-on."
            )
    if not case.unfinished and (not fitting or case.served):
        return
    rescues = case.known.request.rescues + 1 if case.again else 1
    provider = None if case.unfinished else _provider(case.run, case.jobs, case.now)
    if provider:
        found.notes.append(
            f"jobs wait for {label}, but the job {_shown(provider.name)} is new and may provide machines: the next run "
            "looks again."
        )
    elif rescues > RESCUES:
        found.warnings.append(
            f"jobs still wait for {label} after {RESCUES} rescues in this attempt, so there is no other: read the "
            "warnings of the runs before this one, fix the cause, then run the provision job again or cancel the run."
        )
    else:
        since = min((each.queued_since or case.now for each in fitting), default=case.now)
        change = Rescue(
            label=label,
            attempt=case.run.attempt,
            run_id=case.run.id,
            asked=case.known.request,
            rescues=rescues,
            jobs=tuple(_shown(each.name) for each in fitting),
        )
        found.due.append((since, change))


def _waits(job: WorkflowJob, now: datetime) -> bool:
    return job.queued_since is not None and now - job.queued_since >= STRANDED_AFTER


def _provider(run: WorkflowRun, jobs: Iterable[WorkflowJob], now: datetime) -> WorkflowJob | None:
    """Return an open job that asks for none of the run's labels and is young: it may be the one that provides."""
    for job in jobs:
        since = job.queued_since or job.started_at
        young = since is not None and now - since < PROVIDES_WITHIN
        if young and not job.completed and not any(is_of(run, each) for each in job.labels):
            return job
    return None


def _living(records: Iterable[object], now: datetime) -> Iterator[InstanceRecord]:
    """Yield the machines that a run has, and whose time is not over."""
    for each in records:
        if not isinstance(each, InstanceRecord) or not each.run_id or each.state not in lifecycle.LIVING_STATES:
            continue
        if each.expires is not None and each.expires > now:
            yield each


def _pending(record: InstanceRecord) -> bool:
    return record.state in {lifecycle.CREATED, lifecycle.CLAIMED}


def _shown(name: str) -> str:
    """Shorten the name of a job: everyone who may write workflows chooses names."""
    return name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
