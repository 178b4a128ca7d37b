"""The items of the state table and their exact wire form, as docs/table.md has them.

Attributes have DynamoDB's low-level form, `{"S": "text"}`. Reading is lenient, since instances write to this table
too: an item that cannot be read becomes `Unreadable`, never an exception and never a reason to end an instance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen

from refresh.pool import names

Item = dict[str, Any]
"""An item: attribute names and low-level values."""

METADATA = "METADATA"
INSTANCE = "INSTANCE"
HEARTBEAT = "HEARTBEAT"
SIGNAL = "WS"
AGENT = "AGENT"
"""What an agent reports; its key has another part, see `signals.agent_entity`."""
HISTORY = "HISTORY"
SETTINGS = "SETTINGS"
RUN = "RUN"

SERVER_ATTRIBUTE = "server"
"""The attribute of the item `pool` for the GitHub server of the repository."""
TIME_TO_LIVE_ATTRIBUTE = "expiresAt"
HISTORY_LIFETIME = timedelta(days=30)
RUN_LIFETIME = timedelta(days=30)

TERMINATED = "terminated"
LIVING_STATES = frozenset((CREATED := "created", RUNNING := "running", IDLE := "idle", CLAIMED := "claimed"))

LARGEST_COUNT = 10**9
"""No number of machines or of seconds is larger; a larger one in the table cannot be computed with as a time."""
INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")
_WIRE_TIME = "%Y-%m-%dT%H:%M:%SZ"
_WIRE_TIME_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z")


def wire_time(moment: datetime) -> str:
    """Write a time in the table's form: UTC, whole seconds, comparable as a string."""
    return moment.astimezone(UTC).strftime(_WIRE_TIME)


def read_time(text: str) -> datetime | None:
    """Read the form of `wire_time`; None for any other, which would not compare as a string."""
    if not _WIRE_TIME_SHAPE.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def read_moment(value: object) -> datetime | None:
    """Read a time as AWS and GitHub write it, ISO 8601 with a zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def to_wire(value: object) -> dict[str, Any]:
    """Write a value in DynamoDB's low-level form: text S, truth BOOL, whole number N, sequence L, mapping M."""
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case Mapping():
            return {"M": {key: to_wire(member) for key, member in value.items()}}
        case list() | tuple():
            return {"L": [to_wire(member) for member in value]}
        case _:
            raise TypeError(f"no wire form for {type(value).__name__}")


def text(container: Mapping[str, Any], name: str) -> str | None:
    """Read a string attribute; None if it is absent or of another type."""
    content = _content(container, name, "S")
    return content if isinstance(content, str) else None


