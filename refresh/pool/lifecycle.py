"""The life of a record: its states, how long each may last, and the condition of every write; pure.

All writes to a record are built here, as docs/table.md lists them. `TRANSITIONS` is that list, and the page's table is
generated from it. A write is conditional on what was read, so of two simultaneous writes only one succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from attrs import frozen

from refresh.pool import records

CREATED = records.CREATED
RUNNING = records.RUNNING
IDLE = records.IDLE
CLAIMED = records.CLAIMED
TERMINATED = records.TERMINATED
LIVING_STATES = records.LIVING_STATES

_MINUTE = timedelta(minutes=1)
CREATED_FOR = timedelta(minutes=10)
"""How long an instance may boot and register."""
CLAIMED_FOR = timedelta(minutes=5)
"""How long a claimed instance may take to register."""
EXPIRED_SINCE = timedelta(minutes=5)
"""How far in the past the threshold of a record is set that is to end: all clocks agree that it is past."""
ENDS_ITSELF_AFTER = timedelta(minutes=1)
"""How long after its threshold an instance ends itself."""


class Threshold(Enum):
    """What a write requires of the record's threshold, besides that it is as read."""

    ANY = "any"
    AHEAD = "ahead"
    PAST = "past"


@frozen(kw_only=True)
class Transition:
    """A row of the page's table: who may take a record from one state to another, and on what condition."""

    before: str
    """One of the states, `NO_RECORD`, or a word for several."""
    after: str
    by: str
    condition: str
    sets: str = ""
    """The attributes that it writes besides `state` and `updatedAt`."""


NO_RECORD = "no record"
ANY = "any"
ANY_LIVING = f"any but `{TERMINATED}`"
SAME = "the same"
_OURS = "our `release`"
_RUN_READ = "`state` and `runId` as read, `threshold` ahead"
_ALL_READ = "`state`, `runId` and `threshold` as read"
_ALL_READ_AHEAD = f"{_ALL_READ}, `threshold` ahead"
_NEW_RUNTIME = "`threshold`: in the maximum runtime"
_RELEASED = "`lastRunId`: the run; `releasedAt`: now"
_ENDING = f"`runId`: empty; `threshold`: {EXPIRED_SINCE // _MINUTE} minutes ago; {_RELEASED}"

TRANSITIONS = (
    Transition(
        before=NO_RECORD,
        after=CREATED,
        by="`provision`, after the launch",
        condition="there is no record",
        sets=f"`threshold`: in {CREATED_FOR // _MINUTE} minutes",
    ),
    Transition(
        before=CREATED,
        after=RUNNING,
        by="`provision`, registered on GitHub",
        condition=_RUN_READ,
        sets=_NEW_RUNTIME,
    ),
    Transition(
        before=RUNNING,
        after=IDLE,
        by="`release`",
        condition=_RUN_READ,
        sets="`runId`: empty; `threshold`: in the idle time",
    ),
    Transition(
        before=RUNNING,
        after=IDLE,
        by=_OURS,
        condition=_ALL_READ_AHEAD,
        sets=f"`runId`: empty; `threshold`: in the idle time; {_RELEASED}",
    ),
    Transition(
        before=IDLE,
        after=SAME,
        by=f"{_OURS}, after its message",
        condition=_ALL_READ,
        sets="`offeredFor`: its `threshold`",
    ),
    Transition(
        before=IDLE,
        after=CLAIMED,
        by="`provision`",
        condition="`state` as read, `runId` empty, `threshold` ahead",
        sets=f"`runId`; `threshold`: in {CLAIMED_FOR // _MINUTE} minutes",
    ),
    Transition(before=CLAIMED, after=RUNNING, by="`provision`", condition=_RUN_READ, sets=_NEW_RUNTIME),
    Transition(
        before=CLAIMED,
        after=IDLE,
        by="`provision`, which chose another instance",
        condition=_RUN_READ,
        sets="`runId`: empty",
    ),
    Transition(
        before=ANY,
        after=SAME,
        by="`provision` or `release`, to expire it",
        condition=_RUN_READ,
        sets="`threshold`: in the past",
    ),
    Transition(before=RUNNING, after=IDLE, by=f"{_OURS}, to end it", condition=_ALL_READ_AHEAD, sets=_ENDING),
    Transition(before=CLAIMED, after=IDLE, by=f"{_OURS}, to end it", condition=_ALL_READ_AHEAD, sets=_ENDING),
    Transition(before=CREATED, after=SAME, by=f"{_OURS}, to end it", condition=_ALL_READ_AHEAD, sets=_ENDING),
    Transition(
        before=ANY,
        after=NO_RECORD,
        by="`provision`, after it ended an instance whose launch failed",
        condition=f"`runId` as read; `{CREATED}` ones without a condition",
    ),
    Transition(
        before=ANY_LIVING,
        after=TERMINATED,
        by="refresh, `Mark`",
        condition=f"{_ALL_READ}; if it is for the `threshold`, that is past",
        sets="`runId`: empty; `threshold`: now; the attributes `ended...`",
    ),
    Transition(
        before=NO_RECORD,
        after=TERMINATED,
        by="refresh, `Adopt`",
        condition="there is no record",
        sets="the same; `endedRunId` is the run of the launch",
    ),
    Transition(
        before=TERMINATED,
        after=NO_RECORD,
        by="refresh, `Clean`",
        condition=f"`state` is `{TERMINATED}`, or there is no record",
        sets="in the same transaction: its heartbeat and signal are deleted, its history is written",
    ),
)
"""Every write to a record, in the order of docs/table.md."""

_ABSENT = "attribute_not_exists(PK)"


def retired(state: str) -> str:
    """Return the state of a record whose machine is to end: one that was never used stays `created`."""
    return state if state == CREATED else IDLE


def update(
    table: str,
    record: records.InstanceRecord,
    written: Mapping[str, str],
    threshold: Threshold,
    now: datetime,
) -> dict[str, Any]:
    """Build the update of a record, on condition that state, run and threshold are as read.

    `written` holds the new attributes by name; `updatedAt` is added. `now` is what `AHEAD` and `PAST` compare with.
    """
    judged = {"state": record.state, "runId": record.run_id, "threshold": record.threshold}
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
    return {"TableName": table, "Item": item, "ConditionExpression": _ABSENT}


def delete(table: str, identifier: str) -> dict[str, Any]:
    """Build the deletion of a record, on condition that it is `terminated`, or gone already."""
    return {
        "TableName": table,
        "Key": records.key(records.INSTANCE, identifier),
        "ConditionExpression": f"{_ABSENT} OR #state = :terminated",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": {":terminated": {"S": TERMINATED}},
    }
