"""DynamoDB: reads the whole pool, and takes the label of the run, all at once; and later what single agents report.

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
from refresh.pool import lifecycle, names, records, runs, signals

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from concurrent.futures import Executor, Future
    from datetime import datetime

    from refresh.desired import DesiredProvision
    from refresh.pool.settings import Settings
    from refresh.ports import Clock, DoorClients

    Records = Mapping[str, records.InstanceRecord | records.Unreadable]

_ATTRIBUTES = ("PK", *records.INSTANCE_ATTRIBUTES)
_AFTER = lifecycle.BOOTS_WITHIN + timedelta(minutes=2)
"""How long after its timeout a provision has ended for certain."""


@frozen(kw_only=True)
class Reads:
    """Reads of the whole pool that are under way."""

    settings: Future[records.Item]
    records: Future[list[records.Item]]


@frozen(kw_only=True)
class First:
    """The first calls, which are under way."""

    reads: Reads
    request: runs.RunRequest
    lease: Future[runs.ProvisionedRun] | None
    """The write that takes the label, and what its item was before; None if it is not sent yet."""


@frozen(kw_only=True)
class Lease:
    """What the item of the label says of the time before this provision."""

    rescued: bool = False
    """Whether the pool may have changed since it was read, since a refresh had the label."""
    inherits: bool
    """Whether an earlier provision may have left machines to the label."""


@frozen(kw_only=True)
class Machines:
    """What the table holds of machines."""

    records: Records
    reports: Mapping[str, signals.Report]


def first(desired: DesiredProvision, clients: DoorClients, clock: Clock, executor: Executor) -> First:
    """Start all first calls, without waiting."""
    now = clock.now()
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
        asked_at=now,
        rescues=desired.rescues,
    )
    # Nothing may be written into an account that its user did not list; STS has not been asked yet.
    at_once = desired.mode is Mode.APPLY and not desired.allowed_account_ids
    return First(
        reads=start(desired, clients, executor),
        request=request,
        lease=executor.submit(_take, desired, clients, request, now) if at_once else None,
    )


def start(desired: DesiredProvision, clients: DoorClients, executor: Executor) -> Reads:
    """Start reading the whole pool, without waiting."""
    table, dynamodb = names.table(desired.repository), clients.dynamodb
    entity, identifier = door_settings.KEY

    def settings() -> records.Item:
        found = dynamodb.get_item(TableName=table, Key=records.key(entity, identifier), ConsistentRead=True)
        return dict(found.get("Item", {}))

    def instances() -> list[records.Item]:
        return list(items.of_entity(dynamodb, table, records.INSTANCE, _ATTRIBUTES))

    return Reads(settings=executor.submit(settings), records=executor.submit(instances))


def read(desired: DesiredProvision, reads: Reads) -> tuple[Settings, Records]:
    """Return what the reads found; raises `Refused` if the pool has no settings, or belongs to another repository."""
    try:
        item = reads.settings.result()
    except errors.NotFound:
        raise door_settings.no_table(desired) from None
    settings = door_settings.read(desired, item, "provision")
    return settings, {records.identifier_of(each): records.read_instance(each) for each in reads.records.result()}


def require_lease(desired: DesiredProvision, clients: DoorClients, clock: Clock, calls: First) -> Lease:
    """Take the label, unless this is a plan, and return what was known of it before.

    Raises `Taken` if another provision has the label.
    """
    if desired.mode is Mode.PLAN:
        return Lease(inherits=_known(desired, clients).may_leave_machines)
    try:
        before = calls.lease.result() if calls.lease else _take(desired, clients, calls.request, clock.now())
    except errors.ConditionFailed:
        # The answer of a put that was repeated may be about itself. What was there before is lost then, but the first
        # attempt has none before it.
        require_label(desired, clients, calls.request.holder)
        return Lease(rescued=True, inherits=desired.attempt > 1)
    return Lease(rescued=before.rescues > 0, inherits=before.may_leave_machines)


def require_label(desired: DesiredProvision, clients: DoorClients, holder: str) -> None:
    """Raise `Taken` if another provision has the label: its machines are not this run's to give up."""
    known = _known(desired, clients)
    if known.holder != holder:
        raise _taken(desired, known)


def machines(
    desired: DesiredProvision, clients: DoorClients, clock: Clock, role_id: str, identifiers: Collection[str]
) -> Machines:
    """Read records and reports of single machines as they are now; see `dynamodb.reports`."""
    keys = [*((records.INSTANCE, each) for each in identifiers), *signals.keys(role_id, identifiers)]
    found = items.by_key(clients.dynamodb, clock, names.table(desired.repository), keys)
    known = {key: item for key, item in found.items() if key[0] == records.INSTANCE}
    return Machines(
        records={identifier: records.read_instance(item) for (_, identifier), item in known.items()},
        reports=signals.read_reports({key: item for key, item in found.items() if key not in known}),
    )


def _known(desired: DesiredProvision, clients: DoorClients) -> runs.ProvisionedRun:
    table, key = names.table(desired.repository), records.key(records.RUN, desired.label)
    found = clients.dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
    return runs.from_item(dict(found.get("Item", {})))


def _take(
    desired: DesiredProvision, clients: DoorClients, request: runs.RunRequest, now: datetime
) -> runs.ProvisionedRun:
    lease = runs.lease(names.table(desired.repository), request, now)
    answer = clients.dynamodb.put_item(**lease, ReturnValues="ALL_OLD")
    return runs.from_item(answer.get("Attributes", {}))


def _taken(desired: DesiredProvision, holder: runs.ProvisionedRun) -> errors.Taken:
    newer = holder.attempt > desired.attempt
    if holder.rescues and not newer:
        return errors.Taken(
            f"name: a refresh provides machines for the label {desired.label} at this moment, since jobs waited for it "
            "and no job of this run had provided any. If they get none, run this job again."
        )
    who = f"attempt {holder.attempt} of this run" if newer else "another job of this run"
    remedy = (
        "Nothing is left to do here."
        if newer
        else "Give each provision of a run a name of its own, and let its jobs ask for that label."
    )
    at = f" ({holder.link})" if holder.link else ""
    return errors.Taken(f"name: {who} provides machines for the label {desired.label} already{at}. {remedy}")