def mapping(container: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Read a map attribute; empty if it is absent or of another type."""
    content = _content(container, name, "M")
    return content if isinstance(content, Mapping) else {}


def number(container: Mapping[str, Any], name: str) -> int | None:
    """Read a whole number; None if it is absent, of another type or not whole."""
    content = _content(container, name, "N")
    return int(content) if isinstance(content, str) and re.fullmatch(r"-?[0-9]{1,38}", content) else None


def count(container: Mapping[str, Any], name: str) -> int:
    """Read a whole number from 0 to `LARGEST_COUNT`; 0 if it is absent or of another type."""
    return min(max(number(container, name) or 0, 0), LARGEST_COUNT)


def truth(container: Mapping[str, Any], name: str) -> bool | None:
    """Read a boolean; None if it is absent or of another type."""
    content = _content(container, name, "BOOL")
    return content if isinstance(content, bool) else None


def _content(container: Mapping[str, Any], name: str, kind: str) -> object:
    value = container.get(name)
    return value.get(kind) if isinstance(value, Mapping) else None


def key(entity: str, identifier: str) -> Item:
    """Return the key of an item."""
    return {"PK": {"S": names.partition_key(entity)}, "SK": {"S": names.sort_key(identifier)}}


def item(entity: str, identifier: str, updated_at: datetime, **attributes: object) -> Item:
    """Write an item with the attributes that every item has."""
    return {
        **key(entity, identifier),
        **{
            name: to_wire(value)
            for name, value in {
                "entityType": entity,
                "identifier": identifier,
                **attributes,
                "updatedAt": wire_time(updated_at),
            }.items()
        },
    }


def expiry(moment: datetime) -> int:
    """Write a time as the time-to-live attribute: whole epoch seconds."""
    return int(moment.timestamp())


@frozen(kw_only=True)
class InstanceRecord:
    """The record of an instance as `provision`, `release` and `refresh` write it."""

    id: str
    state: str
    run_id: str | None
    """None if the attribute is absent, "" if no run has the instance."""
    threshold: str | None
    """As written, also if unreadable: a condition must name exactly what was read."""
    updated_at: str = ""
    resource_class: str = ""
    instance_type: str = ""
    usage_class: str = ""
    last_run_id: str = ""
    """The label that the instance was released from last, by our `release`."""
    released_at: str = ""
    fresh_for: str = ""
    """Equals `threshold` while the instance has never served a job."""
    offered_for: str = ""
    """The threshold for which a message to the original's `provision` was sent."""
    template_version: str = ""
    """The version of the launch template that the instance was launched from, by our `provision`."""
    launched_at: str = ""
    """When it was launched; written with its first record, but for machines of the original's `provision`."""
    busy_seconds: int = 0
    """For how long runs had it, up to the last write of a record that a run had; see `lifecycle.busy`."""
    cut_off: str = ""
    """The label of a run whose job was cut off on it: its runner by a restart, or the machine by EC2."""
    ended: tuple[tuple[str, str], ...] = ()
    """What a mark recorded: `endedState`, `endedRunId`, `endedThreshold`, `endedReason`, `endedBy`."""

    @property
    def expires(self) -> datetime | None:
        """The threshold as a time; None if it is absent or unreadable."""
        return read_time(self.threshold or "")

    @property
    def marked_at(self) -> datetime | None:
        """When a `terminated` record was marked: its mark wrote both times."""
        return read_time(self.updated_at) or self.expires


@frozen
class Unreadable:
    """An INSTANCE item that cannot be judged, and why."""

    id: str
    """From its key; may be no instance id."""
    problem: str


ENDED_ATTRIBUTES = ("endedState", "endedRunId", "endedThreshold", "endedReason", "endedBy")
DOOR_ATTRIBUTES = (
    *("lastRunId", "releasedAt", "freshFor", "offeredFor", "templateVersion"),
    *("launchedAt", "busySeconds", "cutOff"),
)
"""Optional attributes that the original action neither writes nor reads."""
INSTANCE_ATTRIBUTES = (
    *("SK", "state", "runId", "threshold", "updatedAt", "resourceClass", "instanceType", "usageClass"),
    *DOOR_ATTRIBUTES,
    *ENDED_ATTRIBUTES,
)
"""The attributes of a record: those that are judged or kept as history."""
HISTORY_ATTRIBUTES = (
    *("SK", "updatedAt", "endedAt", "resourceClass", "instanceType", "usageClass"),
    *("launchedAt", "busySeconds", "templateVersion", "cutOff"),
    *ENDED_ATTRIBUTES,
)
"""The attributes of a HISTORY item, but for `expiresAt`."""

_ID = names.sort_key("")
_LONGEST_SHOWN = 40


def identifier_of(wire: Mapping[str, Any]) -> str:
    """Read the identifier of an item; the sort key itself if it is not `ID#` and an identifier."""
    sort_key = text(wire, "SK") or ""
    return sort_key[len(_ID) :] if sort_key.startswith(_ID) else f"(key {sort_key[:_LONGEST_SHOWN]!r})"


def entity_of(wire: Mapping[str, Any]) -> str:
    """Read the entity of an item from its partition key."""
    return (text(wire, "PK") or "").removeprefix(names.partition_key(""))


def read_instance(wire: Mapping[str, Any]) -> InstanceRecord | Unreadable:
    """Read an INSTANCE item, or name its problem."""
    identifier = identifier_of(wire)
    if not INSTANCE_ID.fullmatch(identifier):
        return Unreadable(identifier, "its identifier is not an instance id")
    state = text(wire, "state")
    if state not in LIVING_STATES and state != TERMINATED:
        return Unreadable(identifier, "its state is unknown" if state else "it has no state")
    for name in ("runId", "threshold"):
        if name in wire and text(wire, name) is None:
            return Unreadable(identifier, f"its {name} is not a string")
    return InstanceRecord(
        id=identifier,
        state=state,
        run_id=text(wire, "runId"),
        threshold=text(wire, "threshold"),
        updated_at=text(wire, "updatedAt") or "",
        resource_class=text(wire, "resourceClass") or "",
        instance_type=text(wire, "instanceType") or "",
        usage_class=text(wire, "usageClass") or "",
        last_run_id=text(wire, "lastRunId") or "",
        released_at=text(wire, "releasedAt") or "",
        fresh_for=text(wire, "freshFor") or "",
        offered_for=text(wire, "offeredFor") or "",
        template_version=text(wire, "templateVersion") or "",
        launched_at=text(wire, "launchedAt") or "",
        busy_seconds=count(wire, "busySeconds"),
        cut_off=text(wire, "cutOff") or "",
        ended=tuple((name, value) for name in ENDED_ATTRIBUTES if (value := text(wire, name)) is not None),
    )


def history_item(instance: InstanceRecord, ended_at: datetime) -> Item:
    """Write the item that remains of a cleaned-up instance for 30 days."""
    known = {
        "launchedAt": instance.launched_at,
        "templateVersion": instance.template_version,
        "cutOff": instance.cut_off,
    }
    return item(
        HISTORY,
        instance.id,
        ended_at,
        **dict(instance.ended),
        resourceClass=instance.resource_class,
        instanceType=instance.instance_type,
        usageClass=instance.usage_class,
        busySeconds=instance.busy_seconds,
        **{name: value for name, value in known.items() if value},
        endedAt=wire_time(instance.marked_at or ended_at),
        expiresAt=expiry(ended_at + HISTORY_LIFETIME),
    )
