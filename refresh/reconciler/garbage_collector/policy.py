"""What is expired, interrupted or finished: pure rules over the records and what EC2 says.

The way of an instance out of the pool has two phases, and the `terminated` record is the log between them. `Terminate`
is only ever planned for a record that was read back as `terminated`, so a crash at any point is just another
observation.

Nothing alive is marked or terminated without EC2's own proof that it is the pool's: a job on a runner can write
records.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar, assert_never

from attrs import field, frozen

from refresh import records
from refresh.report import Change, Difference, Plan

UNKNOWN_GRACE = timedelta(minutes=10)
"""How old a mark must be before an instance that EC2 does not know counts as gone: EC2 answers late."""

TEMPLATE_TAG = "aws:ec2launchtemplate:id"
SELF_TERMINATION_TAG = "AllowSelfTermination"
INITIAL_RUN_TAG = "InitialRunId"
PROTECTION_TAG = "refresh-action:protect"

_IDS_SHOWN = 10


class Ec2State(Enum):
    """The instance states of EC2, and the one it has no word for.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
    """

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    UNKNOWN = "unknown"

    @property
    def alive(self) -> bool:
        """Whether it can still run a job or cost money for one."""
        return self in (Ec2State.PENDING, Ec2State.RUNNING, Ec2State.STOPPING, Ec2State.STOPPED)


@frozen
class Machine:
    """An instance as EC2 describes it."""

    id: str
    state: Ec2State
    launched_at: datetime | None = None
    tags: Mapping[str, str] = field(factory=dict)

    @property
    def protected(self) -> bool:
        """Whether its owner wants it kept, to look at it."""
        return self.tags.get(PROTECTION_TAG) == "true"


@frozen
class TemplateIds:
    """The pool's launch template in EC2: its id now ("" if there is none) and the ids it had before."""

    current: str = ""
    former: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Every id that instances of this pool may carry."""
        return tuple(filter(None, (self.current, *self.former)))


@frozen
class Actual:
    """EC2's instances by id, read before the records."""

    machines: Mapping[str, Machine] = field(factory=dict)
    records: tuple[records.Instance | records.Unreadable, ...] = ()
    template_ids: TemplateIds = TemplateIds()


class Reason(Enum):
    """Why an instance ends."""

    EXPIRED = "expired"


@frozen
class Mark(Change):
    """Phase one: turn the record into `terminated`, if it still is what was judged."""

    noun: ClassVar[str] = "instance"
    verb: ClassVar[str] = "mark"
    done: ClassVar[str] = "marked"
    record: records.Instance
    reason: Reason
    judged_at: datetime = field(eq=False)

    @property
    def subject(self) -> str:
        return self.record.id

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (
            Difference("state", self.record.state, records.TERMINATED),
            Difference("threshold", self.record.threshold, records.wire_time(self.judged_at)),
        )

    @property
    def note(self) -> str:
        overdue = self.judged_at - (self.record.expires or self.judged_at)
        return f"{self.reason.value} {int(overdue.total_seconds())} s ago"


@frozen
class Terminate(Change):
    """Phase two: end the instance in EC2."""

    noun: ClassVar[str] = "instance"
    verb: ClassVar[str] = "terminate"
    done: ClassVar[str] = "terminated"
    id: str

    @property
    def subject(self) -> str:
        return self.id


@frozen
class Clean(Change):
    """Delete what is left of an ended instance and keep a history item that expires."""

    noun: ClassVar[str] = "instance"
    verb: ClassVar[str] = "clean"
    done: ClassVar[str] = "cleaned"
    record: records.Instance

    @property
    def subject(self) -> str:
        return self.record.id


CollectorChange = Mark | Terminate | Clean


@frozen
class Doubt:
    """Why an instance is left alone although something is due, and what its owner can do."""

    problem: str
    remedy: str


Verdict = Mark | Terminate | Clean | Doubt | None

