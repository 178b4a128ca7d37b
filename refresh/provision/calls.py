"""The calls of provision; a run does not import this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import ownership, records
from refresh.pool.permissions import (
    ANY_REPORT,
    EC2,
    IMAGE_PARAMETER,
    QUEUES,
    RUNNER_ROLE,
    TAGGED_INSTANCES,
    Needs,
    Statement,
    items,
)

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

_IN_REGION = "arn:aws:ec2:REGION:ACCOUNT"
_IMAGES = "arn:aws:ec2:REGION::image/*"
_TEMPLATE = f"{_IN_REGION}:launch-template/LAUNCH-TEMPLATE"
_UNCHANGED = {"ArnLike": {"ec2:LaunchTemplate": _TEMPLATE}, "Bool": {"ec2:IsLaunchTemplateResource": "true"}}
"""Only what the template names: no other image, snapshot or security group."""

FLEETS = Statement(
    "Fleets",
    (
        f"{_IN_REGION}:fleet/*",
        _IMAGES,
        f"{_IN_REGION}:instance/*",
        f"{_IN_REGION}:launch-template/*",
        f"{_IN_REGION}:subnet/*",
        f"{_IN_REGION}:volume/*",
    ),
)
"""A fleet alone starts nothing: EC2 also asks whether its caller may run instances."""
FROM_TEMPLATE = Statement(
    "LaunchFromTemplate",
    (
        _IMAGES,
        _TEMPLATE,
        f"{_IN_REGION}:security-group/*",
        "arn:aws:ec2:REGION::snapshot/*",
        f"{_IN_REGION}:volume/*",
    ),
    _UNCHANGED,
)
TAGGED = Statement(
    "LaunchTaggedInstances",
    (f"{_IN_REGION}:instance/*",),
    {**_UNCHANGED, "StringEquals": {f"aws:RequestTag/{ownership.SELF_TERMINATION_TAG}": "true"}},
)
"""An instance without the tag could be ended by no role of the pool."""
IN_SUBNETS = Statement(
    "LaunchInSubnets",
    (f"{_IN_REGION}:network-interface/*", f"{_IN_REGION}:spot-instances-request/*", f"{_IN_REGION}:subnet/*"),
)
"""The template names no subnet, and AWS has no such condition for requests of spot instances."""
AT_LAUNCH = Statement(
    "TagAtLaunch",
    (f"{_IN_REGION}:fleet/*", f"{_IN_REGION}:instance/*", f"{_IN_REGION}:volume/*"),
    {"StringEquals": {"ec2:CreateAction": ("CreateFleet", "RunInstances")}},
)

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
        also={
            "ec2:CreateTags": AT_LAUNCH,
            "iam:PassRole": RUNNER_ROLE,
            "ssm:GetParameters": IMAGE_PARAMETER,
        },
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
"""By operation; `ec2:RunInstances` has several statements, see `LAUNCHES`."""
LAUNCHES: tuple[Calls, ...] = tuple(
    {"ec2:CreateFleet": Needs(also={"ec2:RunInstances": statement}, writes=True)}
    for statement in (FROM_TEMPLATE, TAGGED, IN_SUBNETS)
)
"""One action with a statement for each kind of resource."""
