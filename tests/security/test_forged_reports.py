"""A job has its machine's role: IAM lets it report for that machine only, and our doors believe no other report.

Root and the runner's user get the same credentials from the metadata service, so they can do the same.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from attrs import frozen
from botocore.exceptions import ClientError

from refresh.pool import names, records, signals
from tests.fakes import canaries, operations
from tests.fakes.desired import REGION
from tests.fakes.iam_enforcement import Enforcement, UserIds
from tests.fakes.role_sessions import Session
from tests.fakes.runner_role import ROLE_ID
from tests.iam import policies

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.ports import Clients
    from tests.fakes.world import World

OWN, OTHER = "ASIAOWNMACHINE000000", "ASIAOTHERMACHINE0000"
"""Access keys."""
SECRET = canaries.plant("AWS secret key of an instance", "own-machine-secret-0123456789")
TOKEN = records.key(records.METADATA, names.REGISTRATION_TOKEN_IDENTIFIER)


@frozen
class _Job:
    """A job on one of two machines, with its role's credentials."""

    world: World
    own: str
    other: str
    dynamodb: Any
    ec2: Any
    sts: Any

    def report(self, identifier: str, key: str | None = None) -> None:
        """Report that a machine is registered, under the key of its agent or another one."""
        entity = key or signals.agent_entity(ROLE_ID, identifier)
        now = datetime.now(UTC)
        value = {"state": signals.REGISTERED, "runId": "42", "signalledAt": records.wire_time(now)}
        item = records.item(records.AGENT, identifier, now, value=value)
        self.dynamodb.put_item(TableName=self.world.table, Item={**item, "PK": {"S": names.partition_key(entity)}})

    def reported(self, role_id: str) -> signals.Report | None:
        """Return what the doors read of the other machine."""
        table = self.world.table
        keys = [*signals.keys(role_id, [self.other])]
        found = {
            key: item
            for key in keys
            for item in self.world.aws.items(table, names.partition_key(key[0]))
            if item["identifier"]["S"] == key[1]
        }
        return signals.read_reports(found).get(self.other)


