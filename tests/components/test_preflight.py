"""A look at what the owner named before anything is written of it; the numbers name rows of the bad inputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from moto.backends import get_backend

from refresh.output.job_summary import markdown
from tests.fakes.desired import ACCOUNT_ID, IMAGE, OTHER_IMAGE, PROFILE, REGION
from tests.fakes.world import World
from tests.reports import component, failed, reported

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.ports import Clients

LOOKS = {
    "ec2:DescribeImages",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "iam:GetInstanceProfile",
}
ABSENT = "ami-0eeeeeeeeeeeeeee0"
DEPRECATED = """<DescribeImagesResponse><imagesSet><item><imageId>{image}</imageId><imageState>available</imageState>
<deprecationTime>2024-01-01T00:00:00.000Z</deprecationTime></item></imagesSet></DescribeImagesResponse>"""
ASSOCIATIONS = """<DescribeSecurityGroupVpcAssociationsResponse><securityGroupVpcAssociationSet><item>
<groupId>{group}</groupId><vpcId>{vpc}</vpcId><state>associated</state>
</item></securityGroupVpcAssociationSet></DescribeSecurityGroupVpcAssociationsResponse>"""


def _deny(world: World, *operations: str) -> None:
    refusal = {
        "ec2": b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no.</Message></Error></Errors>"
        b"</Response>",
        "iam": b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no.</Message></Error></ErrorResponse>",
        "ssm": json.dumps({"__type": "AccessDeniedException", "message": "no."}).encode(),
    }
    world.aws.before_call = lambda call: (403, refusal[call.partition(":")[0]]) if call in operations else None


def test_a_run_that_changes_nothing_looks_at_nothing(refreshed: World) -> None:
    """Thirteen calls, as ever; not even the account is asked for."""
    refreshed.refresh(allowed_account_ids=ACCOUNT_ID)
    assert len(refreshed.aws.calls) == 13
    assert not LOOKS & set(refreshed.aws.calls)
    assert "sts:GetCallerIdentity" not in refreshed.aws.calls


def test_each_thing_is_looked_at_once_before_it_is_written(world: World) -> None:
    """By whichever component comes first."""
    report = world.refresh(allowed_account_ids=f"111111111111 {ACCOUNT_ID}")
    assert report.exit_code == 0, markdown(report)
    counted = world.aws.counted()
    assert {counted[each] for each in (*LOOKS, "sts:GetCallerIdentity")} == {1}
    calls = world.aws.calls
    assert calls.index("sts:GetCallerIdentity") < calls.index("dynamodb:CreateTable")
    assert max(map(calls.index, LOOKS)) < calls.index("ec2:CreateLaunchTemplate")
    assert not [note for each in report.components for note in each.notes]


@pytest.mark.shows("A51")
@pytest.mark.parametrize("mode", ["apply", "plan"])
def test_in_an_account_that_was_not_named_nothing_is_written(refreshed: World, clients: Clients, mode: str) -> None:
    """Not even where the table and all the rest are there, and an instance is due."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    refreshed.delete_metadata(clients, "gh_registration_token")
    refreshed.forget_calls()
    report = refreshed.refresh(allowed_account_ids="111111111111, 222222222222", ami=OTHER_IMAGE, mode=mode)
    assert report.exit_code == 1
    assert refreshed.aws.writes == []
    assert not [call for call in refreshed.github.calls if not call.startswith("GET ")]
    assert {"garbage collector", "launch template", "registration token"} <= set(failed(report))
    assert f"are those of account {ACCOUNT_ID}, and allowed-account-ids has 111111111111, 222222222222" in reported(
        report
    )
    assert refreshed.states(clients) == {instance_id: "running"}


