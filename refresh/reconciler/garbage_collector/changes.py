"""The changes that the collector makes to instances and their items."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import ClassVar

from attrs import field, frozen

from refresh.engine.change import INSTANCE, MARKED, TERMINATED, Change, Difference
from refresh.pool import records
from refresh.pool.snapshot import ABANDONED
from refresh.text import lasting


class Reason(Enum):
    """Why an instance ends."""

    EXPIRED = "expired"
    VANISHED = "vanished"
    AGED = "aged"
    UNRECORDED = "unrecorded"
    ABANDONED = ABANDONED


@frozen
class Mark(Change):
    """Phase one: set the record to `terminated`, if it is still as judged."""

    noun: ClassVar[str] = INSTANCE
    verb: ClassVar[str] = "mark"
    done: ClassVar[str] = MARKED
    sign: ClassVar[str] = "-"
    record: records.InstanceRecord
    reason: Reason
    judged_at: datetime = field(eq=False)
    launched_at: datetime | None = field(default=None, eq=False)
    completed_at: datetime | None = field(default=None, eq=False)
    """When its run was completed, if it is for that."""

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
        if self.reason is Reason.EXPIRED and self.record.expires:
            return f"expired {lasting(self.judged_at - self.record.expires)} ago"
        if self.reason is Reason.AGED and self.launched_at:
            return f"aged, launched {lasting(self.judged_at - self.launched_at)} ago"
        if self.reason is Reason.ABANDONED and self.completed_at:
            return f"abandoned, its run was completed {lasting(self.judged_at - self.completed_at)} ago"
        return self.reason.value

    @property
    def facts(self) -> dict[str, str | int]:
        overdue = self.judged_at - self.record.expires if self.record.expires else timedelta()
        return {
            "reason": self.reason.value,
            "state": self.record.state,
            "class": self.record.resource_class,
            "run_id": self.record.run_id or "",
            "overdue_seconds": max(0, int(overdue.total_seconds())),
        }


@frozen
class Adopt(Change):
    """Phase one for an instance without a record: put a `terminated` record, if there still is none."""

    noun: ClassVar[str] = INSTANCE
    verb: ClassVar[str] = "adopt"
    done: ClassVar[str] = "adopted"
    sign: ClassVar[str] = "-"
    id: str
    run_id: str
    """The run that provision launched it for; "" without that tag."""
    judged_at: datetime = field(eq=False)
    launched_at: datetime | None = field(eq=False)

    @property
    def subject(self) -> str:
        return self.id

    @property
    def note(self) -> str:
        return (
            f"{Reason.UNRECORDED.value}, launched {lasting(self.judged_at - (self.launched_at or self.judged_at))} ago"
        )

    @property
    def facts(self) -> dict[str, str | int]:
        return {"reason": Reason.UNRECORDED.value, "run_id": self.run_id}


@frozen
class Terminate(Change):
    """Phase two: terminate the instance in EC2."""

    noun: ClassVar[str] = INSTANCE
    verb: ClassVar[str] = "terminate"
    done: ClassVar[str] = TERMINATED
    sign: ClassVar[str] = "-"
    id: str
    record: records.InstanceRecord | None = field(default=None, eq=False)
    """The record as it was marked."""

    @property
    def subject(self) -> str:
        return self.id

    @property
    def note(self) -> str:
        reason = dict(self.record.ended).get("endedReason", "") if self.record else ""
        return f"marked as {reason}" if reason else ""


@frozen
class Clean(Change):
    """Delete the items of an ended instance, and put a history item that expires."""

    noun: ClassVar[str] = INSTANCE
    verb: ClassVar[str] = "clean"
    done: ClassVar[str] = "cleaned"
    sign: ClassVar[str] = "-"
    record: records.InstanceRecord

    @property
    def subject(self) -> str:
        return self.record.id


CollectorChange = Mark | Adopt | Terminate | Clean
