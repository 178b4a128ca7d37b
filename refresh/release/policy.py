"""Which machines go back to the pool, which end, and which are left alone; pure.

A machine ends in two phases: first its record loses its label, and its threshold is set into the past (`Retire`); then
EC2 terminates it. After a crash in between, its agent ends it within seconds, and a second release terminates it
immediately. No instance that is alive is terminated unless EC2 itself shows that it belongs to the pool.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from refresh import errors
from refresh.engine.change import Plan
from refresh.pool import lifecycle, ownership, records
from refresh.release.changes import GiveBack, Offer, Reason, ReleaseChange, Retire, Terminate
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refresh.desired import DesiredRelease
    from refresh.ports import WorkflowJob
    from refresh.release.actual import Actual

LARGEST_SKEW = timedelta(seconds=60)
"""The largest difference to AWS's clock with which this machine's clock is corrected."""
_MARGIN = timedelta(minutes=1)
"""How long before a machine's threshold EC2 is asked about it already: it may be past when the plan is made."""
_LONGEST_SHOWN = 40
"""How much of a text from a record is shown: jobs may have written it."""
_LONGEST_NAME = 100
"""How much of the name of a job is shown."""
_ENDED_BY_RELEASE = {lifecycle.CREATED, lifecycle.CLAIMED}


def questionable(desired: DesiredRelease, actual: Actual, now: datetime) -> list[str]:
    """List the machines that may have to end, or may have ended, and that EC2 has not described yet."""
    if actual.ec2_error:
        return []
    return [
        each.record.id
        for each in actual.machines
        if isinstance(each.record, records.InstanceRecord)
        and each.record.id not in actual.instances
        and _questionable(desired, actual, each.label, each.record, now)
    ]


def _questionable(
    desired: DesiredRelease, actual: Actual, label: str, record: records.InstanceRecord, now: datetime
) -> bool:
    if record.run_id != label:
        return _retired(record)
    running = record.state == lifecycle.RUNNING and record.expires is not None and record.expires > now + _MARGIN
    return not running or record.usage_class != "on-demand" or not _reused(desired, actual, label)


def plan(desired: DesiredRelease, actual: Actual, now: datetime) -> Plan[ReleaseChange]:
    """Plan what is left to do for the labels; `now` is this machine's clock, which AWS's corrects."""
    if abs(actual.skew) > LARGEST_SKEW:
        return Plan(refusals=(_skewed(actual.skew),))
    now += actual.skew
    found = _Found(() if desired.force else actual.open_jobs)
    for each in actual.machines:
        if isinstance(each.record, records.Unreadable):
            found.warn(f"{each.record.problem}; the record was left alone: correct or delete it", each.record.id)
        elif each.record.run_id != each.label:
            _judge_released(actual, each.label, each.record, now, found)
        elif not found.blocked(each.label):
            _judge(desired, actual, each.label, each.record, now, found)
    _judge_unrecorded(desired, actual, found)
    warnings, notes = (*found.warnings(), *_unseen(actual, found)), tuple(_notes(desired, actual))
    return Plan(tuple(found.changes), warnings, tuple(found.refusals(actual)), notes=notes)


class _Found:
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

    def blocked(self, label: str) -> bool:
        """Whether open jobs need the machines of a label; if they do, the run fails."""
        if jobs := self._open.get(label.lower()):
            self._blocked[label] = jobs
        return bool(jobs)

    def warn(self, text: str, identifier: str) -> None:
        """Warn about a machine; those with the same text are named together."""
        self._warned.setdefault(text, []).append(identifier)

    def warnings(self) -> Iterator[str]:
        """Yield a text for each kind of warning."""
        for text, ids in self._warned.items():
            yield f"{enumerated(ids)}: {text}."

    def refusals(self, actual: Actual) -> Iterator[str]:
        """Yield what must be done and cannot be, which fails the run."""
        yield from (_cut_off(label, jobs) for label, jobs in self._blocked.items())
        if self.unended:
            yield (
                f"{enumerated(self.unended)}: not terminated, because EC2 did not describe the instances "
                f"({actual.ec2_error or 'it was not asked'}). Run this job again. Otherwise each machine ends once its "
                "time is over."
            )


def _judge(  # noqa: PLR0913, PLR0917 - what is wanted, what there is, and one machine of it
    desired: DesiredRelease, actual: Actual, label: str, record: records.InstanceRecord, now: datetime, found: _Found
) -> None:
    """Judge a machine that has the label."""
    reason = _reason(desired, actual, label, record, now)
    if record.state == lifecycle.IDLE or record.expires is None:
        shown = f"state {record.state}, threshold {(record.threshold or 'absent')[:_LONGEST_SHOWN]}"
        found.warn(f"its record is contradictory ({shown}); it was left alone: correct or delete it", record.id)
    elif reason is None:
        found.changes.append(GiveBack(label, record, now, now + actual.settings.idle_time))
    elif _may_end(actual, record.id, found):
        found.changes.append(Retire(label, record, now, reason))


