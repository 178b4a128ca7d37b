"""What the first run creates in an empty account, and that a plan lists what a run does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh.output.job_summary import markdown
from refresh.pool import names
from tests.fakes.desired import IMAGE, LARGE_QUEUE, OTHER_IMAGE, TABLE, TEMPLATE
from tests.fakes.world import World
from tests.reports import component

if TYPE_CHECKING:
    from refresh.ports import Clients

SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")


def test_an_empty_account_gets_the_table(refreshed: World, clients: Clients) -> None:
    table = clients.dynamodb.describe_table(TableName=TABLE)["Table"]
    assert table["KeySchema"] == [
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ]
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    assert types == {"PK": "S", "SK": "S"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True
    assert clients.dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expiresAt",
    }
    assert len(refreshed.items(clients)) == len(names.METADATA_IDENTIFIERS) + 1


def test_an_empty_account_gets_the_launch_template(refreshed: World, clients: Clients) -> None:
    """Its default version sets neither instance type nor subnet."""
    (version,) = refreshed.versions(clients)
    assert version["DefaultVersion"]
    data = version["LaunchTemplateData"]
    del data["UserData"]
    user_data = refreshed.user_data(clients)
    assert data == {
        "ImageId": IMAGE,
        "IamInstanceProfile": {"Name": "runner-profile"},
        "SecurityGroupIds": [refreshed.inputs["security-group-ids"]],
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "InstanceMetadataTags": "enabled",
        },
    }
    assert user_data.startswith("#!/usr/bin/env bash\n")
    assert f"TABLE_NAME={TABLE}\n" in user_data
    assert "RUNNER_VERSION=2.335.1\n" in user_data


def test_an_empty_account_gets_a_queue_for_each_class(refreshed: World, clients: Clients) -> None:
    """They keep messages for longer than a runner idles."""
    queues = refreshed.queues(clients)
    assert set(queues) == {f"octo-widgets-{size}-ci-pool" for size in SIZES}
    kept = {(queue["VisibilityTimeout"], queue["MessageRetentionPeriod"]) for queue in queues.values()}
    assert kept == {("30", "3600")}


def test_instances_can_be_launched_from_the_recorded_template(refreshed: World, clients: Clients) -> None:
    (instance_id,) = refreshed.launch(clients)
    found = clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    recorded = refreshed.metadata(clients, "launch_template")["M"]
    assert recorded["name"] == {"S": TEMPLATE}
    assert tags["aws:ec2launchtemplate:id"] == recorded["id"]["S"]
    assert found["ImageId"] == IMAGE


def test_a_plan_leaves_drift_alone_and_lists_what_a_run_does_first(refreshed: World, clients: Clients) -> None:
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    data = refreshed.default_version(clients)["LaunchTemplateData"]
    edited: Any = {**data, "ImageId": OTHER_IMAGE}
    clients.ec2.create_launch_template_version(LaunchTemplateName=TEMPLATE, LaunchTemplateData=edited)
    clients.ec2.modify_launch_template(LaunchTemplateName=TEMPLATE, DefaultVersion="2")
    clients.sqs.delete_queue(QueueUrl=clients.sqs.get_queue_url(QueueName=LARGE_QUEUE)["QueueUrl"])
    clients.dynamodb.update_time_to_live(
        TableName=TABLE, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expiresAt"}
    )
    for identifier in ("idle_time_sec", "gh_registration_token", "runner_release"):
        refreshed.delete_metadata(clients, identifier)
    before = refreshed.items(clients)
    refreshed.forget_calls()

    planned = refreshed.refresh(mode="plan")
    assert planned.exit_code == 0
    assert refreshed.aws.writes == []
    assert not any(call.startswith("POST") for call in refreshed.github.calls)
    assert refreshed.items(clients) == before
    assert refreshed.states(clients) == {instance_id: "running"}
    unplanned = {each.name for each in planned.components if not each.planned}
    optional = {"abandoned runs", "stranded jobs", "warm pool", "daily summary"}
    assert unplanned - optional == {"runner registrations", "orphaned artifacts"}, markdown(planned)
    applied = refreshed.refresh()
    assert applied.exit_code == 0
    for each in planned.components:
        outcomes = component(applied, each.name).outcomes
        assert tuple(outcome.change for outcome in outcomes[: len(each.planned)]) == each.planned
    assert refreshed.states(clients) == {instance_id: "terminated"}
