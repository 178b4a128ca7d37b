"""The calls that the agent makes on an instance; a run does not import this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import names, records
from refresh.pool.permissions import STATE_TABLE, TAGGED_INSTANCES, Needs, Statement

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls


def _items(sid: str, *entities: str) -> Statement:
    keys = tuple(names.partition_key(entity) for entity in entities)
    return Statement(sid, STATE_TABLE.resources, {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": keys}})


CALLS: Calls = {
    "dynamodb:GetItem": Needs(
        "its own record, and the registration token",
        _items("ReadOwnRecordAndParameters", records.INSTANCE, records.METADATA),
    ),
    "dynamodb:PutItem": Needs(
        "its heartbeat and signals", _items("BeatAndSignal", records.HEARTBEAT, records.SIGNAL), writes=True
    ),
    "ec2:TerminateInstances": Needs("itself, once its time is over", TAGGED_INSTANCES, writes=True),
}
