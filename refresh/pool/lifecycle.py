"""The life of a record: its states, how long each may last, and the condition of every write; pure.

All writes to a record are built here; `transitions` lists them. A write is conditional on what was read, so of two
simultaneous writes only one succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from refresh.pool import records

if TYPE_CHECKING:
    from refresh.pool.launch import LaunchedInstance

CREATED = records.CREATED
RUNNING = records.RUNNING
IDLE = records.IDLE
CLAIMED = records.CLAIMED
TERMINATED = records.TERMINATED
LIVING_STATES = records.LIVING_STATES

CREATED_FOR = timedelta(minutes=10)
"""How long an instance may boot and register."""
CLAIMED_FOR = timedelta(minutes=5)
"""How long a claimed instance may take to register."""
RESCUED_FOR = timedelta(minutes=25)
"""Replaces both for a machine that refresh provides.

If that refresh is killed, a job may already run on the machine. The next refresh continues in time, even if GitHub
drops one run.
"""
WAITS_FOR = timedelta(minutes=59)
"""How long a machine of the minimum may wait for a run before refresh has to extend its time.

Its agent ends it a minute later: without refresh the last one is gone after about an hour.
"""
EXTENDED_BELOW = timedelta(minutes=40)
"""With less time left than this, the time of such a machine is extended."""
WARM_CREATED_FOR = timedelta(minutes=30)
"""How long a machine that refresh launches may take until a later run of refresh has seen that it is ready.

Scheduled runs on GitHub are late or dropped, so this is longer than for a machine that `provision` waits for.
"""
REGISTERS_WITHIN = timedelta(seconds=60)
"""How long a claimed instance may take until its runner is registered, before another takes its place."""
BOOTS_WITHIN = timedelta(seconds=240)
"""The same for an instance that was launched."""
EXPIRED_SINCE = timedelta(minutes=5)
"""How far in the past the threshold of a record is set that is to end: all clocks agree that it is past."""
LARGEST_SKEW = timedelta(seconds=60)
"""The largest difference to AWS's clock with which records are judged."""


class Threshold(Enum):
    """What a write requires of the record's threshold, besides that it is as read."""

    ANY = "any"
    AHEAD = "ahead"
    PAST = "past"


def retired(state: str) -> str:
    """Return the state of a record whose machine is to end: one that was never used stays `created`."""
    return state if state == CREATED else IDLE


def busy(record: records.InstanceRecord, until: datetime) -> timedelta:
    """Return for how long runs have had a machine: what its record says, and the time since its last write if one has.

    Each write of ours to a record that a run has adds the time since the write before. A threshold that is past has
    ended the run's time.
    """
    known = timedelta(seconds=record.busy_seconds)
    since = records.read_time(record.updated_at)
    if not record.run_id or record.state == TERMINATED or since is None:
        return known
    return known + max(min(until, record.expires or until) - since, timedelta())


def busy_seconds(record: records.InstanceRecord, until: datetime) -> int:
    """Return `busy` as the attribute of a record."""
    return busy(record, until) // timedelta(seconds=1)


def update(  # noqa: PLR0913 - what is written, and on what conditions
    table: str,
    record: records.InstanceRecord,
    written: Mapping[str, str | int],
    threshold: Threshold,
    now: datetime,
    *,
    untouched: bool = False,
) -> dict[str, Any]:
    """Build the update of a record, on condition that state, run and threshold are as read.

    `written` holds the new attributes by name; `updatedAt` is added, unless it is one of them. `now` is what `AHEAD`
    and `PAST` compare with.
    `untouched` requires that nothing has written the record since it was read, not even the same values.
    """
    judged = {"state": record.state, "runId": record.run_id, "threshold": record.threshold}
    if untouched:
        judged["updatedAt"] = record.updated_at
    conditions = [
        f"attribute_not_exists(#{name})" if value is None else f"#{name} = :judged_{name}"
        for name, value in judged.items()
    ]
    values = {f":judged_{name}": value for name, value in judged.items() if value is not None}
    if threshold is not Threshold.ANY:
        conditions.append(f"#threshold {'>' if threshold is Threshold.AHEAD else '<'} :now")
        values[":now"] = records.wire_time(now)
    attributes = {**written, "updatedAt": written.get("updatedAt", records.wire_time(now))}
    return {
        "TableName": table,
        "Key": records.key(records.INSTANCE, record.id),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {f"#{name}": name for name in (*judged, *attributes)},
        "ExpressionAttributeValues": {
            name: records.to_wire(value)
            for name, value in {**{f":{name}": value for name, value in attributes.items()}, **values}.items()
        },
    }


def extension(table: str, record: records.InstanceRecord, threshold: datetime, now: datetime) -> dict[str, Any]:
    """Build the update that gives an idle machine more time.

    State and run stay as they are, so `updatedAt` does too: readiness is judged by it. Attributes that equal the
    threshold because something holds for it go on to do so.
    """
    until = records.wire_time(threshold)
    followers = {"freshFor": record.fresh_for, "offeredFor": record.offered_for}
    following = {name: until for name, each in followers.items() if each == record.threshold}
    written = {"threshold": until, **following, "updatedAt": record.updated_at}
    return update(table, record, written, Threshold.AHEAD, now)


def put(table: str, identifier: str, written: Mapping[str, str | int], now: datetime) -> dict[str, Any]:
    """Build the first record of an instance, on condition that there still is none."""
    item = records.item(records.INSTANCE, identifier, now, **written)
    return {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(PK)"}


def first_record(  # noqa: PLR0913 - the attributes of the record
    table: str,
    instance: LaunchedInstance,
    run: str,
    resource_class: str,
    version: str,
    *,
    threshold: datetime,
    launched_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """Build the first record of an instance that was launched for a run, or to wait for one (`run` is empty then).

    `version` is that of the launch template, for an instance of which EC2 did not report it.
    """
    written = {
        "state": CREATED,
        "runId": run,
        "threshold": records.wire_time(threshold),
        "resourceClass": resource_class,
        "instanceType": instance.instance_type,
        "usageClass": instance.usage_class,
        "templateVersion": instance.template_version or version,
        "launchedAt": records.wire_time(launched_at),
    }
    return put(table, instance.id, written, now)


def delete(table: str, identifier: str) -> dict[str, Any]:
    """Build the deletion of a record, on condition that it is `terminated`, or gone already."""
    return {
        "TableName": table,
        "Key": records.key(records.INSTANCE, identifier),
        "ConditionExpression": "attribute_not_exists(PK) OR #state = :terminated",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":terminated": {"S": TERMINATED}},
    }
