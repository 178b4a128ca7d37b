"""The changes that provision makes to machines and their records."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from attrs import field, frozen

from refresh.engine.change import INSTANCE, Change, Difference
from refresh.pool import lifecycle, records
from refresh.pool.launch import Fleet, LaunchedInstance
from refresh.pool.records import InstanceRecord
from refresh.pool.runs import Answer, RunRequest

Facts = dict[str, str | int]
RUN = "run"
"""The noun of what is written about the run itself."""
FLEET = "fleet"


@frozen
class _OfMachine(Change):
    """A write to a machine's record."""

    noun: ClassVar[str] = INSTANCE
    state: ClassVar[str]
    """The state that it writes."""
    label: str
    record: InstanceRecord
    threshold: datetime = field(eq=False)
    at: datetime = field(eq=False)
    """By AWS's clock, when it was planned."""

    @property
    def subject(self) -> str:
        return self.record.id

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (
            Difference("state", self.record.state, self.state),
            Difference("threshold", self.record.threshold, records.wire_time(self.threshold)),
        )

    @property
    def facts(self) -> Facts:
        return {"label": self.label, **_kind(self.record.resource_class, self.record)}

    @property
    def note(self) -> str:
        return _listed(_kind(self.record.resource_class, self.record))


@frozen
class Claim(_OfMachine):
    """Take an idle machine for the label, if its record is as read: the agent registers it on GitHub."""

    verb: ClassVar[str] = "claim"
    done: ClassVar[str] = "claimed"
    state: ClassVar[str] = lifecycle.CLAIMED


@frozen
class Start(_OfMachine):
    """Set a registered machine to `running`: from now on it has the maximum runtime."""

    verb: ClassVar[str] = "start"
    done: ClassVar[str] = "started"
    state: ClassVar[str] = lifecycle.RUNNING


@frozen
class Renew(_OfMachine):
    """Give a machine that the label has already the whole maximum runtime."""

    verb: ClassVar[str] = "renew"
    done: ClassVar[str] = "renewed"
    state: ClassVar[str] = lifecycle.RUNNING


@frozen
class Launch(Change):
    """Ask EC2 for a fleet."""

    noun: ClassVar[str] = FLEET
    verb: ClassVar[str] = "launch"
    done: ClassVar[str] = "asked_for"
    sign: ClassVar[str] = "+"
    fleet: Fleet

    @property
    def subject(self) -> str:
        return f"{self.fleet.count} {self.fleet.usage_class.value}"

    @property
    def note(self) -> str:
        return f"{self.fleet.cpu} vCPU, {self.fleet.memory_mib} MiB, {' '.join(self.fleet.instance_types)}"


@frozen
class Record(Change):
    """Write the first record of a machine that was launched for the label."""

    noun: ClassVar[str] = INSTANCE
    verb: ClassVar[str] = "record"
    done: ClassVar[str] = "launched"
    sign: ClassVar[str] = "+"
    label: str
    resource_class: str
    instance: LaunchedInstance
    threshold: datetime = field(eq=False)
    at: datetime = field(eq=False)

    @property
    def subject(self) -> str:
        return self.instance.id

    @property
    def launched_at(self) -> datetime:
        """When EC2 launched it: just now, unless an earlier provision did not record it."""
        return self.instance.launched_at or self.at

    @property
    def facts(self) -> Facts:
        return {"label": self.label, **_kind(self.resource_class, self.instance)}

    @property
    def note(self) -> str:
        return _listed(_kind(self.resource_class, self.instance))


@frozen
class GiveUp(Change):
    """Take the label from a machine as release does: it goes back to the pool, or ends."""

    noun: ClassVar[str] = INSTANCE
    verb: ClassVar[str] = "give up"
    done: ClassVar[str] = "given_up"
    sign: ClassVar[str] = "-"
    id: str
    back: bool
    """Whether a claimed machine goes back to the pool; false for one that does not work."""
    why: str = field(eq=False)

    @property
    def subject(self) -> str:
        return self.id

    @property
    def note(self) -> str:
        return self.why


@frozen
class Conclude(Change):
    """Write the result into the run's item."""

    noun: ClassVar[str] = RUN
    verb: ClassVar[str] = "conclude"
    done: ClassVar[str] = "concluded"
    request: RunRequest
    result: str
    at: datetime = field(eq=False)
    answer: Answer = field(factory=Answer, eq=False)
    """What is kept of it for the history."""

    @property
    def subject(self) -> str:
        return self.request.label

    @property
    def note(self) -> str:
        return self.result


def _kind(resource_class: str, machine: InstanceRecord | LaunchedInstance) -> dict[str, str]:
    return {"class": resource_class, "type": machine.instance_type, "usage": machine.usage_class}


def _listed(kind: dict[str, str]) -> str:
    """List what is known of the machine: EC2's answer may lack its type."""
    return ", ".join(filter(None, kind.values()))


ProvisionChange = Claim | Start | Renew | Launch | Record | GiveUp | Conclude