def test_without_an_answer_who_this_is_nothing_is_written(world: World) -> None:
    """Nobody needs a permission for it, so there is no excuse."""
    refused = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no.</Message></Error></ErrorResponse>"
    world.aws.before_call = lambda call: (403, refused) if call == "sts:GetCallerIdentity" else None
    report = world.refresh(allowed_account_ids=ACCOUNT_ID)
    assert (report.exit_code, world.aws.writes) == (1, [])
    assert "allowed-account-ids is set, and AWS did not say whose credentials these are: " in reported(report)
    assert "sts:GetCallerIdentity: AccessDenied" in reported(report)


@pytest.mark.shows("B25")
@pytest.mark.parametrize("mode", ["apply", "plan"])
@pytest.mark.parametrize(
    ("name", "value", "fails", "problem"),
    [
        pytest.param("ami", ABSENT, ["launch template"], "ami: NotFound: ec2:DescribeImages: ", id="25"),
        pytest.param(
            "ami", "resolve:ssm:/nobody", ["launch template"], "ami: NotFound: ssm:GetParameters: ", id="25-parameter"
        ),
        pytest.param(
            "iam_instance_profile",
            "nobody",
            ["launch template"],
            "iam-instance-profile: NotFound: iam:GetInstanceProfile: NoSuchEntity: ",
            id="profile",
        ),
        pytest.param(
            "security_group_ids",
            "sg-0eeeeeeeeeeeeeee0",
            ["launch template"],
            "security-group-ids: sg-0eeeeeeeeeeeeeee0 cannot be seen in eu-west-1",
            id="groups",
        ),
        pytest.param(
            "subnet_ids",
            "subnet-0eeeeeeeeeeeeeee0",
            ["parameters"],
            "subnet-ids: subnet-0eeeeeeeeeeeeeee0 cannot be seen in eu-west-1",
            id="subnets",
        ),
    ],
)
def test_what_is_not_there_fails_what_needs_it(  # noqa: PLR0913, PLR0917 - a table
    refreshed: World, name: str, value: str, fails: list[str], problem: str, mode: str
) -> None:
    """Before its first write; the rest goes on, and mode plan tells as much."""
    report = refreshed.refresh(**{name: value, "resource_class_config": '{"x": {"cpu": 1, "mmem": 512}}', "mode": mode})
    assert failed(report) == fails
    assert f"nothing was written here: {problem}" in reported(report)
    writes = {"sqs:CreateQueue", "dynamodb:PutItem"} if mode == "apply" else set()
    assert set(refreshed.aws.writes) == writes


def test_every_problem_is_told_at_once(refreshed: World) -> None:
    """And nothing of the template is written."""
    report = refreshed.refresh(ami=ABSENT, iam_instance_profile="nobody", security_group_ids="sg-0eeeeeeeeeeeeeee0")
    (error,) = [str(each.error) for each in report.failed]
    assert all(name in error for name in ("ami: ", "iam-instance-profile: ", "security-group-ids: "))
    assert refreshed.aws.writes == []


def test_an_image_that_was_deregistered_fails_the_template_only(refreshed: World, clients: Clients) -> None:
    """EC2 shows it for a while without saying so, and then no more."""
    clients.ec2.deregister_image(ImageId=OTHER_IMAGE)
    refreshed.forget_calls()
    report = refreshed.refresh(ami=OTHER_IMAGE, max_idle_time="9m")
    assert failed(report) == ["launch template"]
    assert refreshed.aws.writes == ["dynamodb:PutItem"]


def test_a_group_of_another_vpc_fails_who_writes_of_it(refreshed: World, clients: Clients) -> None:
    """The template has the group, the parameters the subnets."""
    vpc = clients.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = refreshed.security_group(clients, vpc)
    refreshed.aws.before_call = lambda call: (
        (200, ASSOCIATIONS.format(group=group, vpc="vpc-3").encode()) if call.endswith("VpcAssociations") else None
    )
    refreshed.forget_calls()
    report = refreshed.refresh(security_group_ids=group, max_idle_time="9m")
    assert failed(report) == ["launch template", "parameters"]
    assert f"one cannot use {group} ({vpc}) in subnet-" in reported(report)
    assert refreshed.aws.writes == []


