"""The policies of docs/iam allow the pool's own resources and no others."""

from __future__ import annotations

import json
import re

import pytest

from refresh.pool import names, records
from tests import pages
from tests.fakes import operations
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.iam import policies
from tools.generated.roles import ADDITIONS, PROVISION, REFRESH, RELEASE, ROLES

POOLS = (
    REPOSITORY,
    names.Repository("octo", "widgets.js"),
    names.Repository("octo_corp", "a.b-c_d"),
    *(names.Repository("o" * 10, "r" * length) for length in (42, 43, 44, 45, 60, 100)),
    names.Repository("o" * 39, "r.s" * 33),
)
CLASSES = ("large", "12xlarge", "x", "with-hyphens", "l" * 60)
OTHERS = (names.Repository("octo", "gadgets"), names.Repository("octo", "widget"), names.Repository("other", "widgets"))
PAGE = " ".join(pages.page("docs/iam/README.md").split())
FILES = sorted(policies.FOLDER.glob("*.json"))
PLACEHOLDER = r"\b(?:OWNER-REPO|REGION|ACCOUNT|RUNNER-ROLE|LAUNCH-TEMPLATE|AMI-PARAMETER|OWNER_ID|REPO_ID|OWNER|REPO)\b"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/{policies.RUNNER_ROLE}"
TAG = "aws:ResourceTag/AllowSelfTermination"
SERVICE = "iam:PassedToService"
KEYS = "dynamodb:LeadingKeys"
DECLARED = {"refresh": REFRESH, "release": RELEASE, "provision": PROVISION}
ADDED = {"refresh": ("refresh", *ADDITIONS)}
"""The files that have a role's policy; of the others one."""
DOORS = ("release", "provision")
"""The roles that jobs of every branch may take."""


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


INSTANCE = _arn("ec2", "instance/i-0123456789abcdef0")
TABLE = _arn("dynamodb", f"table/{names.table(REPOSITORY)}")


def test_every_call_is_declared_as_a_read_or_a_write_by_its_name() -> None:
    calls = [call for declared in DECLARED.values() for call in declared.values()]
    declared = [(call.operation, needs.writes) for call in calls for needs in call.needs]
    assert declared == [(operation, not operations.reads(operation)) for operation, _ in declared]


@pytest.mark.parametrize("name", [role.policy for role in ROLES])
def test_every_statement_has_a_sid_and_limits_its_resources(name: str) -> None:
    statements = policies.document(name)["Statement"]
    assert all(re.fullmatch("[A-Za-z0-9]+", each["Sid"]) for each in statements)
    assert len({each["Sid"] for each in statements}) == len(statements)
    unlimited = [each for each in statements if each["Resource"] == "*" and "Condition" not in each]
    assert all(action.startswith("ec2:Describe") for action in policies.actions({"Statement": unlimited}))


@pytest.mark.parametrize("name", DECLARED)
def test_a_policy_has_exactly_the_actions_of_the_declared_calls(name: str) -> None:
    document = policies.together(*map(policies.document, ADDED.get(name, (name,))))
    declared = {action for call in DECLARED[name].values() for action, _ in call.actions()}
    assert {*policies.actions(document)} == declared
    assert not any("*" in action for action in declared)
    assert {each["Effect"] for each in document["Statement"]} == {"Allow"}


def test_what_only_some_inputs_need_is_in_policies_of_its_own() -> None:
    """A pool without these inputs gives its role no more than before; nothing stands in two policies."""
    own = policies.document("refresh")
    for name, given in ADDITIONS.items():
        only = policies.actions(policies.document(name))
        assert all(each not in own["Statement"] for each in policies.document(name)["Statement"])
        needing = {
            action
            for call in REFRESH.values()
            for needs in call.needs
            if needs.only_with in given
            for action, _ in needs.actions(call.operation)
        }
        assert {*only} <= needing <= {*only, *policies.actions(own)}
    assert not {"cloudwatch:PutMetricData", "ec2:CreateFleet", "ec2:RunInstances"} & {*policies.actions(own)}


def test_metrics_can_be_sent_to_the_namespace_of_the_action_only() -> None:
    document = policies.filled("refresh-metrics")
    for namespace, allowed in (("RefreshAction", True), ("AWS/EC2", False), ("RefreshActions", False)):
        context = {"cloudwatch:namespace": namespace}
        assert policies.allowed(document, "cloudwatch:PutMetricData", "*", context) is allowed
    assert not policies.allowed(document, "cloudwatch:PutMetricData", "*")


