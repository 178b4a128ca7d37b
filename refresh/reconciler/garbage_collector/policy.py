"""Who ends, who is cleaned up and who is left alone: pure rules over the records and what EC2 says.

The way of an instance out of the pool has two phases, and the `terminated` record is the log between them. `Terminate`
is only ever planned for a record that was read back as `terminated`, so a crash at any point is just another
observation.

Nothing alive is marked, adopted or terminated without EC2's own proof that it is the pool's: a job on a runner can
write records.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from attrs import evolve

from refresh.desired import LONGEST_RUNTIME
from refresh.engine.change import Plan
from refresh.pool import names, ownership, records
from refresh.pool.ec2_instances import Ec2State, Machine
from refresh.reconciler.garbage_collector import restores, skip_reasons
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, CollectorChange, Mark, Reason, Terminate
from refresh.reconciler.garbage_collector.skip_reasons import Doubt
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from refresh import errors
    from refresh.desired import DesiredState
    from refresh.pool.ownership import TemplateIds

UNKNOWN_GRACE = timedelta(minutes=10)
"""How old a mark must be before an instance that EC2 does not know counts as gone: EC2 answers late."""
UNRECORDED_GRACE = timedelta(minutes=15)
"""How long provision may take to record what it launched."""
LARGEST_SKEW = timedelta(seconds=60)
"""How far our clock may be from AWS's before nothing is judged by it."""
LARGEST_UNEXPECTED_SHARE = 0.2
LONGEST_LEASE = LONGEST_RUNTIME + timedelta(hours=1)
"""No input allows a longer runtime, so no threshold is further away."""

Verdict = CollectorChange | Doubt | None


def expired(record: records.Instance, now: datetime) -> bool:
    """Whether a living record's threshold has passed, in whole seconds as the condition of the mark compares."""
    second = now.replace(microsecond=0)
    return record.state in records.LIVING_STATES and record.expires is not None and record.expires < second


def aged(machine: Machine, now: datetime, oldest: timedelta) -> bool:
    """Whether an instance was launched longer ago than it may."""
    return machine.launched_at is not None and now - machine.launched_at > oldest


def judge(
    desired: DesiredState, record: records.Instance, machine: Machine, template_ids: TemplateIds, now: datetime
) -> Verdict:
    """Judge one record and the instance that it names, by the rules of docs/table.md."""
    if record.state == records.TERMINATED:
        verdict = _judge_marked(record, machine, now)
    else:
        verdict = _judge_living(desired, record, machine, now)
    if machine.state.alive and isinstance(verdict, Mark | Terminate):
        if not ownership.proven(machine, template_ids):
            return skip_reasons.UNPROVEN
        if machine.protected:
            return skip_reasons.PROTECTED
    return verdict


def plan(desired: DesiredState, actual: Actual, now: datetime) -> Plan[CollectorChange]:
    """Judge every record and every instance without one; changes come in the order mark, adopt, terminate, clean."""
    verdicts: list[tuple[str, Verdict]] = []
    for record in actual.records:
        if isinstance(record, records.Unreadable):
            verdicts.append((record.id, _judge_unreadable(desired, record, actual, now)))
        elif record.id not in actual.unanswered:
            machine = actual.machines.get(record.id, Machine(record.id, Ec2State.UNKNOWN))
            verdict = judge(desired, record, machine, actual.template_ids, now)
            if actual.restore and isinstance(verdict, Mark):
                verdict = restores.reconsidered(verdict, machine, actual.restore, now, UNKNOWN_GRACE)
            verdicts.append((record.id, verdict))
    verdicts += _judge_unrecorded(desired, actual, now)
    skewed = abs(actual.skew) > LARGEST_SKEW
    planned = _plan(verdicts, _skewed(actual.skew) if skewed else None)
    unlisted = (_unlisted(actual.unlisted, actual.unanswered),) if actual.unlisted else ()
    return evolve(planned, refusals=(*unlisted, *planned.refusals))


def _judge_living(desired: DesiredState, record: records.Instance, machine: Machine, now: datetime) -> Verdict:
    if expired(record, now):
        return Mark(record, Reason.EXPIRED, now)
    if machine.state is Ec2State.TERMINATED:
        return Mark(record, Reason.VANISHED, now)
    old = machine.state.alive and aged(machine, now, desired.max_instance_age)
    if not record.threshold:
        alive = skip_reasons.ENDLESS if old else None
        return skip_reasons.WITHOUT_THRESHOLD if machine.state is Ec2State.UNKNOWN else alive
    if record.expires is None:
        return skip_reasons.UNREADABLE_FOR_EVER if old else skip_reasons.UNREADABLE_THRESHOLD
    if old and record.state == "idle":
        return Mark(record, Reason.AGED, now, machine.launched_at)
    return skip_reasons.FAR_THRESHOLD if old and record.expires - now > LONGEST_LEASE else None


