"""The changes that the warm pool makes to machines, their records and its item."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from attrs import field, frozen

from refresh.engine.change import INSTANCE, Change, Difference
from refresh.pool import lifecycle, records
from refresh.pool.launch import LaunchedInstance
from refresh.pool.records import InstanceRecord
from refresh.pool.usage import UsageClass
from refresh.pool.warm_pool_item import Pending, WarmState
from refresh.text import lasting

Facts = dict[str, str | int]


@frozen
class _OfWaiting(Change):
    """A write to the record of a machine that waits for a run."""

    noun: ClassVar[str] = INSTANCE
    record: InstanceRecord
    threshold: datetime = field(eq=False)
    at: datetime = field(eq=False)
    """By AWS's clock, when it was planned."""

    @property
    def subject(self) -> str:
        return self.record.id

    @property
    def facts(self) -> Facts:
        return _kind(self.record.resource_class, self.record)

    @property
    def note(self) -> str:
        left = f"{lasting(self.record.expires - self.at)} left" if self.record.expires else ""
        return ", ".join(filter(None, (self.record.resource_class, self.record.instance_type, left)))


@frozen
class Promote(_OfWaiting):
    """Set a machine that has booted to `idle`: from now on it waits for a run."""

    verb: ClassVar[str] = "ready"
    done: ClassVar[str] = "readied"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (
            Difference("state", self.record.state, lifecycle.IDLE),
            Difference("threshold", self.record.threshold, records.wire_time(self.threshold)),
        )


@frozen
class Keep(_OfWaiting):
    """Give an idle machine more time, if it still is as read."""

    verb: ClassVar[str] = "keep"
    done: ClassVar[str] = "kept"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("threshold", self.record.threshold, records.wire_time(self.threshold)),)


@frozen
class Launch(Change):
    """Ask EC2 for machines that wait for a run."""

    noun: ClassVar[str] = "warm_fleet"
    verb: ClassVar[str] = "launch"
    done: ClassVar[str] = "asked_for"
    sign: ClassVar[str] = "+"
    resource_class: str
    number: int
    usage_class: UsageClass
    # Not compared: the token and the time of a plan are others than those of the run.
    pending: Pending = field(eq=False)
    price: Decimal | None = field(default=None, eq=False)
    """What one costs per hour."""
    again: bool = False
    """Whether an earlier run has begun this launch, and was killed."""

    @property
    def subject(self) -> str:
        return f"{self.number} {self.usage_class.value} {self.resource_class}"

    @property
    def note(self) -> str:
        if self.again:
            return f"an earlier run began it at {records.wire_time(self.pending.at)}"
        return "" if self.price is None else f"{self.number * self.price} per hour"

    @property
    def facts(self) -> Facts:
        return {"label": self.pending.label, "class": self.resource_class, "usage": self.usage_class.value}


@frozen
class Record(Change):
    """Write the first record of a machine that was launched to wait for a run."""

    noun: ClassVar[str] = INSTANCE
    verb: ClassVar[str] = "record"
    done: ClassVar[str] = "launched"
    sign: ClassVar[str] = "+"
    resource_class: str
    instance: LaunchedInstance
    launched_at: datetime = field(eq=False)
    threshold: datetime = field(eq=False)
    at: datetime = field(eq=False)

    @property
    def subject(self) -> str:
        return self.instance.id

    @property
    def facts(self) -> Facts:
        return _kind(self.resource_class, self.instance)

    @property
    def note(self) -> str:
        return ", ".join(filter(None, (self.resource_class, self.instance.instance_type, self.instance.usage_class)))


@frozen
class WriteState(Change):
    """Write the item, if it still is as read."""

    noun: ClassVar[str] = "warm_pool"
    verb: ClassVar[str] = "write"
    done: ClassVar[str] = "written"
    before: Mapping[str, Any] | None = field(eq=False)
    """The stored value in DynamoDB's low-level form."""
    state: WarmState = field(eq=repr)
    why: str = ""

    @property
    def subject(self) -> str:
        return ""

    @property
    def note(self) -> str:
        return self.why


WarmChange = Promote | Keep | Launch | Record | WriteState


def _kind(resource_class: str, machine: InstanceRecord | LaunchedInstance) -> Facts:
    return {"class": resource_class, "type": machine.instance_type, "usage": machine.usage_class}