@pytest.mark.parametrize("repository", POOLS, ids=str)
def test_the_patterns_match_every_table_and_queue_of_the_pool(repository: names.Repository) -> None:
    document = policies.filled("refresh", repository)
    assert policies.allowed(document, "dynamodb:PutItem", _arn("dynamodb", f"table/{names.table(repository)}"))
    doors = [policies.filled(name, repository) for name in DOORS]
    for each in CLASSES:
        queue = _arn("sqs", names.queue(repository, each))
        assert policies.allowed(document, "sqs:CreateQueue", queue), each
        assert all(policies.allowed(door, "sqs:SendMessage", queue) for door in doors), each


@pytest.mark.shows("A36")
@pytest.mark.parametrize("name", ["refresh", "plan-only", *DOORS])
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_the_patterns_match_no_other_pool_and_no_other_account(other: names.Repository, name: str) -> None:
    document = policies.filled(name)
    foreign = _arn("dynamodb", f"table/{names.table(other)}")
    keys = {KEYS: names.partition_key(records.INSTANCE)}
    of_queues = [action for action in policies.actions(document) if action.startswith("sqs:")]
    assert policies.allowed(document, "dynamodb:Query", TABLE, keys)
    assert not policies.allowed(document, "dynamodb:Query", TABLE.replace(ACCOUNT_ID, "210987654321"), keys)
    assert not policies.allowed(document, "dynamodb:Query", foreign, keys)
    for each in CLASSES:
        queue = _arn("sqs", names.queue(other, each))
        assert not any(policies.allowed(document, action, queue) for action in of_queues), each


@pytest.mark.shows("A63")
@pytest.mark.parametrize(
    ("name", "action", "arn", "context", "allowed"),
    [
        *(
            (name, "ec2:TerminateInstances", INSTANCE, context, context == {TAG: "true"})
            for name in ("refresh", "instance-profile", *DOORS)
            for context in ({TAG: "true"}, {TAG: "false"}, {})
        ),
        ("refresh", "ec2:CreateTags", _arn("ec2", "launch-template/lt-0123456789abcdef0"), {}, True),
        ("refresh", "ec2:CreateTags", INSTANCE, {}, False),
        ("refresh", "ec2:CreateTags", _arn("ec2", "volume/vol-0123456789abcdef0"), {}, False),
        *(
            row
            for name in ("refresh", "provision")
            for row in (
                (name, "iam:PassRole", ROLE, {SERVICE: "ec2.amazonaws.com"}, True),
                (name, "iam:PassRole", ROLE, {SERVICE: "lambda.amazonaws.com"}, False),
                (name, "iam:PassRole", f"{ROLE}-other", {SERVICE: "ec2.amazonaws.com"}, False),
            )
        ),
    ],
)
def test_only_tagged_instances_own_templates_and_the_runner_role_can_be_used(
    name: str,
    action: str,
    arn: str,
    context: dict[str, str],
    allowed: bool,  # noqa: FBT001 - an expected value
) -> None:
    assert policies.allowed(policies.filled(name), action, arn, context) is allowed


@pytest.mark.shows("A30")
def test_the_trust_policy_accepts_both_subjects_of_one_branch_and_no_other() -> None:
    (statement,) = policies.filled("trust-policy")["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{policies.ISSUER}"}
    assert statement["Condition"] == {
        "StringEquals": {
            f"{policies.ISSUER}:aud": "sts.amazonaws.com",
            f"{policies.ISSUER}:sub": [
                "repo:octo/widgets:ref:refs/heads/main",
                "repo:octo@1234/widgets@5678:ref:refs/heads/main",
            ],
        }
    }


def test_the_page_explains_every_file_and_placeholder() -> None:
    used = {each for path in FILES for each in re.findall(PLACEHOLDER, path.read_text())}
    assert all(re.search(rf"\| [^|]*`{each}`[^|]* \|", PAGE) for each in used)
    for path in FILES:
        assert f"| [{path.name}]({path.name}) |" in PAGE
        assert not re.search(PLACEHOLDER, json.dumps(policies.filled(path.stem))), path.name


def test_the_page_writes_mapped_names_as_the_program_does() -> None:
    dotted = names.Repository("octo", "widgets.js")
    assert f"`{policies.queue_pattern(dotted)}`" in PAGE
    assert f"`{names.table(dotted)}`" in PAGE
