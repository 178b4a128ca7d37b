"""The calls of provision; a run does not import this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import records
from refresh.pool.permissions import (
    ANY_REPORT,
    EC2,
    FLEETS,
    ON_LAUNCH,
    QUEUES,
    TAGGED_INSTANCES,
    Needs,
    items,
)

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

_READ = items(
    "ReadPool",
    *(records.HEARTBEAT, records.INSTANCE, records.RUN, records.SETTINGS, records.SIGNAL),
    patterns=(ANY_REPORT,),
)
"""One request asks for records and reports, so one statement has to allow all of them."""
_WRITE = items("WriteInstancesAndRuns", records.INSTANCE, records.RUN)

CALLS: Calls = {
    "dynamodb:BatchGetItem": Needs(
        "what agents report: those of machines that may be claimed, and of its own until they are ready", _READ
    ),
    "dynamodb:GetItem": Needs("always: the settings of the pool; what the run asked for before", _READ),
    "dynamodb:PutItem": Needs(
        "always: what the run asks for, which is a lease on the label; a record for each launched machine",
        _WRITE,
        writes=True,
    ),
    "dynamodb:Query": Needs(
        "always: the records of the instances",
        items("ListInstances", records.INSTANCE),
    ),
    "dynamodb:TransactWriteItems": Needs(
        "records launched machines, starts those that are ready, writes the result, and gives machines up; IAM has no "
        "action of this name and checks those of the items",
        also={"dynamodb:PutItem": _WRITE, "dynamodb:UpdateItem": _WRITE},
        writes=True,
    ),
    "dynamodb:UpdateItem": Needs("claims a machine, and notes that it runs; the result", _WRITE, writes=True),
    "ec2:CreateFleet": Needs(
        "machines are missing; EC2 also checks `ec2:RunInstances` and the others for the caller, "
        "`ssm:GetParameters` with `ami: resolve:ssm:...`",
        FLEETS,
        also=ON_LAUNCH,
        writes=True,
    ),
    "ec2:DescribeInstances": Needs(
        "a launch was not answered: whether there are machines; before a machine ends: whether it is the pool's", EC2
    ),
    "ec2:TerminateInstances": Needs("a machine that does not become ready", TAGGED_INSTANCES, writes=True),
    "sqs:SendMessageBatch": Needs(
        "gives machines back while the original `provision` works with this pool: offers it the machines; IAM checks "
        "`sqs:SendMessage`",
        also={"sqs:SendMessage": QUEUES},
        writes=True,
    ),
    "sts:GetCallerIdentity": Needs(
        "before any write: the account of the credentials; no policy is needed", only_with="allowed-account-ids"
    ),
}
