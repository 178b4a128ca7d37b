"""DynamoDB: reads the whole pool, and takes the label of the run, all at once; and reads single machines later.

This module imports little, so that AWS answers while the rest of the program is loaded.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import frozen

from refresh import errors
from refresh.desired import Mode
from refresh.dynamodb import door_settings, items
from refresh.pool import lifecycle, names, records, runs
from refresh.pool.signals import read_beat, read_signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Executor, Future
    from datetime import datetime

    from refresh.desired import DesiredProvision
    from refresh.pool.settings import Settings
    from refresh.pool.signals import Signal
    from refresh.ports import Clock, DoorClients

_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    records.INSTANCE: ("PK", *records.INSTANCE_ATTRIBUTES),
    records.HEARTBEAT: ("PK", "SK", "updatedAt"),
    records.SIGNAL: ("PK", "SK", "value", "updatedAt"),
}
"""What is read of each machine, by kind of item."""
_AFTER = lifecycle.BOOTS_WITHIN + timedelta(minutes=2)
"""How long after its timeout a provision has ended for certain."""


@frozen(kw_only=True)
class Reads:
    """Reads of the whole pool that are under way."""

    settings: Future[records.Item]
    items: Mapping[str, Future[list[records.Item]]]
    """By kind of item."""


@frozen(kw_only=True)
class First:
    """The first calls, which are under way."""

    reads: Reads
    request: runs.RunRequest
    lease: Future[None] | None
    """The write that takes the label; None if it is not sent yet."""


@frozen(kw_only=True)
class Machines:
    """What the table holds of machines."""

    records: Mapping[str, records.InstanceRecord | records.Unreadable]
    signals: Mapping[str, Signal]
    beats: Mapping[str, datetime]


def first(desired: DesiredProvision, clients: DoorClients, clock: Clock, executor: Executor) -> First:
    """Start all first calls, without waiting."""
    table, now = names.table(desired.repository), clock.now()
    request = runs.RunRequest(
        label=desired.label,
        resource_class=desired.resource_class,
        usage_class="any" if len(desired.usage_classes) > 1 else desired.usage_classes[0].value,
        count=desired.count,
        instance_types=desired.instance_types,
        max_runtime=desired.max_runtime or timedelta(),
        reuse=desired.reuse,
        attempt=desired.attempt,
        link=desired.run_url,
        holder=uuid.uuid4().hex,
        deadline=now + desired.timeout + _AFTER,
    )
    # Nothing may be written into an account that its user did not list; STS has not been asked yet.
    at_once = desired.mode is Mode.APPLY and not desired.allowed_account_ids
    return First(
        reads=start(desired, clients, executor),
        request=request,
        lease=executor.submit(_take, clients, table, request, now) if at_once else None,
    )


def start(desired: DesiredProvision, clients: DoorClients, executor: Executor) -> Reads:
    """Start reading the whole pool, without waiting."""
    table, dynamodb = names.table(desired.repository), clients.dynamodb
    entity, identifier = door_settings.KEY

    def settings() -> records.Item:
        found = dynamodb.get_item(TableName=table, Key=records.key(entity, identifier), ConsistentRead=True)
        return dict(found.get("Item", {}))

    def of(kind: str, attributes: Iterable[str]) -> Future[list[records.Item]]:
        return executor.submit(lambda: list(items.of_entity(dynamodb, table, kind, attributes)))

    return Reads(settings=executor.submit(settings), items={kind: of(kind, read) for kind, read in _ATTRIBUTES.items()})


def read(desired: DesiredProvision, reads: Reads) -> tuple[Settings, Machines]:
    """Return what the reads found; raises `Refused` if the pool has no settings, or belongs to another repository."""
    try:
        item = reads.settings.result()
    except errors.NotFound:
        raise door_settings.no_table(desired) from None
    settings = door_settings.read(desired, item, "provision")
    return settings, _machines({kind: future.result() for kind, future in reads.items.items()})


def require_lease(desired: DesiredProvision, clients: DoorClients, clock: Clock, calls: First) -> None:
    """Take the label; raises `Refused` if another provision has it."""
    table = names.table(desired.repository)
    try:
        if calls.lease:
            calls.lease.result()
        elif desired.mode is Mode.APPLY:
            _take(clients, table, calls.request, clock.now())
    except errors.ConditionFailed:
        # The answer of a put that was repeated may be about itself.
        require_label(desired, clients, calls.request.holder)


def require_label(desired: DesiredProvision, clients: DoorClients, holder: str) -> None:
    """Raise `Refused` if another provision has the label: its machines are not this run's to give up."""
    table, key = names.table(desired.repository), records.key(records.RUN, desired.label)
    found = clients.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
    known = runs.from_item(dict(found.get("Item", {})))
    if known.holder != holder:
        raise _taken(desired, known)


def machines(desired: DesiredProvision, clients: DoorClients, clock: Clock, identifiers: Iterable[str]) -> Machines:
    """Read single machines as they are now."""
    keys = [(kind, identifier) for identifier in identifiers for kind in _ATTRIBUTES]
    found = items.by_key(clients.dynamodb, clock, names.table(desired.repository), keys)
    by_kind: dict[str, list[records.Item]] = {kind: [] for kind in _ATTRIBUTES}
    for (kind, _), item in found.items():
        by_kind[kind].append(item)
    return _machines(by_kind)


def _machines(by_kind: Mapping[str, Iterable[records.Item]]) -> Machines:
    beats = {records.identifier_of(each): read_beat(each) for each in by_kind[records.HEARTBEAT]}
    return Machines(
        records={records.identifier_of(each): records.read_instance(each) for each in by_kind[records.INSTANCE]},
        signals={records.identifier_of(each): read_signal(each) for each in by_kind[records.SIGNAL]},
        beats={identifier: beat for identifier, beat in beats.items() if beat is not None},
    )


def _take(clients: DoorClients, table: str, request: runs.RunRequest, now: datetime) -> None:
    clients.dynamodb.put_item(**runs.lease(table, request, now))


def _taken(desired: DesiredProvision, holder: runs.ProvisionedRun) -> errors.Refused:
    newer = holder.attempt > desired.attempt
    who = f"attempt {holder.attempt} of this run" if newer else "another job of this run"
    remedy = (
        "Nothing is left to do here."
        if newer
        else "Give each provision of a run a name of its own, and let its jobs ask for that label."
    )
    at = f" ({holder.link})" if holder.link else ""
    return errors.Refused(f"name: {who} provides machines for the label {desired.label} already{at}. {remedy}")
