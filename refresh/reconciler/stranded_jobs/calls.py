"""The calls of a rescue: those of provision, under the role of refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool.permissions import EC2, FLEETS, ON_LAUNCH, QUEUES, STATE_TABLE, TAGGED_INSTANCES, Needs

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

INPUT = "rescue-stranded-jobs"
CALLS: Calls = {
    "dynamodb:BatchGetItem": Needs(
        "what provision was asked for, if jobs of a later attempt wait; what agents report",
        STATE_TABLE,
        only_with=INPUT,
    ),
    "dynamodb:GetItem": Needs("for stranded jobs: the settings of the pool", STATE_TABLE, only_with=INPUT),
    "dynamodb:PutItem": Needs("for stranded jobs: the lease on the label", STATE_TABLE, only_with=INPUT, writes=True),
    "dynamodb:Query": Needs("for stranded jobs: the records of the instances", STATE_TABLE, only_with=INPUT),
    "dynamodb:TransactWriteItems": Needs(
        "for stranded jobs: records launched machines, starts those that are ready, and writes the result",
        also={"dynamodb:PutItem": STATE_TABLE, "dynamodb:UpdateItem": STATE_TABLE},
        only_with=INPUT,
        writes=True,
    ),
    "dynamodb:UpdateItem": Needs("for stranded jobs: claims a machine", STATE_TABLE, only_with=INPUT, writes=True),
    "ec2:CreateFleet": Needs(
        "machines are missing for stranded jobs",
        FLEETS,
        also=ON_LAUNCH,
        only_with=INPUT,
        writes=True,
    ),
    "ec2:DescribeInstances": Needs("for stranded jobs: machines that were not recorded", EC2, only_with=INPUT),
    "ec2:TerminateInstances": Needs(
        "a machine for stranded jobs that does not become ready", TAGGED_INSTANCES, only_with=INPUT, writes=True
    ),
    "sqs:SendMessageBatch": Needs(
        "too few machines for stranded jobs while the original `provision` works with this pool: offers them to it",
        also={"sqs:SendMessage": QUEUES},
        only_with=INPUT,
        writes=True,
    ),
}
