"""The calls that the agent makes on an instance; a run does not import this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import records
from refresh.pool.permissions import TAGGED_INSTANCES, Needs, items

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

CALLS: Calls = {
    "dynamodb:GetItem": Needs(
        "its own record, and the registration token",
        items("ReadOwnRecordAndParameters", records.INSTANCE, records.METADATA),
    ),
    "dynamodb:PutItem": Needs(
        "its heartbeat and signals", items("BeatAndSignal", records.HEARTBEAT, records.SIGNAL), writes=True
    ),
    "ec2:TerminateInstances": Needs("itself, once its time is over", TAGGED_INSTANCES, writes=True),
}
