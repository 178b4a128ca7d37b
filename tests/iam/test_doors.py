"""The roles of release and provision, which jobs of every branch may take, reach no more than they need."""

from __future__ import annotations

import pytest

from refresh.pool import names, records, signals
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.runner_role import ROLE_ID
from tests.iam import policies

KEYS = "dynamodb:LeadingKeys"
REPORT = signals.agent_entity(ROLE_ID, "i-0123456789abcdef0")
ENTITIES = (
    records.METADATA,
    records.INSTANCE,
    records.HEARTBEAT,
    records.SIGNAL,
    records.HISTORY,
    records.SETTINGS,
    records.RUN,
    records.AGENT,
    REPORT,
    f"{records.METADATA}#{REPORT}",
)


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


TABLE = _arn("dynamodb", f"table/{names.table(REPOSITORY)}")
OWN_TEMPLATE = _arn("ec2", f"launch-template/{policies.TEMPLATE_ID}")
OTHER_TEMPLATE = _arn("ec2", "launch-template/lt-0fedcba9876543210")
NEW_INSTANCE = _arn("ec2", "instance/*")
NEW_VOLUME = _arn("ec2", "volume/*")
IMAGE = f"arn:aws:ec2:{REGION}::image/ami-0123456789abcdef0"
GROUP = _arn("ec2", "security-group/sg-0123456789abcdef0")
SUBNET = _arn("ec2", "subnet/subnet-0123456789abcdef0")
TAGGED = "aws:RequestTag/AllowSelfTermination"
UNCHANGED = {"ec2:LaunchTemplate": OWN_TEMPLATE, "ec2:IsLaunchTemplateResource": "true"}


@pytest.mark.shows("A66")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "release",
            {
                "BatchGetItem": {REPORT, "RUN", "SETTINGS"},
                "Query": {"INSTANCE"},
                "UpdateItem": {"INSTANCE"},
            },
        ),
        (
            "provision",
            {
                "BatchGetItem": {REPORT, "HEARTBEAT", "INSTANCE", "RUN", "SETTINGS", "WS"},
                "GetItem": {REPORT, "HEARTBEAT", "INSTANCE", "RUN", "SETTINGS", "WS"},
                "Query": {"INSTANCE"},
                "PutItem": {"INSTANCE", "RUN"},
                "UpdateItem": {"INSTANCE", "RUN"},
            },
        ),
    ],
)
def test_roles_of_every_branch_reach_only_their_kinds_of_items(name: str, expected: dict[str, set[str]]) -> None:
    document = policies.filled(name)
    tried = [action for action in policies.actions(document) if action.startswith("dynamodb:")]
    reached = {
        action.partition(":")[2]: {
            entity
            for entity in ENTITIES
            if policies.allowed(document, action, TABLE, {KEYS: [names.partition_key(entity)]})
        }
        for action in tried
    }
    assert reached == expected
    # One key of the request is enough to refuse it, and so is a request that has none.
    keys = [*map(names.partition_key, (records.SETTINGS, REPORT, records.METADATA))]
    assert not any(policies.allowed(document, action, TABLE, {KEYS: keys}) for action in tried)
    assert not any(policies.allowed(document, action, TABLE) for action in tried)


LAUNCHERS = {"provision": ("provision",), "refresh": ("refresh", "refresh-launches")}
"""The actions that launch, with the policies that their roles need for it."""


@pytest.mark.shows("A67")
@pytest.mark.parametrize("action", LAUNCHERS)
@pytest.mark.parametrize(
    ("arn", "context", "allowed"),
    [
        (NEW_INSTANCE, {**UNCHANGED, TAGGED: "true"}, True),
        (NEW_INSTANCE, UNCHANGED, False),
        (NEW_INSTANCE, {TAGGED: "true"}, False),
        (NEW_INSTANCE, {**UNCHANGED, "ec2:LaunchTemplate": OTHER_TEMPLATE, TAGGED: "true"}, False),
        *(
            (arn, context, context == UNCHANGED)
            for arn in (IMAGE, GROUP, NEW_VOLUME, OWN_TEMPLATE)
            for context in (
                UNCHANGED,
                {},
                {**UNCHANGED, "ec2:LaunchTemplate": OTHER_TEMPLATE},
                {**UNCHANGED, "ec2:IsLaunchTemplateResource": "false"},
            )
        ),
        (OTHER_TEMPLATE, {**UNCHANGED, "ec2:LaunchTemplate": OTHER_TEMPLATE}, False),
        (SUBNET, {**UNCHANGED, "ec2:IsLaunchTemplateResource": "false"}, True),
    ],
)
def test_provision_and_refresh_launch_only_tagged_instances_from_the_unchanged_template(
    arn: str,
    context: dict[str, str],
    allowed: bool,  # noqa: FBT001 - an expected value
    action: str,
) -> None:
    document = policies.together(*map(policies.filled, LAUNCHERS[action]))
    assert policies.allowed(document, "ec2:RunInstances", arn, context) is allowed
    assert not policies.allowed(policies.filled("refresh"), "ec2:RunInstances", arn, context)


@pytest.mark.shows("A68")
@pytest.mark.parametrize("action", LAUNCHERS)
def test_provision_and_refresh_tag_only_what_they_launch(action: str) -> None:
    document = policies.together(*map(policies.filled, LAUNCHERS[action]))
    for arn in (NEW_INSTANCE, NEW_VOLUME, _arn("ec2", "fleet/*")):
        for creating in ("CreateFleet", "RunInstances"):
            assert policies.allowed(document, "ec2:CreateTags", arn, {"ec2:CreateAction": creating})
        assert not policies.allowed(document, "ec2:CreateTags", arn, {"ec2:CreateAction": "CreateVolume"})
        assert not policies.allowed(document, "ec2:CreateTags", arn)
    assert "ec2:CreateTags" not in policies.actions(policies.document("release"))


def test_the_roles_of_provision_and_release_trust_every_job_of_the_repository_and_of_no_other() -> None:
    (statement,) = policies.filled("doors-trust-policy")["Statement"]
    (of_refresh,) = policies.filled("trust-policy")["Statement"]
    assert statement["Principal"] == of_refresh["Principal"]
    assert statement["Condition"] == {
        "StringEquals": {f"{policies.ISSUER}:aud": "sts.amazonaws.com"},
        "StringLike": {f"{policies.ISSUER}:sub": ["repo:octo/widgets:*", "repo:octo@1234/widgets@5678:*"]},
    }
