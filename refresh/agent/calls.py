"""The calls that the agent makes on an instance; a run does not import this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import records
from refresh.pool.permissions import OWN_REPORT, TAGGED_INSTANCES, Needs, items

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

CALLS: Calls = {
    "dynamodb:GetItem": Needs(
        "its own record, and the registration token",
        items("ReadOwnRecordAndParameters", records.INSTANCE, records.METADATA),
    ),
    "dynamodb:PutItem": Needs("its report", items("ReportForItself", OWN_REPORT), writes=True),
    "ec2:TerminateInstances": Needs("itself, once its time is over", TAGGED_INSTANCES, writes=True),
    "sts:GetCallerIdentity": Needs("always: what IAM calls `aws:userid`, for the key of its report"),
}
ORIGINAL_CALLS: Calls = {
    "dynamodb:PutItem": Needs(
        "its heartbeat and signals, while the original action works with this pool",
        items("ReportToTheOriginal", records.HEARTBEAT, records.SIGNAL),
        writes=True,
    ),
}
"""What it also calls with `original-modes`; IAM cannot limit these items to an instance's own by their keys."""
