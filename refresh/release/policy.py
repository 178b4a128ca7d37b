"""Which machines go back to the pool, which end, and which are left alone; pure.

A machine ends in two phases: first its record loses its label, and its threshold is set into the past (`Retire`); then
EC2 terminates it. After a crash in between, its agent ends it within seconds, and a second release terminates it
immediately. No instance that is alive is terminated unless EC2 itself shows that it belongs to the pool.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from refresh.engine.change import Plan
from refresh.pool import lifecycle, ownership, records
from refresh.release.changes import GiveBack, Offer, Reason, ReleaseChange, Retire, Terminate
from refresh.release.findings import LONGEST_SHOWN, Findings, skewed

if TYPE_CHECKING:
    from refresh.desired import DesiredRelease
    from refresh.release.actual import Actual

_MARGIN = timedelta(minutes=1)
"""How long before a machine's threshold EC2 is asked about it already: it may be past when the plan is made."""
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
    reclaimed = actual.report(record.id).reclaimed_at is not None
    return not running or reclaimed or record.usage_class != "on-demand" or not _reused(desired, actual, label)


def plan(desired: DesiredRelease, actual: Actual, now: datetime) -> Plan[ReleaseChange]:
    """Plan what is left to do for the labels; `now` is this machine's clock, which AWS's corrects."""
    if abs(actual.skew) > lifecycle.LARGEST_SKEW:
        return Plan(refusals=(skewed(actual.skew),))
    now += actual.skew
    found = Findings(() if desired.force else actual.open_jobs)
    for each in actual.machines:
        if isinstance(each.record, records.Unreadable):
            found.warn(f"{each.record.problem}; the record was left alone: correct or delete it", each.record.id)
        elif each.record.run_id != each.label:
            _judge_released(actual, each.label, each.record, now, found)
        elif not found.refuse_if_needed(each.label):
            _judge(desired, actual, each.label, each.record, now, found)
    _judge_unrecorded(desired, actual, found)
    return found.plan(desired, actual)


def _judge(  # noqa: PLR0913, PLR0917 - what is wanted, what there is, and one machine of it
    desired: DesiredRelease, actual: Actual, label: str, record: records.InstanceRecord, now: datetime, found: Findings
) -> None:
    """Judge a machine that has the label."""
    reason, report = _reason(desired, actual, label, record, now), actual.report(record.id)
    cut_off = report.cut_off == label
    if cut_off:
        found.warn("a restart of the machine cut off a job of this run", record.id)
    if record.state == lifecycle.IDLE or record.expires is None:
        shown = f"state {record.state}, threshold {(record.threshold or 'absent')[:LONGEST_SHOWN]}"
        found.warn(f"its record is contradictory ({shown}); it was left alone: correct or delete it", record.id)
    elif reason is None:
        found.changes.append(GiveBack(label, record, now, now + actual.settings.idle_time, cut_off=cut_off))
    elif _may_end(actual, record.id, found):
        found.changes.append(Retire(label, record, now, reason, report.reclaimed_at, cut_off=cut_off))


def _judge_released(actual: Actual, label: str, record: records.InstanceRecord, now: datetime, found: Findings) -> None:
    """Judge a machine that an earlier release, or an earlier pass, has taken from the label."""
    if _retired(record):
        if not _gone(actual, record.id) and _may_end(actual, record.id, found) and record.id in actual.instances:
            found.changes.append(Terminate(record.id, label))
        return
    if record.state != lifecycle.IDLE or record.expires is None or record.expires <= now:
        return
    if record.resource_class not in actual.settings.classes:
        name = record.resource_class[:LONGEST_SHOWN]
        text = f"the pool has no class {name!r} any more, so no run can claim it; it ends after {record.threshold}"
        found.warn(f"{text}; add the class again if it is needed", record.id)
    elif actual.settings.original_modes and record.offered_for != record.threshold and _untouched(record):
        found.changes.append(Offer(record, now))


def _reason(
    desired: DesiredRelease, actual: Actual, label: str, record: records.InstanceRecord, now: datetime
) -> Reason | None:
    """Return why a machine of the label ends; None if it goes back to the pool."""
    reclaimed_at = actual.report(record.id).reclaimed_at
    if reclaimed_at is not None:
        return Reason.TAKEN_BACK if reclaimed_at <= now or _gone(actual, record.id) else Reason.RECLAIMED
    if record.expires is not None and record.expires <= now:
        return Reason.EXPIRED
    if _gone(actual, record.id):
        return Reason.GONE
    if record.state in _ENDED_BY_RELEASE and not (desired.claimed_too and record.state == lifecycle.CLAIMED):
        return Reason.NEVER_RAN
    return None if _reused(desired, actual, label) else Reason.NOT_REUSED


def _judge_unrecorded(desired: DesiredRelease, actual: Actual, found: Findings) -> None:
    """Judge the machines that were launched for a label but never recorded."""
    if actual.ec2_error and not actual.machines:
        found.unended.append(f"machines that were launched for {desired.labels} and never recorded")
    for instance in actual.instances.values():
        label = instance.tags.initial_run or ""
        ours = desired.has(label) and instance.id not in actual.recorded and instance.state.alive
        if ours and not found.refuse_if_needed(label) and _may_end(actual, instance.id, found):
            found.changes.append(Terminate(instance.id, label, Reason.UNRECORDED))


def _may_end(actual: Actual, identifier: str, found: Findings) -> bool:
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
