"""The owner's tags and the root volume: made with the resources, repaired after a hand, and what that costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from refresh.output.job_summary import markdown
from tests.fakes.desired import LARGE_QUEUE, OTHER_IMAGE, TABLE, TEMPLATE
from tests.fakes.world import World
from tests.reports import component, failed, told

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

    from refresh.ports import Clients

TAGS = {"cost-center": "42", "team": "ci platform"}
WRITTEN = "team = ci platform\n\ncost-center=42\n"
CLASSES = 7


def _image(ec2: EC2Client) -> str:
    """Register an image; moto's all boot from 15 GiB at /dev/sda1."""
    return ec2.register_image(Name="runner", RootDeviceName="/dev/sda1")["ImageId"]


def _table_tags(clients: Clients) -> dict[str, str]:
    arn = clients.dynamodb.describe_table(TableName=TABLE)["Table"]["TableArn"]
    return {tag["Key"]: tag["Value"] for tag in clients.dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]}


def _queue_tags(clients: Clients, queue: str = LARGE_QUEUE) -> dict[str, str]:
    url = clients.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    return clients.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})


def _template_tags(clients: Clients) -> dict[str, str]:
    (template,) = clients.ec2.describe_launch_templates(LaunchTemplateNames=[TEMPLATE])["LaunchTemplates"]
    return {tag["Key"]: tag["Value"] for tag in template.get("Tags", [])}


def test_everything_is_made_with_its_tags_in_the_same_call(world: World, clients: Clients) -> None:
    """Organisations deny to make what is untagged; no call tags afterwards, and the next run writes nothing."""
    report = world.refresh(tags=WRITTEN)
    assert report.exit_code == 0, markdown(report)
    assert not [call for call in world.aws.writes if "Tag" in call]
    assert _table_tags(clients) == TAGS
    assert _template_tags(clients) == TAGS
    for queue in world.queues(clients):
        assert _queue_tags(clients, queue) == TAGS
    world.settle(tags=WRITTEN)


def test_instances_and_volumes_get_the_tags_through_the_template(world: World, clients: Clients) -> None:
    """Beside those of provision and EC2."""
    world.refresh(tags=WRITTEN)
    data = world.default_version(clients)["LaunchTemplateData"]
    expected = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    assert data["TagSpecifications"] == [
        {"ResourceType": "instance", "Tags": expected},
        {"ResourceType": "volume", "Tags": expected},
    ]
    (instance_id,) = world.launch(clients)
    (found,) = clients.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert tags.items() >= {**TAGS, "AllowSelfTermination": "true"}.items()


def test_tags_that_a_hand_changed_are_repaired_and_others_are_left_alone(world: World, clients: Clients) -> None:
    """One write a resource; what is foreign stays on all three."""
    world.refresh(tags=WRITTEN)
    arn = clients.dynamodb.describe_table(TableName=TABLE)["Table"]["TableArn"]
    url = clients.sqs.get_queue_url(QueueName=LARGE_QUEUE)["QueueUrl"]
    template_id = world.default_version(clients)["LaunchTemplateId"]
    foreign = {"backup": "daily"}
    clients.dynamodb.tag_resource(
        ResourceArn=arn, Tags=[{"Key": "team", "Value": "x"}, {"Key": "backup", "Value": "daily"}]
    )
    clients.sqs.untag_queue(QueueUrl=url, TagKeys=["team", "cost-center"])
    clients.sqs.tag_queue(QueueUrl=url, Tags=foreign)
    clients.ec2.delete_tags(Resources=[template_id], Tags=[{"Key": "cost-center"}])
    clients.ec2.create_tags(Resources=[template_id], Tags=[{"Key": "backup", "Value": "daily"}])
    world.forget_calls()
    planned = world.refresh(tags=WRITTEN, mode="plan")
    assert world.aws.writes == []
    assert [str(change) for change in planned.planned] == [
        f"set tags of table {TABLE}",
        f"set tags of launch template {TEMPLATE}",
        f"set tags of queue {LARGE_QUEUE}",
    ]
    assert [str(each) for each in planned.planned[0].differences] == ["team: x -> ci platform"]
    assert [str(each) for each in planned.planned[2].differences] == [
        "cost-center: (none) -> 42",
        "team: (none) -> ci platform",
    ]
    report = world.settle(tags=WRITTEN)
    assert sorted(str(change) for change in report.done) == sorted(str(change) for change in planned.planned)
    for found in (_table_tags(clients), _queue_tags(clients), _template_tags(clients)):
        assert found == {**TAGS, **foreign}