_UNPROVEN = Doubt(
    "the record names an instance that EC2 does not show to be of this pool",
    "Nothing was done to it. Find out who wrote the record: jobs on a runner can",
)
_PROTECTED = Doubt(
    f"it is due to end but tagged {PROTECTION_TAG}=true",
    "Remove the tag when you are done with it",
)
_UNREADABLE_THRESHOLD = Doubt(
    "its threshold cannot be read", "It never expires by itself: correct or delete the record"
)
_UNDATED = Doubt("EC2 does not know it and its mark has no readable time", "Delete the record")


def expired(record: records.Instance, now: datetime) -> bool:
    """Whether a living record's threshold has passed, in whole seconds as the condition of the mark compares."""
    second = now.replace(microsecond=0)
    return record.state in records.LIVING_STATES and record.expires is not None and record.expires < second


def proven(machine: Machine, template_ids: TemplateIds) -> bool:
    """Whether EC2 itself shows that the instance is this pool's (design: "The garbage collector as a plan").

    Launched from the pool's template; or from one of its former ones, or without any, and tagged as provision tags.
    """
    template_id = machine.tags.get(TEMPLATE_TAG)
    if template_id and template_id == template_ids.current:
        return True
    tagged = machine.tags.get(SELF_TERMINATION_TAG) == "true" and INITIAL_RUN_TAG in machine.tags
    return tagged and (template_id is None or template_id in template_ids.former)


def judge(record: records.Instance, machine: Machine, template_ids: TemplateIds, now: datetime) -> Verdict:
    """Apply the design's table to one record and the instance that it names."""
    verdict = _judge_marked(record, machine, now) if record.state == records.TERMINATED else _judge_living(record, now)
    if isinstance(verdict, Mark | Terminate) and machine.state.alive:
        if not proven(machine, template_ids):
            return _UNPROVEN
        if machine.protected:
            return _PROTECTED
    return verdict


def plan(actual: Actual, now: datetime) -> Plan[CollectorChange]:
    """Judge every record; changes come in the order mark, terminate, clean."""
    marks: list[Mark] = []
    terminations: list[Terminate] = []
    cleanings: list[Clean] = []
    doubts: dict[Doubt, list[str]] = {}
    for record in actual.records:
        if isinstance(record, records.Unreadable):
            doubts.setdefault(Doubt(record.problem, "It was skipped: correct or delete the record"), []).append(
                record.identifier or "(no identifier)"
            )
            continue
        machine = actual.machines.get(record.id, Machine(record.id, Ec2State.UNKNOWN))
        match judge(record, machine, actual.template_ids, now):
            case Mark() as mark:
                marks.append(mark)
            case Terminate() as termination:
                terminations.append(termination)
            case Clean() as cleaning:
                cleanings.append(cleaning)
            case Doubt() as doubt:
                doubts.setdefault(doubt, []).append(record.id)
            case None:
                pass
            case other:
                assert_never(other)
    return Plan((*marks, *terminations, *cleanings), tuple(_warning(doubt, ids) for doubt, ids in doubts.items()))


def _judge_living(record: records.Instance, now: datetime) -> Verdict:
    if expired(record, now):
        return Mark(record, Reason.EXPIRED, now)
    if record.threshold and record.expires is None:
        return _UNREADABLE_THRESHOLD
    return None


def _judge_marked(record: records.Instance, machine: Machine, now: datetime) -> Verdict:
    match machine.state:
        case Ec2State.TERMINATED:
            return Clean(record)
        case Ec2State.SHUTTING_DOWN:
            # A dying instance still beats: its artifacts would come back.
            return None
        case Ec2State.UNKNOWN:
            if record.marked_at is None:
                return _UNDATED
            return Clean(record) if now - record.marked_at > UNKNOWN_GRACE else None
        case _:
            return Terminate(record.id)


def _warning(doubt: Doubt, ids: list[str]) -> str:
    shown = ", ".join(ids[:_IDS_SHOWN]) + (f" and {len(ids) - _IDS_SHOWN} more" if len(ids) > _IDS_SHOWN else "")
    return f"{shown}: {doubt.problem}. {doubt.remedy}."
