"""The owner's tags and the root volume: set when a resource is created, repaired later, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refresh.output.job_summary import markdown
from tests.fakes.desired import LARGE_QUEUE, OTHER_IMAGE, TABLE, TEMPLATE
from tests.fakes.world import World
from tests.reports import component, failed, reported

if TYPE_CHECKING:
    from refresh.ports import Clients

TAGS = {"cost-center": "42", "team": "ci platform"}
WRITTEN = "team = ci platform\n\ncost-center=42\n"
FOREIGN = {"backup": "daily"}
CLASSES = 7


@pytest.fixture
def image(clients: Clients) -> str:
    """Register an image; moto's all boot from 15 GiB at /dev/sda1 and keep that volume."""
    return clients.ec2.register_image(Name="runner", RootDeviceName="/dev/sda1")["ImageId"]


def _pairs(tags: dict[str, str]) -> Any:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _arn(clients: Clients) -> str:
    return clients.dynamodb.describe_table(TableName=TABLE)["Table"]["TableArn"]


def _tags(clients: Clients, queue: str = LARGE_QUEUE) -> list[dict[str, str]]:
    """Read the tags of the table, of the template and of a queue."""
    table = clients.dynamodb.list_tags_of_resource(ResourceArn=_arn(clients))["Tags"]
    (template,) = clients.ec2.describe_launch_templates(LaunchTemplateNames=[TEMPLATE])["LaunchTemplates"]
    url = clients.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    by_key = ({tag["Key"]: tag["Value"] for tag in tags} for tags in (table, template.get("Tags", [])))
    return [*by_key, clients.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})]


def _root_volume(world: World, clients: Clients) -> Any:
    """Read what the default version says of /dev/sda1, its only device."""
    (device,) = world.default_version(clients)["LaunchTemplateData"]["BlockDeviceMappings"]
    assert device["DeviceName"] == "/dev/sda1"
    return device["Ebs"]


def test_every_resource_is_created_with_its_tags_in_the_same_call(world: World, clients: Clients) -> None:
    """Organisations deny the creation of untagged resources."""
    report = world.refresh(tags=WRITTEN)
    assert report.exit_code == 0, markdown(report)
    assert not [call for call in world.aws.writes if "Tag" in call]
    for queue in world.queues(clients):
        assert _tags(clients, queue) == [TAGS] * 3
    world.settle(tags=WRITTEN)


def test_instances_and_volumes_get_the_tags_through_the_template(world: World, clients: Clients) -> None:
    world.refresh(tags=WRITTEN)
    assert world.default_version(clients)["LaunchTemplateData"]["TagSpecifications"] == [
        {"ResourceType": kind, "Tags": _pairs(TAGS)} for kind in ("instance", "volume")
    ]
    (instance_id,) = world.launch(clients)
    (found,) = clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert tags.items() >= {**TAGS, "AllowSelfTermination": "true"}.items()


def test_changed_tags_are_repaired_and_foreign_ones_stay(world: World, clients: Clients) -> None:
    world.refresh(tags=WRITTEN)
    url = clients.sqs.get_queue_url(QueueName=LARGE_QUEUE)["QueueUrl"]
    template_id = world.default_version(clients)["LaunchTemplateId"]
    clients.dynamodb.tag_resource(ResourceArn=_arn(clients), Tags=_pairs({"team": "x", **FOREIGN}))
    clients.sqs.untag_queue(QueueUrl=url, TagKeys=["team", "cost-center"])
    clients.sqs.tag_queue(QueueUrl=url, Tags=FOREIGN)
    clients.ec2.delete_tags(Resources=[template_id], Tags=[{"Key": "cost-center"}])
    clients.ec2.create_tags(Resources=[template_id], Tags=_pairs(FOREIGN))
    world.forget_calls()
    planned = world.refresh(tags=WRITTEN, mode="plan").planned
    assert world.aws.writes == []
    assert {str(each).split()[-1]: [(field.name, field.before) for field in each.differences] for each in planned} == {
        TABLE: [("team", "x")],
        TEMPLATE: [("cost-center", None)],
        LARGE_QUEUE: [("cost-center", None), ("team", None)],
    }
    report = world.settle(tags=WRITTEN)
    assert sorted(map(str, report.done)) == sorted(map(str, planned))
    assert _tags(clients) == [{**TAGS, **FOREIGN}] * 3


def test_a_pool_without_tags_gets_them_and_keeps_them_without_the_input(refreshed: World, clients: Clients) -> None:
    """Tagging costs a call for each resource, and a template version; other tools may rely on the tags."""
    report = refreshed.refresh(tags=WRITTEN)
    assert report.exit_code == 0, markdown(report)
    writes = refreshed.aws.counted()
    assert (writes["dynamodb:TagResource"], writes["sqs:TagQueue"], writes["ec2:CreateTags"]) == (1, CLASSES, 1)
    assert writes["ec2:CreateLaunchTemplateVersion"] == 1
    refreshed.settle(tags=WRITTEN)
    refreshed.settle()
    assert _tags(clients) == [TAGS] * 3
    assert "TagSpecifications" not in refreshed.default_version(clients)["LaunchTemplateData"]


