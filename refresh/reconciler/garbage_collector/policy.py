"""Which instances end, which are cleaned up, and which are left alone: rules over the records and EC2's view; pure.

An instance leaves the pool in two phases, with the `terminated` record as the log between them. `Terminate` is planned
only for a record that was read back as `terminated`, so after a crash at any point the next run continues.

No living instance is marked, adopted or terminated unless EC2 itself proves that it belongs to the pool: a job on a
runner can write records.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from attrs import evolve

from refresh.desired import LONGEST_RUNTIME
from refresh.engine.change import Plan
from refresh.pool import lifecycle, ownership, records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.reconciler.garbage_collector import restores, skip_reasons
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, CollectorChange, Mark, Reason, Terminate
from refresh.reconciler.garbage_collector.skip_reasons import SkipReason
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from refresh import errors
    from refresh.desired import DesiredState
    from refresh.pool.ownership import TemplateIds

UNKNOWN_GRACE = timedelta(minutes=10)
"""How old a mark must be before an instance that EC2 does not know counts as gone: EC2 is eventually consistent."""
UNRECORDED_GRACE = timedelta(minutes=15)
"""How long provision may take to record an instance that it launched."""
LARGEST_UNEXPECTED_SHARE = 0.2
LONGEST_LEASE = LONGEST_RUNTIME + timedelta(hours=1)
"""No input allows a longer runtime, so no genuine threshold is later."""

Verdict = CollectorChange | SkipReason | None


def expired(record: records.InstanceRecord, now: datetime) -> bool:
    """Whether a living record's threshold has passed, compared in whole seconds as the mark's condition does."""
    second = now.replace(microsecond=0)
    return record.state in lifecycle.LIVING_STATES and record.expires is not None and record.expires < second


def aged(instance: Ec2Instance, now: datetime, oldest: timedelta) -> bool:
    """Whether an instance was launched longer ago than `oldest`."""
    return instance.launched_at is not None and now - instance.launched_at > oldest


def judge(
    desired: DesiredState,
    record: records.InstanceRecord,
    instance: Ec2Instance,
    template_ids: TemplateIds,
    now: datetime,
) -> Verdict:
    """Judge one record and its instance by the rules of docs/table.md."""
    if record.state == records.TERMINATED:
        verdict = _judge_marked(record, instance, now)
    else:
        verdict = _judge_living(desired, record, instance, now)
    if instance.state.alive and isinstance(verdict, Mark | Terminate):
        if not ownership.proven(instance, template_ids):
            return skip_reasons.UNPROVEN
        if instance.protected:
            return skip_reasons.PROTECTED
    return verdict


def plan(desired: DesiredState, actual: Actual, now: datetime) -> Plan[CollectorChange]:
    """Judge every record and every instance without one; the order is mark, adopt, terminate, clean."""
    verdicts: list[tuple[str, Verdict]] = []
    for record in actual.records:
        if isinstance(record, records.Unreadable):
            verdicts.append((record.id, _judge_unreadable(desired, record, actual, now)))
        elif record.id not in actual.unanswered:
            instance = actual.instances.get(record.id, Ec2Instance(record.id, Ec2State.UNKNOWN))
            verdict = judge(desired, record, instance, actual.template_ids, now)
            if actual.restore and isinstance(verdict, Mark):
                verdict = restores.reconsidered(verdict, instance, actual.restore, now, UNKNOWN_GRACE)
            verdicts.append((record.id, verdict))
    verdicts += _judge_unrecorded(desired, actual, now)
    skewed = abs(actual.skew) > lifecycle.LARGEST_SKEW
    planned = _plan(verdicts, _skew_message(actual.skew) if skewed else None)
    unlisted = (_unlisted_message(actual.unlisted, actual.unanswered),) if actual.unlisted else ()
    return evolve(planned, refusals=(*unlisted, *planned.refusals))


def _judge_living(
    desired: DesiredState, record: records.InstanceRecord, instance: Ec2Instance, now: datetime
) -> Verdict:
    if expired(record, now):
        return Mark(record, Reason.EXPIRED, now, instance.launched_at)
    if instance.state is Ec2State.TERMINATED:
        return Mark(record, Reason.VANISHED, now, instance.launched_at)
    old = instance.state.alive and aged(instance, now, desired.max_instance_age)
    if not record.threshold:
        alive = skip_reasons.ENDLESS if old else None
        return skip_reasons.WITHOUT_THRESHOLD if instance.state is Ec2State.UNKNOWN else alive
    if record.expires is None:
        return skip_reasons.UNREADABLE_FOR_EVER if old else skip_reasons.UNREADABLE_THRESHOLD
    if old and record.state == lifecycle.IDLE:
        return Mark(record, Reason.AGED, now, instance.launched_at)
    return skip_reasons.FAR_THRESHOLD if old and record.expires - now > LONGEST_LEASE else None


def _judge_unreadable(desired: DesiredState, record: records.Unreadable, actual: Actual, now: datetime) -> SkipReason:
    instance = actual.instances.get(record.id)
    if instance and instance.state.alive and aged(instance, now, desired.max_instance_age):
        return skip_reasons.UNREADABLE_FOR_EVER
    return SkipReason(record.problem, "The record was skipped: correct or delete it")


def _judge_marked(record: records.InstanceRecord, instance: Ec2Instance, now: datetime) -> Verdict:
    match instance.state:
        case Ec2State.TERMINATED:
            return Clean(record, instance.launched_at)
        case Ec2State.SHUTTING_DOWN:
            # It still writes heartbeats, so its artifacts would come back.
            return None
        case Ec2State.UNKNOWN:
            if record.marked_at is None:
                return skip_reasons.UNDATED
            return Clean(record) if now - record.marked_at > UNKNOWN_GRACE else None
        case _:
            return Terminate(record.id, record)


def _judge_unrecorded(desired: DesiredState, actual: Actual, now: datetime) -> list[tuple[str, Verdict]]:
    """Judge the pool's instances without a record; above the limit none of them is ended."""
    recorded = {record.id for record in actual.records}
    alive = [
        instance
        for instance in actual.instances.values()
        if instance.state.alive and ownership.proven(instance, actual.template_ids)
    ]
    stray = [instance for instance in alive if instance.id not in recorded and aged(instance, now, UNRECORDED_GRACE)]
    kept: list[tuple[str, Verdict]] = [
        (instance.id, skip_reasons.PROTECTED) for instance in stray if instance.protected
    ]
    due = [instance for instance in stray if not instance.protected]
    if not actual.records and len(alive) > 1:
        return [*kept, *((instance.id, skip_reasons.EMPTIED) for instance in due)]
    if restore := actual.restore:
        # Provision records late, and not at all while there is no table.
        lost = [instance for instance in due if aged(instance, restore.made_at + UNRECORDED_GRACE, timedelta())]
        kept += [(instance.id, restore.lost) for instance in lost]
        due = [instance for instance in due if instance not in lost]
    if len(due) + _adopted_and_alive(actual.instances, actual.records) > unexpected_limit(desired, len(alive)):
        return [*kept, *((instance.id, skip_reasons.UNRECORDED) for instance in due)]
    adopted = [Adopt(each.id, each.tags.initial_run or "", now, each.launched_at) for each in due]
    return [*kept, *((each.id, each) for each in adopted)]


