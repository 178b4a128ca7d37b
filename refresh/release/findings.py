"""What the judgement of a label's machines comes to: changes, warnings, refusals and notes, in words; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from refresh import errors
from refresh.engine.change import Plan
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refresh.desired import DesiredRelease
    from refresh.ports import WorkflowJob
    from refresh.release.actual import Actual
    from refresh.release.changes import ReleaseChange

LONGEST_SHOWN = 40
"""How much of a text from a record is shown: jobs may have written it."""
_LONGEST_NAME = 100
"""How much of the name of a job is shown."""


class Findings:
    """Collects changes, warnings and refusals while the machines are judged one by one."""

    def __init__(self, open_jobs: Iterable[WorkflowJob]) -> None:
        self.changes: list[ReleaseChange] = []
        self.unended: list[str] = []
        """Ids that cannot be terminated now, since EC2 did not answer."""
        self._warned: dict[str, list[str]] = {}
        self._open: dict[str, list[WorkflowJob]] = {}
        self._blocked: dict[str, list[WorkflowJob]] = {}
        for job in open_jobs:
            for label in _asked_for(job):
                self._open.setdefault(label, []).append(job)

    def refuse_if_needed(self, label: str) -> bool:
        """Return whether open jobs ask for a label, and refuse to release it if they do."""
        if jobs := self._open.get(label.lower()):
            self._blocked[label] = jobs
        return bool(jobs)

    def warn(self, text: str, identifier: str) -> None:
        """Warn about a machine; those with the same text are named together."""
        self._warned.setdefault(text, []).append(identifier)

    def plan(self, desired: DesiredRelease, actual: Actual) -> Plan[ReleaseChange]:
        """Return all that was found."""
        return Plan(
            tuple(self.changes),
            warnings=tuple(self._warnings(actual)),
            refusals=tuple(self._refusals(actual)),
            notes=tuple(_notes(desired, actual)),
        )

    def _warnings(self, actual: Actual) -> Iterator[str]:
        for text, ids in self._warned.items():
            yield f"{enumerated(ids)}: {text}."
        if actual.ec2_error and not self.unended:
            yield (
                f"EC2 did not describe the instances ({actual.ec2_error}), so spot machines may have been given back "
                "that EC2 has ended already, and machines that were never recorded were not looked for; both end by "
                "themselves."
            )

        if actual.reports_error:
            yield (
                f"what the agents of these machines report was not read ({actual.reports_error}), so a machine that "
                "EC2 takes back may have been given back, and a restart that cut off a job is not named."
            )

    def _refusals(self, actual: Actual) -> Iterator[str]:
        yield from (_cut_off(label, jobs) for label, jobs in self._blocked.items())
        if self.unended:
            yield (
                f"{enumerated(self.unended)}: not terminated, because EC2 did not describe the instances "
                f"({actual.ec2_error or 'it was not asked'}). Run this job again. Otherwise each machine ends once its "
                "time is over."
            )


def _asked_for(job: WorkflowJob) -> set[str]:
    """Return the labels that a job asks for, in lower case: GitHub ignores the case of labels."""
    return {label.lower() for label in job.labels}


def _notes(desired: DesiredRelease, actual: Actual) -> Iterator[str]:
    held = {each.label.lower() for each in actual.machines if each.held}
    if actual.jobs_error and held:
        # This remedy is that of other runs: here the machines were released.
        reason = str(actual.jobs_error).removesuffix(errors.Unavailable.remedy).rstrip()
        yield f"it was not checked whether jobs still need these machines: {reason}"
    elif desired.force and (jobs := [job for job in actual.open_jobs if not held.isdisjoint(_asked_for(job))]):
        yield f"released by force although these jobs are not completed: {enumerated(map(_named, jobs))}."
    ended: dict[str, list[str]] = {}
    for record in actual.ended:
        reason = dict(record.ended).get("endedReason") or "no reason recorded"
        ended.setdefault(reason[:LONGEST_SHOWN], []).append(record.id)
    for reason, ids in ended.items():
        yield f"ended before this release ({reason}): {enumerated(ids)}."


def _cut_off(label: str, jobs: Iterable[WorkflowJob]) -> str:
    return (
        f"nothing was released from the label {label}: jobs that ask for it are not completed: "
        f"{enumerated(map(_named, jobs))}. Let this job need them (`needs:`), or set force to true to cut them off."
    )


def _named(job: WorkflowJob) -> str:
    name = job.name[:_LONGEST_NAME]
    return f"{name} ({job.url})" if job.url else name


def skewed(skew: timedelta) -> str:
    """Say that the clock is wrong, and which way."""
    seconds, side = int(abs(skew).total_seconds()), "behind" if skew > timedelta() else "ahead of"
    return f"this machine's clock is {seconds} s {side} AWS's, so nothing was released. Set the runner's clock."
