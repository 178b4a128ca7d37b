"""Provisions under the published policy, with moto enforcing IAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.authorization import enable_iam_authentication

from refresh.pool import lifecycle, names, records, signals
from tests.fakes import operations
from tests.fakes.agents import NEVER, REGISTERS
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.releasing import RUN
from tests.fakes.world import in_minutes
from tests.iam import policies
from tools.generated.roles import PROVISION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refresh.ports import Clients
    from tests.fakes.provisioning import ProvisionWorld

POLICY = policies.document("provision")
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{names.table(REPOSITORY)}"
KEYS = "dynamodb:LeadingKeys"
SECOND = {"GITHUB_RUN_ATTEMPT": "2"}
NAMED_BY_OPERATION = {"sqs:SendMessage": "sqs:SendMessageBatch"}
"""moto refuses these by the name of the operation, see `policies.enforceable`."""
CHECKED_BY_EC2 = {"ec2:CreateTags", "ec2:RunInstances", "iam:PassRole", "ssm:GetParameters"}
"""What EC2 asks of the caller of CreateFleet, and moto does not: the market refuses it as EC2 does."""
NOT_NEEDED_BY_THE_JOBS = {"ec2:DescribeInstances", "ec2:TerminateInstances", "sqs:SendMessage"}
"""What only other machines need: those for the run are provided all the same, and the error is shown."""


@pytest.fixture
def due(refreshed: ProvisionWorld, clients: Clients) -> Iterator[ProvisionWorld]:
    """Give a pool in which every kind of change is due for two machines of the second attempt.

    One is ready and one is missing; of the first attempt's machines one goes back, since it has another class, and one
    ends, since it has not registered in time.
    """
    (late,) = refreshed.occupy(clients, state="created", instanceType="m7i.large", threshold=in_minutes(5))
    _written(refreshed, clients, late, in_minutes(-5))
    refreshed.put_run(clients)
    refreshed.occupy(clients, resourceClass="xlarge", instanceType="m7i.xlarge")
    refreshed.ready(clients)
    with refreshed.agents(clients) as agents:
        agents.fate = lambda record: NEVER if record.id == late else REGISTERS
        yield refreshed


def _written(world: ProvisionWorld, clients: Clients, identifier: str, at: str) -> None:
    """Have a record that was written then, by a machine that has not reported anything."""
    for entity in (records.SIGNAL, signals.agent_entity(world.role_id(), identifier)):
        clients.dynamodb.delete_item(TableName=world.table, Key=records.key(entity, identifier))
    clients.dynamodb.update_item(
        TableName=world.table,
        Key=records.key(records.INSTANCE, identifier),
        UpdateExpression="SET updatedAt = :at",
        ExpressionAttributeValues={":at": {"S": at}},
    )


def _provision(world: ProvisionWorld, *without: str, **inputs: str) -> tuple[int, str]:
    """Provision under the policy less some actions; only the calls of the provision are kept."""
    key = policies.credentials(world.aws, policies.enforceable(POLICY, without, PROVISION))
    world.forget_calls()
    for action in sorted(CHECKED_BY_EC2 & {*without}):
        world.aws.market.deny(f"User: arn:aws:iam::{ACCOUNT_ID}:user/refresh is not authorized to perform: {action}")
    with enable_iam_authentication():
        return world.provision({**key, **SECOND}, count="2", **inputs)


def test_provision_json_allows_everything_that_a_provision_does(due: ProvisionWorld, clients: Clients) -> None:
    code, printed = _provision(due, allowed_account_ids=ACCOUNT_ID)
    made = {*due.aws.calls}
    assert code == 0, printed
    assert made == set(PROVISION) - {"sts:AssumeRoleWithWebIdentity"}
    assert [*due.having(clients).values()] == [lifecycle.RUNNING] * 2
    assert sorted(due.states(clients).values()) == ["running"] * 3 + ["terminated"]
    assert len(due.messages("xlarge")) == 1


def test_every_item_that_a_provision_reads_or_writes_has_a_key_that_its_role_may_use(due: ProvisionWorld) -> None:
    document = policies.filled("provision")
    code, printed = _provision(due)
    assert code == 0, printed
    made = [each for each in zip(due.aws.calls, due.aws.bodies, strict=True) if each[0].startswith("dynamodb:")]
    asked = [each for operation, body in made for each in policies.asked(operation, body)]
    assert {action for action, _ in asked} == {
        each for each in policies.actions(POLICY) if each.startswith("dynamodb:")
    }
    refused = [each for each in asked if not policies.allowed(document, each[0], TABLE, {KEYS: each[1]})]
    assert refused == []


@pytest.mark.parametrize("action", sorted({*policies.actions(POLICY)}))
def test_a_missing_action_is_named(due: ProvisionWorld, action: str) -> None:
    code, printed = _provision(due, action)
    assert code == (0 if action in NOT_NEEDED_BY_THE_JOBS else 1), printed
    assert policies.missing(printed, [NAMED_BY_OPERATION.get(action, action)]) == [], printed
    assert "error: " in printed or "warning: " in printed
    assert "Traceback" not in printed


def test_what_cannot_be_read_is_not_changed(due: ProvisionWorld, clients: Clients) -> None:
    before, item = {*due.records(clients).values()}, due.item(clients, records.RUN, RUN)
    code, printed = _provision(due, *policies.actions(POLICY))
    assert code == 1, printed
    assert {each for each in due.aws.calls if not operations.reads(each)} <= {"dynamodb:PutItem"}
    assert {*due.records(clients).values()} == before
    assert due.item(clients, records.RUN, RUN) == item


@pytest.mark.parametrize("action", ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"])
def test_the_role_of_a_pull_request_cannot_read_the_registration_token(action: str) -> None:
    """Neither alone nor together with items that it may read."""
    document, token = policies.filled("provision"), names.partition_key(records.METADATA)
    for allowed in ([], [records.SETTINGS], [records.RUN, records.INSTANCE]):
        keys = [token, *map(names.partition_key, allowed)]
        assert not policies.allowed(document, action, TABLE, {KEYS: keys})


def test_the_role_of_a_pull_request_has_no_way_around_the_keys(refreshed: ProvisionWorld) -> None:
    """A scan and PartiQL name no key; moto enforces that the policy has no such action."""
    environ = policies.credentials(refreshed.aws, policies.enforceable(POLICY, (), PROVISION))
    dynamodb = operations.mark(
        boto3.client(
            "dynamodb",
            endpoint_url=refreshed.aws.url,
            region_name=REGION,
            aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        )
    )
    statement = f'SELECT * FROM "{refreshed.table}"'  # noqa: S608 - the test's own table
    tried: dict[str, Callable[[], object]] = {
        "Scan": lambda: dynamodb.scan(TableName=refreshed.table),
        "ExecuteStatement": lambda: dynamodb.execute_statement(Statement=statement),
        "TransactGetItems": lambda: dynamodb.transact_get_items(
            TransactItems=[
                {"Get": {"TableName": refreshed.table, "Key": records.key(records.METADATA, "gh_registration_token")}}
            ]
        ),
    }
    with enable_iam_authentication():
        for name, call in tried.items():
            with pytest.raises(ClientError, match="AccessDenied"):
                call()
            assert f"dynamodb:{name}" not in policies.actions(POLICY)
