"""The next run repairs changes that others made, with the fewest writes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh.output.job_summary import markdown
from refresh.pool import names, records
from tests.fakes.desired import LARGE_QUEUE, OTHER_IMAGE, TABLE, TEMPLATE
from tests.fakes.world import World, in_minutes
from tests.reports import component, failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.ports import Clients

PUT, TRANSACT = "dynamodb:PutItem", "dynamodb:TransactWriteItems"
JUDGED = {"launch_template": ["ec2:CreateLaunchTemplateVersion"]}
REPEATED = {"gh_registration_token": [PUT]}
"""A new token has another expiry, which SETTINGS repeat."""
NEW_VERSION = ["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate", PUT, PUT]
"""The record of the template and SETTINGS both have the number of the default version."""


def _repaired_with(world: World, *writes: str) -> None:
    """Assert that the next run makes exactly these writes, and the run after it none."""
    world.forget_calls()
    report = world.refresh()
    assert report.exit_code == 0, markdown(report)
    assert world.aws.writes == list(writes)
    world.settle()


def _url(clients: Clients) -> str:
    return clients.sqs.get_queue_url(QueueName=LARGE_QUEUE)["QueueUrl"]


def test_a_deleted_template_is_created_again_and_its_id_is_kept(refreshed: World, clients: Clients) -> None:
    """Its instances still live, and the old id proves that they are ours."""
    old = refreshed.metadata(clients, "launch_template")["M"]["id"]["S"]
    clients.ec2.delete_launch_template(LaunchTemplateName=TEMPLATE)
    _repaired_with(refreshed, "ec2:CreateLaunchTemplate", PUT, PUT)
    recorded = refreshed.metadata(clients, "launch_template")["M"]
    assert recorded["formerIds"] == {"L": [{"S": old}]}
    assert recorded["id"]["S"] != old


@pytest.mark.shows("A26")
@pytest.mark.parametrize(
    "changed",
    [
        {"ImageId": OTHER_IMAGE},
        {"SecurityGroupIds": ["sg-0fffffffffffffff0"]},
        {"SecurityGroupIds": []},
        {"UserData": base64.b64encode(b"#!/bin/sh\n").decode()},
        {"InstanceType": "t3.micro"},
        {"MetadataOptions": {"HttpTokens": "optional"}},
        {"IamInstanceProfile": {"Name": "other"}},
    ],
)
def test_an_edited_default_version_is_replaced_by_a_new_one(
    refreshed: World, clients: Clients, changed: dict[str, object]
) -> None:
    """The old version may be faulty by now, and EC2 checks only new ones."""
    before = refreshed.default_version(clients)["LaunchTemplateData"]
    edited: Any = {**before, **changed}
    clients.ec2.create_launch_template_version(LaunchTemplateName=TEMPLATE, LaunchTemplateData=edited)
    clients.ec2.modify_launch_template(LaunchTemplateName=TEMPLATE, DefaultVersion="2")
    _repaired_with(refreshed, *NEW_VERSION)
    after = refreshed.default_version(clients)
    assert (after["VersionNumber"], after["LaunchTemplateData"]) == (3, before)


def test_a_deleted_queue_is_created_again(refreshed: World, clients: Clients) -> None:
    clients.sqs.delete_queue(QueueUrl=_url(clients))
    _repaired_with(refreshed, "sqs:CreateQueue")
    assert refreshed.queues(clients)[LARGE_QUEUE]["VisibilityTimeout"] == "30"


@pytest.mark.parametrize(("attribute", "value"), [("VisibilityTimeout", "0"), ("MessageRetentionPeriod", "60")])
def test_a_changed_queue_attribute_is_reset_in_place(
    refreshed: World, clients: Clients, attribute: str, value: str
) -> None:
    """The queue holds living runners."""
    before = refreshed.queues(clients)[LARGE_QUEUE]
    attributes: Any = {attribute: value}
    clients.sqs.set_queue_attributes(QueueUrl=_url(clients), Attributes=attributes)
    clients.sqs.send_message(QueueUrl=_url(clients), MessageBody="a living runner")
    _repaired_with(refreshed, "sqs:SetQueueAttributes")
    after = refreshed.queues(clients)[LARGE_QUEUE]
    assert after[attribute] == before[attribute]
    assert after["ApproximateNumberOfMessages"] == "1"


@pytest.mark.parametrize("identifier", names.METADATA_IDENTIFIERS)
def test_a_deleted_item_is_written_again(refreshed: World, clients: Clients, identifier: str) -> None:
    """If the template's item is gone, EC2 also has to check a new version of the template."""
    before = refreshed.metadata(clients, identifier)
    refreshed.delete_metadata(clients, identifier)
    refreshed.github.token_life -= timedelta(minutes=1)
    _repaired_with(refreshed, *JUDGED.get(identifier, ()), PUT, *REPEATED.get(identifier, ()))
    after = refreshed.metadata(clients, identifier)
    if identifier not in ("gh_registration_token", "runner_release"):
        assert after == before
    assert after.keys() == before.keys()


