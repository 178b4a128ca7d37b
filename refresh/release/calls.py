"""The calls of release; a run does not import this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import records
from refresh.pool.permissions import ANY_REPORT, EC2, QUEUES, TAGGED_INSTANCES, Needs, items

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

CALLS: Calls = {
    "dynamodb:BatchGetItem": Needs(
        "always: the settings of the pool; what the run asked for: whether its machines may be used again; what the "
        "agents of its machines report: whether EC2 takes them back",
        items("ReadSettingsRunsAndReports", records.SETTINGS, records.RUN, patterns=(ANY_REPORT,)),
    ),
    "dynamodb:Query": Needs("always: the records of the instances", items("ListInstances", records.INSTANCE)),
    "dynamodb:TransactWriteItems": Needs(
        "gives machines back, and notes which ones the original `provision` was offered; IAM has no action of this "
        "name and checks that of the items",
        also={"dynamodb:UpdateItem": items("WriteInstances", records.INSTANCE)},
        writes=True,
    ),
    "ec2:DescribeInstances": Needs(
        "always: the instances that were launched for the run; others of its machines if they may have to end: whether "
        "they are the pool's and still run",
        EC2,
    ),
    "ec2:TerminateInstances": Needs("machines that must not be used again", TAGGED_INSTANCES, writes=True),
    "sqs:SendMessageBatch": Needs(
        "while the original `provision` works with this pool: offers it the machines; IAM checks `sqs:SendMessage`",
        also={"sqs:SendMessage": QUEUES},
        writes=True,
    ),
    "sts:GetCallerIdentity": Needs(
        "before any write: the account of the credentials; no policy is needed", only_with="allowed-account-ids"
    ),
}
