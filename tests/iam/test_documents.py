"""The policies of docs/iam allow what the table says, on the pool's resources, and nothing else."""

from __future__ import annotations

import json
import re

import pytest

from refresh.pool import names
from tests import pages
from tests.fakes import operations
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.world import ROOT
from tests.iam import policies

POOLS = (
    REPOSITORY,
    names.Repository("octo", "widgets.js"),
    names.Repository("octo_corp", "a.b-c_d"),
    *(names.Repository("o" * 10, "r" * length) for length in (42, 43, 44, 45, 60, 100)),
    names.Repository("o" * 39, "r.s" * 33),
)
CLASSES = ("large", "12xlarge", "x", "with-hyphens", "l" * 60)
OTHERS = (names.Repository("octo", "gadgets"), names.Repository("octo", "widget"), names.Repository("other", "widgets"))

_PLACEHOLDER = r"\b(?:OWNER-REPO|REGION|ACCOUNT|RUNNER-ROLE|AMI-PARAMETER|OWNER_ID|REPO_ID|OWNER|REPO)\b"


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


def test_refresh_may_do_what_the_table_says_and_nothing_else() -> None:
    """A missing action breaks a user's run, a superfluous one is a gift to an attacker."""
    needed = {action for actions in policies.TABLE.values() for action in actions}
    assert set(policies.actions(policies.document("refresh"))) == needed


def test_plan_only_may_do_what_the_reading_rows_say_and_nothing_else() -> None:
    """No action that writes is among them."""
    needed = {action for operation in policies.READING for action in policies.TABLE[operation]}
    assert set(policies.actions(policies.document("plan-only"))) == needed


def test_every_row_but_two_has_actions() -> None:
    """Taking a role is allowed by its trust policy, and everybody may ask who they are."""
    assert [name for name, actions in policies.TABLE.items() if not actions] == [
        "sts:AssumeRoleWithWebIdentity",
        "sts:GetCallerIdentity",
    ]
    assert list(policies.TABLE) == sorted(policies.TABLE)


@pytest.mark.parametrize(
    "name", ["refresh", "plan-only", "image-parameter", "instance-profile", "trust-policy", "instance-trust-policy"]
)
def test_every_statement_is_named_allows_and_says_each_action_once(name: str) -> None:
    """People find a statement by its Sid, and nothing is allowed twice or by a wildcard."""
    document = policies.document(name)
    assert document["Version"] == "2012-10-17"
    assert {statement["Effect"] for statement in document["Statement"]} == {"Allow"}
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    actions = policies.actions(document)
    assert len(set(actions)) == len(actions)
    assert not any("*" in action for action in actions)


@pytest.mark.parametrize("name", ["refresh", "plan-only"])
def test_only_looking_at_ec2_knows_no_resources(name: str) -> None:
    """Everything else is limited by name, kind or tag."""
    unlimited = [each for each in policies.document(name)["Statement"] if each["Resource"] == "*"]
    assert [each["Sid"] for each in unlimited] == ["LookAtEc2"]
    assert all(action.startswith("ec2:Describe") for action in policies.actions({"Statement": unlimited}))


@pytest.mark.parametrize("repository", POOLS, ids=str)
def test_the_patterns_match_the_pool_s_own_table_and_queues(repository: names.Repository) -> None:
    """Whatever names.py makes of the repository and of the classes."""
    document = policies.filled("refresh", repository)
    assert policies.allowed(document, "dynamodb:PutItem", _arn("dynamodb", f"table/{names.table(repository)}"))
    for each in CLASSES:
        assert policies.allowed(document, "sqs:CreateQueue", _arn("sqs", names.queue(repository, each))), each


@pytest.mark.shows("A36")
@pytest.mark.parametrize("name", ["refresh", "plan-only"])
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_another_pool_s_table_and_queues_do_not_match(other: names.Repository, name: str) -> None:
    """Nor do those of another account."""
    document = policies.filled(name)
    own = _arn("dynamodb", f"table/{names.table(REPOSITORY)}")
    assert policies.allowed(document, "dynamodb:Query", own)
    assert not policies.allowed(document, "dynamodb:Query", own.replace(ACCOUNT_ID, "210987654321"))
    assert not policies.allowed(document, "dynamodb:Query", _arn("dynamodb", f"table/{names.table(other)}"))
    for each in CLASSES:
        queue = _arn("sqs", names.queue(other, each))
        assert not policies.allowed(document, "sqs:GetQueueAttributes", queue), each


def test_a_repository_whose_name_goes_on_is_matched_as_the_page_says() -> None:
    """A pattern cannot tell a class from the rest of a name; the page says what to write instead."""
    longer = names.Repository(REPOSITORY.owner, f"{REPOSITORY.name}-admin")
    document = policies.filled("refresh")
    assert policies.allowed(document, "sqs:CreateQueue", _arn("sqs", names.queue(longer, "large")))
    assert "also matches those of a repository whose name begins with `REPO-`" in _page()