@pytest.mark.shows("A16")
@pytest.mark.parametrize(
    ("identifier", "value"),
    [
        ("idle_time_sec", {"S": "420"}),
        ("idle_time_sec", {"N": "421"}),
        ("max_runtime_min", {"N": "0"}),
        ("subnet_ids", {"SS": ["subnet-1"]}),
        ("resource_class_config", {"M": {}}),
        ("launch_template", {"M": {"name": {"S": "other"}}}),
        ("runner_release", {"S": "2.335.1"}),
        ("gh_registration_token", {"S": "none"}),
    ],
)
def test_an_item_of_another_shape_or_value_is_replaced(
    refreshed: World, clients: Clients, identifier: str, value: Mapping[str, Any]
) -> None:
    refreshed.put_metadata(clients, identifier, value)
    refreshed.github.token_life -= timedelta(minutes=1)
    _repaired_with(refreshed, *JUDGED.get(identifier, ()), PUT, *REPEATED.get(identifier, ()))
    assert refreshed.metadata(clients, identifier) != value


@pytest.mark.parametrize("value", [{"S": "none"}, {"M": {}}, {"M": {"idleTimeSec": {"N": "1"}}}, None])
def test_settings_that_were_edited_or_deleted_are_written_again(
    refreshed: World, clients: Clients, value: Mapping[str, Any] | None
) -> None:
    key = records.key(records.SETTINGS, names.SETTINGS_IDENTIFIER)
    before = refreshed.item(clients, records.SETTINGS, names.SETTINGS_IDENTIFIER)
    if value is None:
        clients.dynamodb.delete_item(TableName=TABLE, Key=key)
    else:
        edited: Any = {**before, "value": value}
        clients.dynamodb.put_item(TableName=TABLE, Item=edited)
    _repaired_with(refreshed, PUT)
    assert refreshed.item(clients, records.SETTINGS, names.SETTINGS_IDENTIFIER)["value"] == before["value"]


def test_time_to_live_is_switched_on_again(refreshed: World, clients: Clients) -> None:
    clients.dynamodb.update_time_to_live(
        TableName=TABLE, TimeToLiveSpecification={"Enabled": False, "AttributeName": "expiresAt"}
    )
    _repaired_with(refreshed, "dynamodb:UpdateTimeToLive")


def test_a_deleted_table_is_created_again_with_its_metadata(refreshed: World, clients: Clients) -> None:
    clients.dynamodb.update_table(TableName=TABLE, DeletionProtectionEnabled=False)
    clients.dynamodb.delete_table(TableName=TABLE)
    refreshed.settle()
    assert {key.partition("#")[2].partition(" ")[0] for key in refreshed.items(clients)} == {"METADATA", "SETTINGS"}
    assert len(refreshed.items(clients)) == len(names.METADATA_IDENTIFIERS) + 1


def test_a_newer_runner_reaches_the_template_within_six_hours(refreshed: World, clients: Clients) -> None:
    refreshed.github.version = "2.336.0"
    refreshed.forget_calls()
    assert refreshed.refresh().exit_code == 0
    assert (refreshed.aws.writes, refreshed.github.calls) == ([], [])
    value = refreshed.metadata(clients, "runner_release")["M"]
    asked_at = records.wire_time(datetime.now(UTC) - timedelta(hours=6, seconds=1))
    refreshed.put_metadata(clients, "runner_release", {"M": {**value, "asked_at": {"S": asked_at}}})
    refreshed.settle()
    assert "RUNNER_VERSION=2.336.0\n" in refreshed.user_data(clients)


def test_a_dropped_class_stays_recorded_until_its_instances_end(refreshed: World, clients: Clients) -> None:
    """Release reads its URL while they live; its queue stays."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id, resourceClass="xlarge", threshold=in_minutes(10))
    only_large = {"resource_class_config": '{"large": {"cpu": 2, "mmem": 4096}}'}
    report = refreshed.settle(**only_large)
    assert set(refreshed.metadata(clients, "resource_class_config")["M"]) == {"large", "xlarge"}
    assert any("xlarge" in warning for warning in component(report, "resource pools").warnings)
    refreshed.record(clients, instance_id, resourceClass="xlarge", threshold=in_minutes(-10))
    refreshed.refresh(**only_large)
    report = refreshed.refresh(**only_large)
    assert set(refreshed.metadata(clients, "resource_class_config")["M"]) == {"large"}
    assert len(refreshed.queues(clients)) == 7
    assert failed(report) == []
