"""The agents of all machines of a pool, simulated by one thread: they beat, and register for the run that they get."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self

from attrs import define, evolve, field

from refresh.pool import lifecycle, names, records, signals
from refresh.pool.batches import batches
from refresh.pool.signals import Signal
from tests.fakes import instance_items
from tests.fakes.runner_role import ROLE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from refresh.pool.records import InstanceRecord, Item
    from tests.fakes.aws_server import AwsServer

REGISTERS, SCRIPT_FAILS, REGISTRATION_FAILS = signals.REGISTERED, signals.SCRIPT_FAILED, signals.REGISTRATION_FAILED
NEVER = ""
"""The fate of a machine that never registers."""
_TURN = 0.02
"""Seconds between two looks at the table."""
_BEATS_EVERY = timedelta(seconds=3)
_PER_WRITE = 25


class Table(Protocol):
    """The pool's table, as far as agents need it."""

    def items(self, entity: str) -> Sequence[Item]:
        """Give all items of a kind."""

    def put(self, items: Sequence[Item]) -> None:
        """Write items."""


@define
class OnServer:
    """The table in this process's stand-in for AWS: agents make no calls there that a test would count."""

    aws: AwsServer
    name: str

    def items(self, entity: str) -> Sequence[Item]:
        """See `Table`."""
        return self.aws.items(self.name, names.partition_key(entity))

    def put(self, items: Sequence[Item]) -> None:
        """See `Table`."""
        self.aws.put(self.name, items)


@define
class OnEndpoint:
    """The table on another server, such as DynamoDB Local."""

    dynamodb: Any
    name: str

    def items(self, entity: str) -> Sequence[Item]:
        """See `Table`."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.name,
            ConsistentRead=True,
            KeyConditionExpression="PK = :entity",
            ExpressionAttributeValues={":entity": {"S": names.partition_key(entity)}},
        )
        return [item for page in pages for item in page["Items"]]

    def put(self, items: Sequence[Item]) -> None:
        """See `Table`."""
        for some in batches(items, _PER_WRITE):
            self.dynamodb.batch_write_item(RequestItems={self.name: [{"PutRequest": {"Item": item}} for item in some]})


@define(eq=False)
class Agents:
    """Acts for every machine that has a record, from the beginning of a `with` block to its end."""

    table: Table
    role_id: str = ROLE_ID
    """The id of the role that the machines have."""
    original_modes: bool = True
    """Whether the agents write for the original action, too."""
    fate: Callable[[InstanceRecord], str] = lambda _: REGISTERS
    """What becomes of a machine that has to register: the state that its agent reports, or `NEVER`."""
    delay: float = 0.0
    """Seconds until it is reported."""
    dead: set[str] = field(factory=set)
    """Machines whose agents do not work."""
    ahead: timedelta = timedelta()
    """How far in the future heartbeats are dated: a test that overloads the machine must not make them stale."""
    turns: int = 0
    """How often all machines were looked at."""
    longest: float = 0.0
    """The most seconds between two turns, by which an overloaded machine delays what agents write."""
    _signals: dict[str, Signal | None] = field(factory=dict)
    """The last signal of each machine; None if it has given none."""
    _beats: dict[str, datetime] = field(factory=dict)
    _since: dict[tuple[str, str], float] = field(factory=dict)
    """When a machine was first seen with a label."""
    _ended: threading.Event = field(factory=threading.Event)
    _failure: list[Exception] = field(factory=list)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._failure:
            raise self._failure[0]

    def _work(self) -> None:
        try:
            began_at = time.monotonic()
            while not self._ended.wait(_TURN):
                self._turn()
                self.turns += 1
                last, began_at = began_at, time.monotonic()
                self.longest = max(self.longest, began_at - last)
        except Exception as failure:  # noqa: BLE001 - raised where the thread ends
            self._failure.append(failure)

    def _turn(self) -> None:
        read = map(records.read_instance, self.table.items(records.INSTANCE))
        living = [
            each for each in read if isinstance(each, records.InstanceRecord) and each.state in records.LIVING_STATES
        ]
        now = datetime.now(UTC)
        written = [item for each in living if each.id not in self.dead for item in self._of(each, now)]
        if written:
            self.table.put(written)

    def _of(self, record: InstanceRecord, now: datetime) -> Iterable[Item]:
        """Write what the agent of a machine has to write at this moment."""
        last = self._last(record.id)
        signal = self._due(record, last)
        beats = now - self._beats.get(record.id, now - _BEATS_EVERY) >= _BEATS_EVERY
        if beats:
            self._beats[record.id] = now
            if self.original_modes:
                yield instance_items.heartbeat(record.id, now + self.ahead)
        if signal and signal != last:
            self._signals[record.id] = last = evolve(signal, at=now)
            beats = True
            if self.original_modes:
                yield instance_items.signal(record.id, now, last.state, last.run_id)
        if beats:
            yield self._report(record.id, now, last)

    def _report(self, identifier: str, now: datetime, last: Signal | None) -> Item:
        last = last or Signal("")
        return instance_items.report(
            identifier, now + self.ahead, last.state, last.run_id, signalled_at=last.at, role_id=self.role_id
        )

    def _last(self, identifier: str) -> Signal | None:
        """Return the machine's last signal, which was written before this began if the machine is not new."""
        if identifier not in self._signals:
            found = self.table.items(signals.agent_entity(self.role_id, identifier))
            read = signals.read_reports({(records.entity_of(each), identifier): each for each in found})
            self._signals[identifier] = read[identifier].signal if read else None
        return self._signals[identifier]

    def _due(self, record: InstanceRecord, last: Signal | None) -> Signal | None:
        """Return the signal that the agent has written by now; None for the one that it wrote last."""
        label = record.run_id or ""
        if record.state == lifecycle.IDLE:
            # It leaves the run that it was registered for.
            return Signal(signals.LEFT, last.run_id) if last and last.state == signals.REGISTERED else None
        if record.state not in {lifecycle.CREATED, lifecycle.CLAIMED} or not label:
            return None
        since = self._since.setdefault((record.id, label), time.monotonic())
        fate = self.fate(record)
        return Signal(fate, label) if fate != NEVER and time.monotonic() - since >= self.delay else None