def unexpected_limit(desired: DesiredState, living: int) -> int:
    """Return how many instances without a record may end at once: the input, otherwise a fifth of the living or one."""
    if desired.max_unexpected_terminations is not None:
        return desired.max_unexpected_terminations
    return max(1, int(living * LARGEST_UNEXPECTED_SHARE))


def _adopted_and_alive(
    instances: Mapping[str, Ec2Instance], found: Iterable[records.InstanceRecord | records.Unreadable]
) -> int:
    """Count adopted instances that still live: a second run must not adopt as many again."""
    return sum(
        isinstance(record, records.InstanceRecord)
        and ("endedReason", Reason.UNRECORDED.value) in record.ended
        and record.id in instances
        and instances[record.id].state.alive
        for record in found
    )


def _plan(verdicts: Iterable[tuple[str, Verdict]], skewed: str | None) -> Plan[CollectorChange]:
    marks: list[Mark] = []
    adoptions: list[Adopt] = []
    terminations: list[Terminate] = []
    cleanings: list[Clean] = []
    skipped: dict[SkipReason, list[str]] = {}
    for identifier, verdict in verdicts:
        match verdict:
            case Mark():
                marks.append(verdict)
            case Adopt():
                adoptions.append(verdict)
            case Terminate():
                terminations.append(verdict)
            case Clean():
                cleanings.append(verdict)
            case SkipReason():
                skipped.setdefault(verdict, []).append(identifier)
            case None:
                pass
            case _:
                assert_never(verdict)
    judged_by_the_clock: tuple[CollectorChange, ...] = () if skewed else (*marks, *adoptions)
    failing = [reason.about(ids) for reason, ids in skipped.items() if reason.fails]
    return Plan(
        (*judged_by_the_clock, *terminations, *cleanings),
        warnings=tuple(reason.about(ids) for reason, ids in skipped.items() if not reason.fails),
        refusals=(*([skewed] if skewed else []), *failing),
    )


def _skew_message(skew: timedelta) -> str:
    seconds = int(abs(skew).total_seconds())
    side = "behind" if skew > timedelta() else "ahead of"
    return (
        f"this machine's clock is {seconds} s {side} AWS's, so no instance was marked or adopted. "
        "Set the runner's clock."
    )


def _unlisted_message(error: errors.Unavailable, unanswered: Iterable[str]) -> str:
    left = f" EC2 did not answer for {enumerated(sorted(unanswered))}, which were left alone." if unanswered else ""
    return (
        f"EC2 did not list the pool's instances ({error.operation}: {error.code}), as happens while a zone is "
        f"disrupted, so recorded instances were read by their ids.{left} Instances without a record were not checked. "
        "The next run tries again."
    )