def test_a_pool_that_was_made_without_tags_gets_them(refreshed: World, clients: Clients) -> None:
    """One call a resource, and a template version for what it launches."""
    report = refreshed.refresh(tags=WRITTEN)
    assert report.exit_code == 0, markdown(report)
    writes = refreshed.aws.counted()
    assert (writes["dynamodb:TagResource"], writes["sqs:TagQueue"], writes["ec2:CreateTags"]) == (1, CLASSES, 1)
    assert writes["ec2:CreateLaunchTemplateVersion"] == 1
    assert (_table_tags(clients), _queue_tags(clients), _template_tags(clients)) == (TAGS, TAGS, TAGS)
    refreshed.settle(tags=WRITTEN)


def test_tags_that_are_no_longer_asked_for_stay_where_they_are(world: World, clients: Clients) -> None:
    """Nobody knows who relies on them; only the template launches without them."""
    world.settle(tags=WRITTEN)
    world.settle()
    assert (_table_tags(clients), _queue_tags(clients), _template_tags(clients)) == (TAGS, TAGS, TAGS)
    assert "TagSpecifications" not in world.default_version(clients)["LaunchTemplateData"]


UNREADABLE = {
    "dynamodb:ListTagsOfResource": ("state table", f"the tags of table {TABLE} were not compared: "),
    "sqs:ListQueueTags": ("resource pools", f"the tags of queue {LARGE_QUEUE} were not compared: "),
    "ec2:DescribeLaunchTemplates": ("launch template", f"the tags of launch template {TEMPLATE} were not compared: "),
}


def _answer(operation: str, code: str) -> tuple[int, bytes]:
    if operation.startswith("ec2:"):
        return 400, f"<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>".encode()
    return 400, json.dumps({"__type": code, "message": "no."}).encode()


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
@pytest.mark.parametrize("operation", UNREADABLE)
def test_tags_that_cannot_be_read_are_told_and_stop_nothing_else(
    world: World, clients: Clients, operation: str, code: str
) -> None:
    """A new image is rolled out and a parameter written all the same; only tags are not compared."""
    world.settle(tags=WRITTEN)
    world.aws.before_call = lambda call: _answer(call, code) if call == operation else None
    report = world.refresh(tags=WRITTEN, max_idle_time="9m", ami=OTHER_IMAGE)
    name, problem = UNREADABLE[operation]
    assert failed(report) == [name]
    assert problem in told(report)
    assert world.default_version(clients)["LaunchTemplateData"]["ImageId"] == OTHER_IMAGE
    assert world.aws.counted()["dynamodb:PutItem"] == 2
    assert not [call for call in world.aws.writes if "Tag" in call]


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("dynamodb:ListTagsOfResource", "ResourceNotFoundException"),
        ("sqs:ListQueueTags", "QueueDoesNotExist"),
        ("ec2:DescribeLaunchTemplates", "InvalidLaunchTemplateName.NotFoundException"),
    ],
)
def test_who_lists_tags_may_not_know_yet_what_was_just_made(world: World, operation: str, code: str) -> None:
    """It was made with its tags; the next run looks."""
    world.aws.before_call = lambda call: _answer(call, code) if call == operation else None
    report = world.refresh(tags=WRITTEN)
    assert report.exit_code == 0, markdown(report)
    assert not [call for call in world.aws.writes if "Tag" in call]
    world.aws.before_call = lambda _: None
    world.settle(tags=WRITTEN)


def test_what_tags_and_the_root_volume_cost_in_a_run_that_changes_nothing(world: World, clients: Clients) -> None:
    """Without them 13 calls; tags add two and one a queue, the root volume one, with a parameter as image another."""
    image = _image(clients.ec2)
    services_with_parameters = world.parameter_store()
    services_with_parameters.put_parameter(Name="/runners/image", Value=image, Type="String")
    costs = {}
    for name, given in {
        "nothing": {},
        "tags": {"tags": WRITTEN},
        "volume": {"root_volume_size": "50"},
        "resolved": {"root_volume_size": "50", "ami": "resolve:ssm:/runners/image"},
    }.items():
        wanted = {"ami": image, **given}
        world.settle(**wanted)
        world.forget_calls()
        world.refresh(**wanted)
        assert world.aws.writes == []
        costs[name] = len(world.aws.calls)
    assert costs == {"nothing": 13, "tags": 13 + 2 + CLASSES, "volume": 14, "resolved": 15}


def test_the_root_volume_is_the_image_s_own_device_encrypted_and_ends_with_the_instance(
    world: World, clients: Clients
) -> None:
    """Under another name it would be a second volume; a volume that outlived its instance would cost for ever."""
    world.settle(ami=_image(clients.ec2), root_volume_size="100", root_volume_type="gp3")
    (device,) = world.default_version(clients)["LaunchTemplateData"]["BlockDeviceMappings"]
    assert device["DeviceName"] == "/dev/sda1"
    assert device["Ebs"] == {"VolumeSize": 100, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"root_volume_size": "100"}, {"VolumeSize": 100, "Encrypted": True, "DeleteOnTermination": True}),
        ({"root_volume_type": "gp2"}, {"VolumeType": "gp2", "Encrypted": True, "DeleteOnTermination": True}),
    ],
)
def test_what_is_not_said_of_the_root_volume_is_the_image_s(
    world: World, clients: Clients, given: dict[str, str], expected: dict[str, Any]
) -> None:
    """Size and type apart."""
    world.settle(ami=_image(clients.ec2), **given)
    (device,) = world.default_version(clients)["LaunchTemplateData"]["BlockDeviceMappings"]
    assert device["Ebs"] == expected