def test_a_group_that_is_associated_with_the_vpc_is_right(refreshed: World, clients: Clients) -> None:
    """Which is asked only where VPCs differ."""
    vpc = clients.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = refreshed.security_group(clients, vpc)
    subnet = refreshed.inputs["subnet-ids"].partition(",")[0]
    theirs = clients.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    refreshed.aws.before_call = lambda call: (
        (200, ASSOCIATIONS.format(group=group, vpc=theirs).encode()) if call.endswith("VpcAssociations") else None
    )
    report = refreshed.refresh(security_group_ids=group, max_idle_time="9m")
    assert report.exit_code == 0, markdown(report)
    refreshed.settle(security_group_ids=group, max_idle_time="9m")


@pytest.mark.parametrize("operation", sorted({*LOOKS, "ssm:GetParameters"}))
def test_what_may_not_be_read_is_a_note_and_stops_nothing(world: World, clients: Clients, operation: str) -> None:
    """It names what is missing in the policy."""
    world.parameter_store().put_parameter(Name="/image", Value=IMAGE, Type="String")
    _deny(world, operation)
    ami = "resolve:ssm:/image" if operation.startswith("ssm") else IMAGE
    report = world.refresh(ami=ami)
    assert report.exit_code == 0, markdown(report)
    notes = [note for each in report.components for note in each.notes]
    assert notes
    assert all(f"was not looked at before writing: PermissionDenied: {operation}: " in note for note in notes)
    assert all(f"Allow {operation} in the IAM policy" in note for note in notes)
    assert world.default_version(clients)["LaunchTemplateData"]["ImageId"] == ami


@pytest.mark.usefixtures("expiring")
def test_credentials_that_end_while_it_is_looked_fail_the_write(world: World) -> None:
    """Which is not sent any more."""
    ended = b"<Response><Errors><Error><Code>RequestExpired</Code><Message>no.</Message></Error></Errors></Response>"
    world.aws.before_call = lambda call: (400, ended) if call == "ec2:DescribeImages" else None
    report = world.refresh()
    assert "launch template" in failed(report)
    assert "RequestExpired: not sent: AWS has refused these credentials for ec2:DescribeImages" in reported(report)
    assert "ec2:CreateLaunchTemplate" not in world.aws.calls


def test_a_deprecated_image_is_a_warning(world: World) -> None:
    """It can be launched until it is gone."""
    answer = DEPRECATED.format(image=IMAGE).encode()
    world.aws.before_call = lambda call: (200, answer) if call == "ec2:DescribeImages" else None
    report = world.refresh()
    assert report.exit_code == 0, markdown(report)
    (warning,) = component(report, "launch template").warnings
    assert warning == f"ami: {IMAGE} is deprecated since 2024-01-01T00:00:00Z; choose a newer one before it is gone."


def _without_role() -> None:
    get_backend("iam")[ACCOUNT_ID]["aws"].instance_profiles[PROFILE].roles.clear()


def _unavailable() -> None:
    get_backend("ec2")[ACCOUNT_ID][REGION].amis[IMAGE].state = "failed"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_without_role, f"iam-instance-profile: {PROFILE} has no role in it"),
        (_unavailable, f"ami: {IMAGE} is failed, not available"),
    ],
)
def test_what_nothing_can_be_launched_with_fails_the_template(
    world: World, spoil: Callable[[], None], problem: str
) -> None:
    """A first run, too, makes all the rest."""
    spoil()
    report = world.refresh()
    assert failed(report) == ["launch template"]
    assert problem in reported(report)
    assert "ec2:CreateLaunchTemplate" not in world.aws.calls
    assert world.aws.counted()["sqs:CreateQueue"] == 7


def test_with_a_root_volume_the_image_is_read_once_for_both(refreshed: World) -> None:
    """The look before writing asks nothing again."""
    refreshed.refresh(root_volume_size="100")
    assert refreshed.aws.counted()["ec2:DescribeImages"] == 1
