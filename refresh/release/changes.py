"""The changes that release makes to machines and their records."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar

from attrs import field, frozen

from refresh.engine.change import INSTANCE, MESSAGE, TERMINATED, Change, Difference
from refresh.pool import lifecycle, records
from refresh.text import lasting


class Reason(Enum):
    """Why a machine ends instead of going back to the pool."""

    RECLAIMED = "EC2 takes it back"
    TAKEN_BACK = "EC2 took it back"
    NOT_REUSED = "not to be used again"
    NEVER_RAN = "its provision was not completed"
    GONE = "EC2 has ended it"
    EXPIRED = "its maximum runtime is over"
    UNRECORDED = "launched for this run, but never recorded"


CUT_OFF = "a restart of the machine cut off its job"


@frozen
class _OfMachine(Change):
    """A write to a machine's record."""

    noun: ClassVar[str] = INSTANCE
    label: str
    record: records.InstanceRecord
    at: datetime = field(eq=False)
    """By AWS's clock, when it was planned."""
    cut_off: bool = field(default=False, eq=False, kw_only=True)
    """Whether a restart of the machine has cut off the runner of this label."""

    @property
    def subject(self) -> str:
        return self.record.id

    @property
    def remarks(self) -> str:
        """What has to be said about the machine besides what becomes of it."""
        return CUT_OFF if self.cut_off else ""

    @property
    def lost_job(self) -> bool:
        """Whether a job of this label was cut off."""
        return self.cut_off

    @property
    def worked(self) -> timedelta | None:
        """How long a run had the machine; None if it never ran, or its record does not say since when."""
        since = records.read_time(self.record.updated_at)
        # The clock of the machine that wrote the record may have been ahead of AWS's.
        return max(self.at - since, timedelta()) if since and self.record.state == lifecycle.RUNNING else None

    @property
    def facts(self) -> dict[str, str | int]:
        worked = {"seconds": int(self.worked.total_seconds())} if self.worked is not None else {}
        reason = {"reason": self.remarks} if self.remarks else {}
        return {
            "label": self.label,
            "class": self.record.resource_class,
            "type": self.record.instance_type,
            "usage": self.record.usage_class,
            **worked,
            **reason,
        }

    @property
    def note(self) -> str:
        worked = f"worked {lasting(self.worked)}" if self.worked is not None else ""
        record = self.record
        listed = (record.resource_class, record.instance_type, record.usage_class, worked, self.remarks)
        return ", ".join(filter(None, listed))


@frozen
class GiveBack(_OfMachine):
    """Set the record to `idle`, if it still is as judged: the agent deregisters, and any run may claim the machine."""

    verb: ClassVar[str] = "release"
    done: ClassVar[str] = "released"
    threshold: datetime = field(eq=False)

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("state", self.record.state, lifecycle.IDLE),)


@frozen
class Retire(_OfMachine):
    """Phase one of an end: remove the record's label, and set its threshold into the past so that the agent ends it."""

    verb: ClassVar[str] = "retire"
    done: ClassVar[str] = "retired"
    sign: ClassVar[str] = "-"
    reason: Reason
    reclaimed_at: datetime | None = field(default=None, eq=False)
    """When EC2 takes the machine back, or did."""

    @property
    def remarks(self) -> str:
        at = f" at {records.wire_time(self.reclaimed_at)}" if self.reclaimed_at else ""
        lost = "; a job that ran on it was cut off" if self._taken_back else ""
        return "; ".join(filter(None, (f"{self.reason.value}{at}{lost}", super().remarks)))

    @property
    def lost_job(self) -> bool:
        return super().lost_job or self._taken_back

    @property
    def _taken_back(self) -> bool:
        return self.reason is Reason.TAKEN_BACK


@frozen
class Terminate(Change):
    """Phase two: terminate the machine in EC2."""

    noun: ClassVar[str] = INSTANCE
    verb: ClassVar[str] = "terminate"
    done: ClassVar[str] = TERMINATED
    sign: ClassVar[str] = "-"
    id: str
    label: str = field(eq=False)
    reason: Reason | None = field(default=None, eq=False)
    """None if an earlier release retired it."""

    @property
    def subject(self) -> str:
        return self.id

    @property
    def facts(self) -> dict[str, str | int]:
        return {"label": self.label, "reason": self.note}

    @property
    def note(self) -> str:
        return self.reason.value if self.reason else "its record was closed"


@frozen
class Offer(Change):
    """Send the message by which the original's `provision` finds the machine, and note that in the record."""

    noun: ClassVar[str] = MESSAGE
    verb: ClassVar[str] = "send"
    done: ClassVar[str] = "sent"
    sign: ClassVar[str] = "+"
    record: records.InstanceRecord
    at: datetime = field(eq=False)

    @property
    def subject(self) -> str:
        return self.record.id


ReleaseChange = GiveBack | Retire | Terminate | Offer