@pytest.fixture
def job(refreshed: World, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> _Job:
    """Give a job on one of two machines of a pool."""
    own, other = refreshed.launch(clients, 2)
    aws, expires_at = refreshed.aws, time.time() + 3600
    opened = {key: Session(f"{ROLE_ID}:{each}", expires_at) for key, each in ((OWN, own), (OTHER, other))}
    monkeypatch.setattr(aws.sessions, "opened", opened)
    monkeypatch.setattr(aws, "enforcement", Enforcement(policies.filled("instance-profile"), UserIds(aws.sessions)))

    def client(service: str) -> Any:
        connect: Any = boto3.client
        keys = {"aws_access_key_id": OWN, "aws_secret_access_key": SECRET}
        return operations.mark(connect(service, endpoint_url=aws.url, region_name=REGION, **keys))

    return _Job(refreshed, own, other, client("dynamodb"), client("ec2"), client("sts"))


@pytest.mark.shows("A70")
def test_a_job_can_report_for_its_own_machine_and_for_no_other(job: _Job) -> None:
    job.report(job.own)
    with pytest.raises(ClientError, match="AccessDenied"):
        job.report(job.other)
    assert job.reported(ROLE_ID) is None
    assert job.sts.get_caller_identity()["UserId"] == f"{ROLE_ID}:{job.own}"


@pytest.mark.shows("A70")
@pytest.mark.parametrize(
    "entity",
    [
        records.AGENT,
        "AGENT#*",
        "AGENT#${aws:userid}",
        f"AGENT#{ROLE_ID}:{{own}}#",
        f"AGENT#{ROLE_ID}:*",
        f"AGENT#{ROLE_ID}",
        "AGENT#AROAANOTHERROLE000000:{own}",
        records.INSTANCE,
        records.SETTINGS,
        records.METADATA,
    ],
)
def test_no_key_that_looks_like_its_own_is_written_by_a_job(job: _Job, entity: str) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        job.report(job.own, entity.format(own=job.own) if "{own}" in entity else entity)


@pytest.mark.shows("A70")
def test_no_other_call_changes_the_report_of_another_machine(job: _Job) -> None:
    """Nor can a job read one; its own is written by one call only."""
    entity, identifier = next(signals.keys(ROLE_ID, [job.other]))
    key, table = records.key(entity, identifier), job.world.table
    own = records.key(*next(signals.keys(ROLE_ID, [job.own])))
    put = {"PutRequest": {"Item": key}}
    names_of_both = {"TableName": table, "Item": key}
    tried: dict[str, Callable[[], object]] = {
        "DeleteItem": lambda: job.dynamodb.delete_item(TableName=table, Key=key),
        "UpdateItem": lambda: job.dynamodb.update_item(TableName=table, Key=key, UpdateExpression="REMOVE x"),
        "BatchWriteItem": lambda: job.dynamodb.batch_write_item(RequestItems={table: [put]}),
        "TransactWriteItems": lambda: job.dynamodb.transact_write_items(
            TransactItems=[{"Put": {"TableName": table, "Item": own}}, {"Put": names_of_both}]
        ),
        "ExecuteStatement": lambda: job.dynamodb.execute_statement(
            Statement=f"""INSERT INTO "{table}" VALUE {{'PK': 'TYPE#{entity}', 'SK': 'ID#{identifier}'}}"""
        ),
        "GetItem": lambda: job.dynamodb.get_item(TableName=table, Key=key),
        "Scan": lambda: job.dynamodb.scan(TableName=table),
    }
    for each in tried.values():
        with pytest.raises(ClientError, match="AccessDenied"):
            each()


@pytest.mark.shows("A70")
def test_what_a_job_writes_for_the_original_is_believed_by_no_door_that_knows_the_role(job: _Job) -> None:
    """IAM allows it, since the items of the original have nothing of the writer in their keys."""
    for entity, value in (
        (records.HEARTBEAT, "PING"),
        (records.SIGNAL, {"state": signals.REGISTERED, "runId": "42"}),
    ):
        item = records.item(entity, job.other, datetime.now(UTC), value=value)
        job.dynamodb.put_item(TableName=job.world.table, Item=item)
    believed = job.reported("")
    assert believed is not None
    assert believed.signal == signals.Signal(signals.REGISTERED, "42")
    assert job.reported(ROLE_ID) is None


@pytest.mark.shows("A70")
def test_without_the_original_no_machine_can_write_for_another(job: _Job) -> None:
    """The page says to leave out a statement then."""
    assert job.world.aws.enforcement is not None
    job.world.aws.enforcement = Enforcement(policies.without_the_original(), job.world.aws.enforcement.users)
    for entity in (records.HEARTBEAT, records.SIGNAL):
        with pytest.raises(ClientError, match="AccessDenied"):
            job.dynamodb.put_item(TableName=job.world.table, Item=records.item(entity, job.other, datetime.now(UTC)))
    job.report(job.own)


def test_what_the_agent_needs_is_allowed(job: _Job) -> None:
    """So the refusals of the others are the policy's."""
    table = job.world.table
    assert "Item" in job.dynamodb.get_item(TableName=table, Key=TOKEN)
    assert "Item" not in job.dynamodb.get_item(TableName=table, Key=records.key(records.INSTANCE, job.own))
    job.ec2.terminate_instances(InstanceIds=[job.own])


def test_an_instance_without_the_tag_is_ended_by_no_machine(job: _Job, clients: Clients) -> None:
    clients.ec2.delete_tags(Resources=[job.other], Tags=[{"Key": "AllowSelfTermination"}])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        job.ec2.terminate_instances(InstanceIds=[job.other])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        job.ec2.describe_instances()