def test_volumes_that_the_image_keeps_are_a_warning_that_an_input_ends(world: World, clients: Clients) -> None:
    """Moto's images keep theirs; each ended runner would leave a volume that costs."""
    image = _image(clients.ec2)
    report = world.refresh(ami=image)
    (warning,) = component(report, "launch template").warnings
    assert warning.startswith(f"ami: {image} keeps the volumes at /dev/sda1 when an instance ends")
    report = world.settle(ami=image, delete_volumes_on_termination="true")
    assert component(report, "launch template").warnings == ()
    (device,) = world.default_version(clients)["LaunchTemplateData"]["BlockDeviceMappings"]
    assert (device["DeviceName"], device["Ebs"]) == ("/dev/sda1", {"DeleteOnTermination": True})


def test_a_root_volume_that_a_hand_changed_is_repaired(world: World, clients: Clients) -> None:
    """The default moves to a version that is as desired, and the plan says field by field what was wrong."""
    wanted = {"ami": _image(clients.ec2), "root_volume_size": "100"}
    world.settle(**wanted)
    data: Any = world.default_version(clients)["LaunchTemplateData"]
    data["BlockDeviceMappings"][0]["Ebs"] = {"VolumeSize": 8, "Encrypted": False, "DeleteOnTermination": False}
    clients.ec2.create_launch_template_version(LaunchTemplateName=TEMPLATE, LaunchTemplateData=data)
    clients.ec2.modify_launch_template(LaunchTemplateName=TEMPLATE, DefaultVersion="2")
    report = world.settle(**wanted)
    (change,) = (each for each in report.done if each.noun == "default_version")
    assert [str(each) for each in change.differences] == [
        "default: 2 -> 3",
        "BlockDeviceMappings./dev/sda1.DeleteOnTermination: False -> True",
        "BlockDeviceMappings./dev/sda1.Encrypted: False -> True",
        "BlockDeviceMappings./dev/sda1.VolumeSize: 8 -> 100",
    ]
    assert world.default_version(clients)["VersionNumber"] == 3


def test_a_volume_on_which_the_image_does_not_fit_fails_the_template_before_its_first_write(
    refreshed: World, clients: Clients
) -> None:
    """No instance could be launched; everything else goes on."""
    image = _image(clients.ec2)
    refreshed.forget_calls()
    report = refreshed.refresh(ami=image, root_volume_size="8", max_idle_time="9m")
    assert failed(report) == ["launch template"]
    assert "root-volume-size: 8 GiB, but ami-" in told(report)
    assert "needs 15 GiB" in told(report)
    assert refreshed.aws.writes == ["dynamodb:PutItem"]


@pytest.mark.parametrize(
    ("ami", "problem"),
    [
        ("ami-0eeeeeeeeeeeeeee0", "NotFound: ec2:DescribeImages: InvalidAMIID.NotFound"),
        ("resolve:ssm:/nobody", "NotFound: ssm:GetParameters: NoImage: there is no parameter /nobody."),
        ("resolve:ssm:/word", "NotFound: ssm:GetParameters: NoImage: the parameter /word holds no AMI id."),
    ],
)
def test_an_image_whose_root_cannot_be_found_is_told_with_what_to_compare(
    refreshed: World, ami: str, problem: str
) -> None:
    """Only the template needs it."""
    refreshed.parameter_store().put_parameter(Name="/word", Value="ubuntu", Type="String")
    refreshed.forget_calls()
    report = refreshed.refresh(ami=ami, root_volume_type="gp3")
    assert failed(report) == ["launch template"]
    assert problem in told(report)
    remedy = (
        "Correct the parameter, or the input ami." if ami.startswith("resolve:") else "Compare the input ami with the"
    )
    assert remedy in told(report)
    assert "ubuntu" not in told(report)
    assert refreshed.aws.writes == []


def test_the_image_is_looked_up_once_in_a_run_of_many_looks(world: World, clients: Clients) -> None:
    """An image does not change."""
    report = world.refresh(ami=_image(clients.ec2), root_volume_size="50", tags=WRITTEN)
    assert report.exit_code == 0
    assert world.aws.counted()["ec2:DescribeImages"] == 1
    sent = [parse_qs(body.decode()) for body in world.aws.bodies if b"Action=CreateLaunchTemplate&" in body]
    assert len(sent) == 1
    assert component(report, "launch template").status == "changed 2"