@pytest.mark.usefixtures("slept")
@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
@pytest.mark.parametrize(
    ("operation", "name", "resource"),
    [
        ("dynamodb:ListTagsOfResource", "state table", TABLE),
        ("sqs:ListQueueTags", "resource pools", LARGE_QUEUE),
        ("ec2:DescribeLaunchTemplates", "launch template", TEMPLATE),
    ],
)
def test_unreadable_tags_fail_their_component_and_stop_nothing_else(  # noqa: PLR0913, PLR0917 - a table
    world: World, clients: Clients, operation: str, name: str, resource: str, code: str
) -> None:
    """A new image is rolled out, and a parameter is written and repeated in SETTINGS."""
    world.settle(tags=WRITTEN)
    report = world.refresh_refused(operation, code, tags=WRITTEN, max_idle_time="9m", ami=OTHER_IMAGE)
    assert failed(report) == [name]
    assert f"{resource} were not compared" in reported(report)
    assert world.default_version(clients)["LaunchTemplateData"]["ImageId"] == OTHER_IMAGE
    assert world.aws.counted()["dynamodb:PutItem"] == 3
    assert not [call for call in world.aws.writes if "Tag" in call]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("dynamodb:ListTagsOfResource", "ResourceNotFoundException"),
        ("sqs:ListQueueTags", "QueueDoesNotExist"),
        ("ec2:DescribeLaunchTemplates", "InvalidLaunchTemplateName.NotFoundException"),
    ],
)
def test_a_resource_whose_tags_are_not_listed_yet_is_no_failure(world: World, operation: str, code: str) -> None:
    """It was created with its tags; the next run compares them."""
    report = world.refresh_refused(operation, code, tags=WRITTEN)
    assert report.exit_code == 0, markdown(report)
    assert not [call for call in world.aws.writes if "Tag" in call]
    world.settle(tags=WRITTEN)


@pytest.mark.parametrize(
    ("given", "calls"),
    [
        ({}, 14),
        ({"tags": WRITTEN}, 14 + 2 + CLASSES),
        ({"root_volume_size": "50"}, 15),
        ({"root_volume_size": "50", "ami": "resolve:ssm:/runners/image"}, 16),
    ],
)
def test_tags_and_the_root_volume_cost_few_calls_in_a_run_that_changes_nothing(
    world: World, image: str, given: dict[str, str], calls: int
) -> None:
    """Tags cost two and one for each queue, the root volume one, and a parameter as image another."""
    world.parameter_store().put_parameter(Name="/runners/image", Value=image, Type="String")
    wanted = {"ami": image, **given}
    world.settle(**wanted)
    world.forget_calls()
    world.refresh(**wanted)
    assert (world.aws.writes, len(world.aws.calls)) == ([], calls)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"root_volume_size": "100"}, {"VolumeSize": 100}),
        ({"root_volume_type": "gp2"}, {"VolumeType": "gp2"}),
        ({"root_volume_size": "100", "root_volume_type": "gp3"}, {"VolumeSize": 100, "VolumeType": "gp3"}),
    ],
)
def test_the_root_volume_is_the_device_of_the_image_encrypted_and_ends_with_the_instance(
    world: World, clients: Clients, image: str, given: dict[str, str], expected: dict[str, Any]
) -> None:
    """Another device name would add a second volume; other settings are those of the image."""
    world.settle(ami=image, **given)
    assert _root_volume(world, clients) == {**expected, "Encrypted": True, "DeleteOnTermination": True}


def test_volumes_that_the_image_keeps_are_a_warning_until_an_input_deletes_them(
    world: World, clients: Clients, image: str
) -> None:
    """Every ended runner would leave a volume that costs money."""
    (warning,) = component(world.refresh(ami=image), "launch template").warnings
    assert warning.startswith(f"ami: {image} ")
    assert "/dev/sda1" in warning
    report = world.settle(ami=image, delete_volumes_on_termination="true")
    assert component(report, "launch template").warnings == ()
    assert _root_volume(world, clients) == {"DeleteOnTermination": True}


def test_a_volume_smaller_than_the_image_fails_the_template_before_its_first_write(
    refreshed: World, image: str
) -> None:
    """No instance could be launched; the other components continue."""
    refreshed.forget_calls()
    report = refreshed.refresh(ami=image, root_volume_size="8", max_idle_time="9m")
    assert failed(report) == ["launch template"]
    assert all(text in reported(report) for text in ("root-volume-size: 8 GiB", image, "15 GiB"))
    assert refreshed.aws.writes == ["dynamodb:PutItem", "dynamodb:PutItem"]


@pytest.mark.parametrize(
    ("ami", "texts"),
    [
        ("ami-0eeeeeeeeeeeeeee0", ["ec2:DescribeImages: InvalidAMIID.NotFound", "input ami"]),
        ("resolve:ssm:/nobody", ["ssm:GetParameters: NoImage", "/nobody", "input ami"]),
        ("resolve:ssm:/word", ["ssm:GetParameters: NoImage", "/word", "input ami"]),
    ],
)
def test_an_image_whose_root_cannot_be_found_fails_the_template_alone(
    refreshed: World, ami: str, texts: list[str]
) -> None:
    refreshed.parameter_store().put_parameter(Name="/word", Value="ubuntu", Type="String")
    refreshed.forget_calls()
    report = refreshed.refresh(ami=ami, root_volume_type="gp3")
    assert failed(report) == ["launch template"]
    assert all(text in reported(report) for text in texts)
    assert "ubuntu" not in reported(report)
    assert refreshed.aws.writes == []


def test_a_run_looks_the_image_up_once_and_creates_the_template_once(world: World, image: str) -> None:
    report = world.refresh(ami=image, root_volume_size="50", tags=WRITTEN)
    assert report.exit_code == 0
    assert world.aws.counted()["ec2:DescribeImages"] == 1
    assert len([body for body in world.aws.bodies if b"Action=CreateLaunchTemplate&" in body]) == 1