def _judge_released(actual: Actual, label: str, record: records.InstanceRecord, now: datetime, found: _Found) -> None:
    """Judge a machine that an earlier release, or an earlier pass, has taken from the label."""
    if _retired(record):
        if not _gone(actual, record.id) and _may_end(actual, record.id, found) and record.id in actual.instances:
            found.changes.append(Terminate(record.id, label))
        return
    if record.state != lifecycle.IDLE or record.expires is None or record.expires <= now:
        return
    if record.resource_class not in actual.settings.classes:
        name = record.resource_class[:_LONGEST_SHOWN]
        text = f"the pool has no class {name!r} any more, so no run can claim it; it ends after {record.threshold}"
        found.warn(f"{text}; add the class again if it is needed", record.id)
    elif actual.settings.original_modes and record.offered_for != record.threshold and _untouched(record):
        found.changes.append(Offer(record, now))


def _reason(
    desired: DesiredRelease, actual: Actual, label: str, record: records.InstanceRecord, now: datetime
) -> Reason | None:
    """Return why a machine of the label ends; None if it goes back to the pool."""
    if record.expires is not None and record.expires <= now:
        return Reason.EXPIRED
    if _gone(actual, record.id):
        return Reason.GONE
    if record.state in _ENDED_BY_RELEASE:
        return Reason.NEVER_RAN
    return None if _reused(desired, actual, label) else Reason.NOT_REUSED


def _judge_unrecorded(desired: DesiredRelease, actual: Actual, found: _Found) -> None:
    """Judge the machines that were launched for a label but never recorded."""
    if actual.ec2_error and not actual.machines:
        found.unended.append(f"machines that were launched for {desired.labels} and never recorded")
    for instance in actual.instances.values():
        label = instance.tags.initial_run or ""
        ours = desired.has(label) and instance.id not in actual.recorded and instance.state.alive
        if ours and not found.blocked(label) and _may_end(actual, instance.id, found):
            found.changes.append(Terminate(instance.id, label, Reason.UNRECORDED))


def _may_end(actual: Actual, identifier: str, found: _Found) -> bool:
    """Whether a machine may be ended: it is not alive, or EC2 shows that it is the pool's and no tag protects it.

    If not, it warns. Without EC2's answer, it may be retired but not terminated, and the run fails.
    """
    instance = actual.instances.get(identifier)
    if instance is None and identifier not in actual.asked:
        found.unended.append(identifier)
        return True
    if instance is None or not instance.state.alive:
        return True
    if not ownership.proven(instance, actual.template_ids):
        text = "EC2 does not show that it belongs to this pool, so it was not ended. Find out who wrote its record"
        found.warn(text, identifier)
        return False
    if instance.protected:
        text = f"it was not ended because of its tag {ownership.PROTECTION_TAG}=true; remove it when you are done"
        found.warn(text, identifier)
        return False
    return True


def _gone(actual: Actual, identifier: str) -> bool:
    """Whether EC2 has ended the machine, or does not know it any more; False if EC2 did not say."""
    instance = actual.instances.get(identifier)
    return identifier in actual.asked if instance is None else not instance.state.alive


def _untouched(record: records.InstanceRecord) -> bool:
    """Whether nothing was written to the record since its release: otherwise another run may have had the machine.

    The original's `release`, which sends messages of its own, leaves our attributes as they are.
    """
    return record.updated_at == record.released_at


def _retired(record: records.InstanceRecord) -> bool:
    """Whether a release retired the machine: only then is the threshold before the time of the release."""
    released_at = records.read_time(record.released_at)
    return record.expires is not None and released_at is not None and record.expires < released_at


def _reused(desired: DesiredRelease, actual: Actual, label: str) -> bool:
    return desired.reuse if desired.reuse is not None else label not in actual.single_use


def _asked_for(job: WorkflowJob) -> set[str]:
    """Return the labels that a job asks for, in lower case: GitHub ignores the case of labels."""
    return {label.lower() for label in job.labels}


def _unseen(actual: Actual, found: _Found) -> Iterator[str]:
    """Warn that EC2 did not answer, if no machine had to end."""
    if actual.ec2_error and not found.unended:
        yield (
            f"EC2 did not describe the instances ({actual.ec2_error}), so spot machines may have been given back that "
            "EC2 has ended already, and machines that were never recorded were not looked for; both end by themselves."
        )


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
        ended.setdefault(reason[:_LONGEST_SHOWN], []).append(record.id)
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


def _skewed(skew: timedelta) -> str:
    seconds, side = int(abs(skew).total_seconds()), "behind" if skew > timedelta() else "ahead of"
    return f"this machine's clock is {seconds} s {side} AWS's, so nothing was released. Set the runner's clock."