def _judge_unreadable(desired: DesiredState, record: records.Unreadable, actual: Actual, now: datetime) -> Doubt:
    machine = actual.machines.get(record.id)
    if machine and machine.state.alive and aged(machine, now, desired.max_instance_age):
        return skip_reasons.UNREADABLE_FOR_EVER
    return Doubt(record.problem, "It was skipped: correct or delete the record")


def _judge_marked(record: records.Instance, machine: Machine, now: datetime) -> Verdict:
    match machine.state:
        case Ec2State.TERMINATED:
            return Clean(record)
        case Ec2State.SHUTTING_DOWN:
            # A dying instance still beats: its artifacts would come back.
            return None
        case Ec2State.UNKNOWN:
            if record.marked_at is None:
                return skip_reasons.UNDATED
            return Clean(record) if now - record.marked_at > UNKNOWN_GRACE else None
        case _:
            return Terminate(record.id, record)


def _judge_unrecorded(desired: DesiredState, actual: Actual, now: datetime) -> list[tuple[str, Verdict]]:
    """Judge the pool's instances without a record; a limit stops before it acts."""
    recorded = {record.id for record in actual.records}
    alive = [
        machine
        for machine in actual.machines.values()
        if machine.state.alive and ownership.proven(machine, actual.template_ids)
    ]
    stray = [machine for machine in alive if machine.id not in recorded and aged(machine, now, UNRECORDED_GRACE)]
    kept: list[tuple[str, Verdict]] = [(machine.id, skip_reasons.PROTECTED) for machine in stray if machine.protected]
    due = [machine for machine in stray if not machine.protected]
    if not actual.records and len(alive) > 1:
        return [*kept, *((machine.id, skip_reasons.EMPTIED) for machine in due)]
    if restore := actual.restore:
        # Provision records late, and cannot at all until the table is there.
        lost = [machine for machine in due if aged(machine, restore.made_at + UNRECORDED_GRACE, timedelta())]
        kept += [(machine.id, restore.lost) for machine in lost]
        due = [machine for machine in due if machine not in lost]
    if len(due) + _adopted_and_alive(actual.machines, actual.records) > unexpected_limit(desired, len(alive)):
        return [*kept, *((machine.id, skip_reasons.UNRECORDED) for machine in due)]
    adopted = [Adopt(each.id, each.tags.get(names.INITIAL_RUN_TAG, ""), now, each.launched_at) for each in due]
    return [*kept, *((each.id, each) for each in adopted)]


def unexpected_limit(desired: DesiredState, living: int) -> int:
    """How many instances without a record may be ended at once: as asked for, else a fifth of the living or one."""
    if desired.max_unexpected_terminations is not None:
        return desired.max_unexpected_terminations
    return max(1, int(living * LARGEST_UNEXPECTED_SHARE))


def _adopted_and_alive(machines: Mapping[str, Machine], found: Iterable[records.Instance | records.Unreadable]) -> int:
    """Count what was adopted and has not ended yet: a rerun must not adopt as many again."""
    return sum(
        isinstance(record, records.Instance)
        and ("endedReason", Reason.UNRECORDED.value) in record.ended
        and record.id in machines
        and machines[record.id].state.alive
        for record in found
    )


def _plan(verdicts: Iterable[tuple[str, Verdict]], skewed: str | None) -> Plan[CollectorChange]:
    marks: list[Mark] = []
    adoptions: list[Adopt] = []
    terminations: list[Terminate] = []
    cleanings: list[Clean] = []
    left: dict[Doubt, list[str]] = {}
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
            case Doubt():
                left.setdefault(verdict, []).append(identifier)
            case None:
                pass
            case _:
                assert_never(verdict)
    judged_by_our_clock: tuple[CollectorChange, ...] = () if skewed else (*marks, *adoptions)
    failing = [doubt.about(ids) for doubt, ids in left.items() if doubt.fails]
    return Plan(
        (*judged_by_our_clock, *terminations, *cleanings),
        warnings=tuple(doubt.about(ids) for doubt, ids in left.items() if not doubt.fails),
        refusals=(*([skewed] if skewed else []), *failing),
    )


def _skewed(skew: timedelta) -> str:
    seconds = int(abs(skew).total_seconds())
    side = "behind" if skew > timedelta() else "ahead of"
    return (
        f"this machine's clock is {seconds} s {side} AWS's, so no instance was marked or adopted by it. "
        "Set the runner's clock."
    )


def _unlisted(error: errors.Unavailable, unanswered: Iterable[str]) -> str:
    left = f" It had no answer for {enumerated(sorted(unanswered))}, which were left alone." if unanswered else ""
    return (
        f"EC2 did not list the pool's instances ({error.operation}: {error.code}), as while a zone is disrupted, so "
        f"the recorded ones were asked for by their ids.{left} Instances without a record were not looked at. The "
        "next run looks again."
    )