def test_the_page_s_examples_of_mapped_queues_are_the_program_s() -> None:
    """What people are told to write for a dot and for a long name."""
    dotted = names.Repository("octo", "widgets.js")
    assert f"`{policies.queue_pattern(dotted)}`" in _page()
    assert f"`{names.table(dotted)}`" in _page()
    assert "Write its first 55 (dots as `_`) and `*-ci-pool*`" in _page()


@pytest.mark.shows("A63")
@pytest.mark.parametrize("name", ["refresh", "instance-profile"])
def test_only_tagged_instances_may_be_ended(name: str) -> None:
    """An instance without provision's tag, or with another value, is refused."""
    document = policies.filled(name)
    instance = _arn("ec2", "instance/i-0123456789abcdef0")
    tag = "aws:ResourceTag/AllowSelfTermination"
    assert policies.allowed(document, "ec2:TerminateInstances", instance, {tag: "true"})
    assert not policies.allowed(document, "ec2:TerminateInstances", instance, {tag: "false"})
    assert not policies.allowed(document, "ec2:TerminateInstances", instance)


@pytest.mark.shows("A63")
def test_tags_are_set_on_launch_templates_only() -> None:
    """Whoever could tag an instance could end it."""
    document = policies.filled("refresh")
    assert policies.allowed(document, "ec2:CreateTags", _arn("ec2", "launch-template/lt-0123456789abcdef0"))
    for other in ("instance/i-0123456789abcdef0", "volume/vol-0123456789abcdef0"):
        assert not policies.allowed(document, "ec2:CreateTags", _arn("ec2", other))


@pytest.mark.shows("A63")
def test_only_the_runners_role_may_be_passed_and_only_to_ec2() -> None:
    """No other role, to no other service."""
    document = policies.filled("refresh")
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/{policies.RUNNER_ROLE}"
    service = "iam:PassedToService"
    assert policies.allowed(document, "iam:PassRole", role, {service: "ec2.amazonaws.com"})
    assert not policies.allowed(document, "iam:PassRole", role, {service: "lambda.amazonaws.com"})
    assert not policies.allowed(document, "iam:PassRole", f"{role}-other", {service: "ec2.amazonaws.com"})


def test_the_role_that_launches_may_resolve_the_same_image_parameters() -> None:
    """EC2 resolves the parameter as the caller, at each launch; refresh's own statement has the same resources."""
    (own,) = (each for each in policies.document("refresh")["Statement"] if each["Sid"] == "ImageParameter")
    assert policies.document("image-parameter")["Statement"] == [own]


@pytest.mark.shows("A1")
def test_an_instance_reads_and_writes_its_own_kinds_of_items_only() -> None:
    """It cannot write records or parameters with the role."""
    document = policies.filled("instance-profile")
    table, key = _arn("dynamodb", f"table/{names.table(REPOSITORY)}"), "dynamodb:LeadingKeys"
    for entity, reads, writes in (
        ("INSTANCE", True, False),
        ("METADATA", True, False),
        ("HEARTBEAT", False, True),
        ("WS", False, True),
    ):
        context = {key: names.partition_key(entity)}
        assert policies.allowed(document, "dynamodb:GetItem", table, context) is reads
        assert policies.allowed(document, "dynamodb:PutItem", table, context) is writes


def test_the_instance_s_page_has_the_same_policy() -> None:
    """With any region and account, and without Sids, as it always was."""
    page = (ROOT / "docs" / "instance.md").read_text()
    shown = json.loads(pages.blocks(page, "json")[0])
    text = (policies.FOLDER / "instance-profile.json").read_text().replace("REGION", "*").replace("ACCOUNT", "*")
    document = json.loads(text)
    for statement in document["Statement"]:
        del statement["Sid"]
    assert shown == document


@pytest.mark.shows("A30")
def test_both_forms_of_a_job_s_subject_are_trusted_and_no_other() -> None:
    """Of one branch of one repository, for AWS's STS."""
    (statement,) = policies.filled("trust-policy")["Statement"]
    issuer = "token.actions.githubusercontent.com"
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT_ID}:oidc-provider/{issuer}"}
    assert statement["Condition"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": [
                "repo:octo/widgets:ref:refs/heads/main",
                "repo:octo@1234/widgets@5678:ref:refs/heads/main",
            ],
        }
    }


def test_every_placeholder_is_explained() -> None:
    """And nothing is left of one when all are replaced."""
    used: set[str] = set()
    for path in policies.FOLDER.glob("*.json"):
        used |= set(re.findall(_PLACEHOLDER, path.read_text()))
        text = json.dumps(policies.filled(path.stem))
        assert not re.search(_PLACEHOLDER, text), path.name
    assert len(used) == 9
    rows = [line.split("|")[1] for line in operations.PAGE.read_text().splitlines() if line.startswith("| `")]
    assert all(any(f"`{each}`" in row for row in rows) for each in used)


def test_every_file_has_a_row() -> None:
    """No policy is published without a word on whom it is for."""
    for path in policies.FOLDER.glob("*.json"):
        assert f"| [{path.name}]({path.name}) |" in _page()


def _page() -> str:
    """Give the page with all white space as single blanks."""
    return " ".join(operations.PAGE.read_text().split())
