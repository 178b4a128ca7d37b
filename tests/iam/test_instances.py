"""The role of the instances, which every job on them has, reaches no more than the agent needs."""

from __future__ import annotations

import pytest

from refresh.pool import names, records, signals
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.runner_role import ROLE_ID
from tests.iam import policies
from tools.generated.roles import AGENT

OWN, OTHER = f"{ROLE_ID}:i-0123456789abcdef0", f"{ROLE_ID}:i-0fedcba9876543210"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{names.table(REPOSITORY)}"
KEYS = "dynamodb:LeadingKeys"


def _entity(user_id: str) -> str:
    return signals.agent_entity(*user_id.split(":"))


def _allowed(document: policies.Document, action: str, *entities: str, **context: str) -> bool:
    keys = {KEYS: [*map(names.partition_key, entities)]} if entities else {}
    return policies.allowed(document, action, TABLE, {"aws:userid": OWN, **context, **keys})


def test_the_policy_has_exactly_the_actions_of_the_agent_s_calls() -> None:
    declared = {action for call in AGENT.values() for action, _ in call.actions()}
    assert {*policies.actions(policies.document("instance-profile"))} == declared
    assert declared == {"dynamodb:GetItem", "dynamodb:PutItem", "ec2:TerminateInstances"}
    assert set(AGENT) - declared == {"sts:GetCallerIdentity"}


@pytest.mark.shows("A1", "A74")
@pytest.mark.parametrize("original", [True, False])
def test_an_instance_can_read_and_write_only_its_kinds_of_items(*, original: bool) -> None:
    document = policies.filled("instance-profile") if original else policies.without_the_original()
    expected = {
        records.INSTANCE: ["GetItem"],
        records.METADATA: ["GetItem"],
        records.HEARTBEAT: ["PutItem"] if original else [],
        records.SIGNAL: ["PutItem"] if original else [],
        _entity(OWN): ["PutItem"],
        _entity(OTHER): [],
        records.AGENT: [],
        records.HISTORY: [],
        records.SETTINGS: [],
        records.RUN: [],
    }
    tried = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem")
    reached = {
        entity: [each for each in tried if _allowed(document, f"dynamodb:{each}", entity)] for entity in expected
    }
    assert reached == expected
    assert not any(_allowed(document, f"dynamodb:{each}") for each in tried)


@pytest.mark.shows("A70")
@pytest.mark.parametrize("entity", [_entity(OTHER), "AGENT#${aws:userid}", f"{_entity(OWN)}0", "AGENT#*"])
def test_an_instance_reports_under_its_own_identity_and_no_other(entity: str) -> None:
    document = policies.filled("instance-profile")
    assert _allowed(document, "dynamodb:PutItem", _entity(OWN))
    assert not _allowed(document, "dynamodb:PutItem", entity)
    assert not _allowed(document, "dynamodb:PutItem", _entity(OWN), entity)


def test_an_identity_is_no_pattern() -> None:
    """IAM takes what a variable stands for to the letter."""
    for user_id in ("*", f"{ROLE_ID}:*", f"{ROLE_ID}:i-????????????????0"):
        assert not policies.allowed(
            policies.filled("instance-profile"),
            "dynamodb:PutItem",
            TABLE,
            {"aws:userid": user_id, KEYS: [names.partition_key(_entity(OWN))]},
        )


def test_the_page_names_the_statement_that_can_be_left_out() -> None:
    (statement,) = (
        each for each in policies.document("instance-profile")["Statement"] if each["Sid"] == policies.OF_THE_ORIGINAL
    )
    assert statement["Condition"]["ForAllValues:StringEquals"] == {KEYS: ["TYPE#HEARTBEAT", "TYPE#WS"]}
    assert f"`{policies.OF_THE_ORIGINAL}`" in (policies.FOLDER / "README.md").read_text()
