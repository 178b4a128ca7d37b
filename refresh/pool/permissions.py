"""What IAM has to allow for the calls to AWS that a part of the program makes.

Each part declares its calls where it makes them: a component in its registration, the others in `CALLS`. The page and
the policies of docs/iam, the CloudFormation template and the models in the image are written from these declarations.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from refresh.pool import names, ownership, records


@frozen
class Statement:
    """A statement of a policy without its actions, with the placeholders that docs/iam/README.md explains."""

    sid: str
    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, str | tuple[str, ...]]] = field(factory=dict)


@frozen
class Needs:
    """When and why an operation is called, and which actions IAM has to allow for it."""

    why: str = ""
    statement: Statement | None = None
    """Allows the action that has the operation's name; None where IAM asks for no such action."""
    also: Mapping[str, Statement | tuple[Statement, ...]] = field(factory=dict, kw_only=True)
    """More actions that AWS asks for; several statements for an action on several kinds of resources."""
    only_with: str = field(default="", kw_only=True)
    """The input without which the operation is never called."""
    writes: bool = field(default=False, kw_only=True)

    def actions(self, operation: str) -> list[tuple[str, Statement]]:
        """Return each action with a statement that allows it, more than once with several statements."""
        own = [(operation, self.statement)] if self.statement else []
        also = [
            (action, each)
            for action, allowed in self.also.items()
            for each in (allowed if isinstance(allowed, tuple) else (allowed,))
        ]
        return own + also


Calls = Mapping[str, Needs]
"""By the operation's name, such as `sqs:CreateQueue`."""


STATE_TABLE = Statement("StateTable", ("arn:aws:dynamodb:REGION:ACCOUNT:table/OWNER-REPO-ci-table",))
QUEUES = Statement("Queues", ("arn:aws:sqs:REGION:ACCOUNT:OWNER-REPO-*-ci-pool*",))
EC2 = Statement("LookAtEc2", ("*",))
"""AWS limits describing in EC2 by no resource."""
INSTANCE_PROFILE = Statement("LookAtInstanceProfile", ("arn:aws:iam::ACCOUNT:instance-profile/*",))
LAUNCH_TEMPLATES = Statement("LaunchTemplate", ("arn:aws:ec2:REGION:ACCOUNT:launch-template/*",))
IMAGE_PARAMETER = Statement(
    "ImageParameter",
    (
        "arn:aws:ssm:REGION:ACCOUNT:parameter/AMI-PARAMETER",
        "arn:aws:ssm:REGION::parameter/aws/service/*",
    ),
)
RUNNER_ROLE = Statement(
    "RunnerRole",
    ("arn:aws:iam::ACCOUNT:role/RUNNER-ROLE",),
    {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
)
TAGGED_INSTANCES = Statement(
    "EndTaggedInstances",
    ("arn:aws:ec2:REGION:ACCOUNT:instance/*",),
    {"StringEquals": {f"aws:ResourceTag/{ownership.SELF_TERMINATION_TAG}": "true"}},
)

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
ON_LAUNCH: Mapping[str, Statement | tuple[Statement, ...]] = {
    "ec2:CreateTags": AT_LAUNCH,
    "iam:PassRole": RUNNER_ROLE,
    "ssm:GetParameters": IMAGE_PARAMETER,
    "ec2:RunInstances": (FROM_TEMPLATE, TAGGED, IN_SUBNETS),
}
"""What EC2 also checks for the caller of `CreateFleet`."""
LAUNCHES: Calls = {
    "ec2:CreateFleet": Needs("instances are missing", FLEETS, also=ON_LAUNCH, only_with="min-idle", writes=True),
}
"""The calls with which refresh launches."""


OWN_REPORT = f"{records.AGENT}#${{aws:userid}}"
"""The entity of the report that an instance writes itself; for IAM the variable is the role's id and the instance's.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""
ANY_REPORT = f"{records.AGENT}#*"
"""A pattern of the entities of all reports."""


def items(sid: str, *entities: str, patterns: tuple[str, ...] = ()) -> Statement:
    """Allow actions on these kinds of items only, and on those whose entity matches one of the patterns.

    DynamoDB puts the partition keys of a request into `dynamodb:LeadingKeys`. `ForAllValues` also holds for a request
    without that key, so the second condition requires it. IAM requires all conditions of a statement, so with a
    pattern all keys are compared as patterns; a key without a wildcard matches itself only.
    """
    operator = "ForAllValues:StringLike" if patterns else "ForAllValues:StringEquals"
    keys = tuple(names.partition_key(entity) for entity in (*entities, *patterns))
    conditions: Mapping[str, Mapping[str, str | tuple[str, ...]]] = {
        operator: {"dynamodb:LeadingKeys": keys},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    return Statement(sid, STATE_TABLE.resources, conditions)


ORDER = (
    STATE_TABLE,
    QUEUES,
    EC2,
    INSTANCE_PROFILE,
    LAUNCH_TEMPLATES,
    IMAGE_PARAMETER,
    RUNNER_ROLE,
)
"""The first statements of a policy, in this order, after all of the state table; the others follow by their actions."""
