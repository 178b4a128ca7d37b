"""The life of a record: its states, how long each may last, and the condition of every write; pure.

All writes to a record are built here; `transitions` lists them. A write is conditional on what was read, so of two
simultaneous writes only one succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from refresh.pool import records

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


def update(  # noqa: PLR0913 - what is written, and on what conditions
    table: str,
    record: records.InstanceRecord,
    written: Mapping[str, str],
    threshold: Threshold,
    now: datetime,
    *,
    untouched: bool = False,
) -> dict[str, Any]:
    """Build the update of a record, on condition that state, run and threshold are as read.

    `written` holds the new attributes by name; `updatedAt` is added. `now` is what `AHEAD` and `PAST` compare with.
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
    attributes = {**written, "updatedAt": records.wire_time(now)}
    return {
        "TableName": table,
        "Key": records.key(records.INSTANCE, record.id),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {f"#{name}": name for name in (*judged, *attributes)},
        "ExpressionAttributeValues": {
            name: {"S": value}
            for name, value in {**{f":{name}": value for name, value in attributes.items()}, **values}.items()
        },
    }


def put(table: str, identifier: str, written: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """Build the first record of an instance, on condition that there still is none."""
    item = records.item(records.INSTANCE, identifier, now, **written)
    return {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(PK)"}


def delete(table: str, identifier: str) -> dict[str, Any]:
    """Build the deletion of a record, on condition that it is `terminated`, or gone already."""
    return {
        "TableName": table,
        "Key": records.key(records.INSTANCE, identifier),
        "ConditionExpression": "attribute_not_exists(PK) OR #state = :terminated",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":terminated": {"S": TERMINATED}},
    }
