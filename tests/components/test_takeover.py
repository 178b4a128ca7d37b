"""Resources of the original action are taken over; those of another repository or application are refused."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh.pool import names, records
from tests.fakes.desired import IMAGE, LARGE_QUEUE, TABLE, TEMPLATE
from tests.fakes.world import World, in_minutes
from tests.reports import component, failed

if TYPE_CHECKING:
    from refresh.ports import Clients

DEAD = "i-0123456789abcdef0"


def _create_table(clients: Clients, keys: dict[str, str] | None = None, **others: Any) -> None:
    """Create the table as the original action does: no protection, no time-to-live, no METADATA item of ours."""
    keys = keys or {"PK": "HASH", "SK": "RANGE"}
    request = {
        "TableName": TABLE,
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in keys],
        "BillingMode": "PAY_PER_REQUEST",
    }
    clients.dynamodb.create_table(**{**request, **others})


def test_a_pool_of_the_original_action_is_taken_over_in_place(world: World, clients: Clients) -> None:
    """Table, template and queues stay; only differences are changed."""
    _create_table(clients)
    created = clients.ec2.create_launch_template(
        LaunchTemplateName=TEMPLATE,
        LaunchTemplateData={
            "ImageId": IMAGE,
            "UserData": base64.b64encode(b"#!/bin/bash\n").decode(),
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 10},
        },
    )
    template_id = created["LaunchTemplate"]["LaunchTemplateId"]
    url = clients.sqs.create_queue(QueueName=LARGE_QUEUE)["QueueUrl"]
    clients.sqs.send_message(QueueUrl=url, MessageBody="a living runner")
    world.put_metadata(
        clients, "launch_template", records.to_wire({"name": TEMPLATE, "ami": IMAGE, "userDataHash": "x"})
    )
    world.put_metadata(clients, "idle_time_sec", {"N": "300"})
    (living,) = world.launch(clients)
    world.record(clients, living, state="running", runId="42", threshold=in_minutes(10))
    long_ago = datetime.now(UTC) - timedelta(hours=10)
    world.record(clients, DEAD, long_ago, state="terminated", threshold=records.wire_time(long_ago))
    world.forget_calls()

    report = world.refresh()
    assert failed(report) == []
    counted = world.aws.counted()
    assert "dynamodb:CreateTable" not in counted
    assert "ec2:CreateLaunchTemplate" not in counted
    assert counted["sqs:CreateQueue"] == 6
    assert counted["sqs:SetQueueAttributes"] == 1
    recorded = world.metadata(clients, "launch_template")["M"]
    assert (recorded["id"], recorded["version"]) == ({"S": template_id}, {"N": "2"})
    assert world.metadata(clients, "idle_time_sec") == {"N": "420"}
    assert world.metadata(clients, "resource_class_config")["M"]["large"]["M"]["queueUrl"] == {"S": url}
    assert world.queues(clients)[LARGE_QUEUE]["ApproximateNumberOfMessages"] == "1"
    assert world.left(clients, DEAD) == ["HISTORY"]
    assert world.states(clients) == {living: "running"}
    assert not clients.dynamodb.describe_table(TableName=TABLE)["Table"].get("DeletionProtectionEnabled")
    world.settle()


def _refused(world: World) -> str:
    """Assert that a run refuses the table and writes nothing; return the reason."""
    world.forget_calls()
    report = world.refresh()
    assert report.exit_code == 1
    assert world.aws.writes == []
    assert not any(call.startswith("POST") for call in world.github.calls)
    return str(component(report, "state table").error)


@pytest.mark.parametrize("keys", [{"id": "HASH"}, {"PK": "HASH"}, {"SK": "HASH", "PK": "RANGE"}])
def test_a_table_with_another_key_is_refused(world: World, clients: Clients, keys: dict[str, str]) -> None:
    _create_table(clients, keys)
    assert TABLE in _refused(world)


@pytest.mark.shows("A34")
def test_a_table_of_another_repository_is_refused(world: World) -> None:
    """`a-b/c` and `a/b-c` share a table name."""
    one = World(world.aws, world.github, names.Repository("a-b", "c"))
    other = World(world.aws, world.github, names.Repository("a", "b-c"))
    assert one.table == other.table
    one.settle()
    before = one.items(one.clients())
    assert "a-b/c" in _refused(other)
    assert one.items(one.clients()) == before
    one.settle()


def test_other_settings_of_the_table_are_warnings_and_left_alone(world: World, clients: Clients) -> None:
    """The owner may have chosen the throughput, and a changed time-to-live may delete data of others."""
    throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    _create_table(clients, BillingMode="PROVISIONED", ProvisionedThroughput=throughput)
    clients.dynamodb.update_time_to_live(
        TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    warnings = component(world.settle(), "state table").warnings
    assert all(any(word in warning for warning in warnings) for word in ("ttl", "on-demand", "deletion protection"))
    found = clients.dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert found.get("AttributeName") == "ttl"


def test_a_class_with_a_dash_keeps_its_recorded_queue_and_gets_a_hashed_one_otherwise(
    world: World, clients: Clients
) -> None:
    """The plain name may be another repository's; messages of a recorded queue are living runners."""
    config = {"resource_class_config": '{"x-y": {"cpu": 2, "mmem": 4096}}'}
    _create_table(clients)
    url = clients.sqs.create_queue(QueueName="octo-widgets-x-y-ci-pool")["QueueUrl"]
    world.put_metadata(
        clients, "resource_class_config", records.to_wire({"x-y": {"cpu": 2, "mmem": 4096, "queueUrl": url}})
    )
    world.settle(**config)
    assert set(world.queues(clients)) == {"octo-widgets-x-y-ci-pool"}
    world.delete_metadata(clients, "resource_class_config")
    world.settle(**config)
    assert len(world.queues(clients)) == 2
