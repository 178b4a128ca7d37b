"""Checks of what the owner named, before anything is written; the ids of cases name rows of the bad inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from moto.backends import get_backend

from refresh.output.job_summary import markdown
from tests.fakes.desired import ACCOUNT_ID, IMAGE, OTHER_IMAGE, PROFILE, REGION
from tests.fakes.world import World
from tests.reports import failed, reported

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.ports import Clients

LOOKS = {"ec2:DescribeImages", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "iam:GetInstanceProfile"}
ABSENT = "ami-0eeeeeeeeeeeeeee0"
ASSOCIATIONS = """<DescribeSecurityGroupVpcAssociationsResponse><securityGroupVpcAssociationSet><item>
<groupId>{group}</groupId><vpcId>{vpc}</vpcId><state>associated</state>
</item></securityGroupVpcAssociationSet></DescribeSecurityGroupVpcAssociationsResponse>"""
REFUSED = "<Response><Errors><Error><Code>{}</Code><Message>no.</Message></Error></Errors></Response>"
_DENIED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no.</Message></Error></ErrorResponse>"
DENIED = {
    "ec2": REFUSED.format("UnauthorizedOperation").encode(),
    "iam": _DENIED,
    "sts": _DENIED,
    "ssm": b'{"__type": "AccessDeniedException", "message": "no."}',
}


def _answer(world: World, operation: str, status: int, content: bytes) -> None:
    world.aws.before_call = lambda call: (status, content) if call == operation else None


def test_a_run_that_changes_nothing_reads_the_profile_and_checks_nothing(refreshed: World) -> None:
    refreshed.refresh(allowed_account_ids=ACCOUNT_ID)
    assert len(refreshed.aws.calls) == 14
    assert {*LOOKS, "sts:GetCallerIdentity"} & set(refreshed.aws.calls) == {"iam:GetInstanceProfile"}


def test_each_resource_is_read_once_before_it_is_written_of(world: World) -> None:
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
def test_nothing_is_written_in_an_account_that_is_not_allowed(refreshed: World, clients: Clients, mode: str) -> None:
    """Neither where the table and all the rest exist, and an instance is due to end."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    refreshed.delete_metadata(clients, "gh_registration_token")
    refreshed.forget_calls()
    report = refreshed.refresh(allowed_account_ids="111111111111, 222222222222", ami=OTHER_IMAGE, mode=mode)
    assert (report.exit_code, refreshed.aws.writes) == (1, [])
    assert not [call for call in refreshed.github.calls if not call.startswith("GET ")]
    assert {"garbage collector", "launch template", "registration token"} <= set(failed(report))
    assert all(each in reported(report) for each in (ACCOUNT_ID, "allowed-account-ids", "111111111111, 222222222222"))
    assert refreshed.states(clients) == {instance_id: "running"}


def test_nothing_is_written_if_the_account_is_unknown(world: World) -> None:
    """GetCallerIdentity needs no permission."""
    _answer(world, "sts:GetCallerIdentity", 403, DENIED["sts"])
    report = world.refresh(allowed_account_ids=ACCOUNT_ID)
    assert (report.exit_code, world.aws.writes) == (1, [])
    assert all(each in reported(report) for each in ("allowed-account-ids", "sts:GetCallerIdentity: AccessDenied"))


@pytest.mark.shows("B25")
@pytest.mark.parametrize("mode", ["apply", "plan"])
@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        pytest.param("ami", ABSENT, "NotFound: ec2:DescribeImages: ", id="25"),
        pytest.param("ami", "resolve:ssm:/nobody", "NotFound: ssm:GetParameters: ", id="25-parameter"),
        pytest.param("iam_instance_profile", "nobody", "NotFound: iam:GetInstanceProfile: ", id="profile"),
        pytest.param("security_group_ids", "sg-0eeeeeeeeeeeeeee0", "sg-0eeeeeeeeeeeeeee0", id="groups"),
        pytest.param("subnet_ids", "subnet-0eeeeeeeeeeeeeee0", "subnet-0eeeeeeeeeeeeeee0", id="subnets"),
    ],
)
def test_a_missing_resource_fails_its_component_before_the_first_write(
    refreshed: World, name: str, value: str, problem: str, mode: str
) -> None:
    """The other components go on."""
    report = refreshed.refresh(**{name: value, "resource_class_config": '{"x": {"cpu": 1, "mmem": 512}}', "mode": mode})
    assert failed(report) == ["parameters" if name == "subnet_ids" else "launch template"]
    assert all(each in reported(report) for each in (f"{name.replace('_', '-')}: ", problem))
    assert set(refreshed.aws.writes) == ({"sqs:CreateQueue", "dynamodb:PutItem"} if mode == "apply" else set())


def test_every_problem_of_the_template_is_reported_together(refreshed: World) -> None:
    report = refreshed.refresh(ami=ABSENT, iam_instance_profile="nobody", security_group_ids="sg-0eeeeeeeeeeeeeee0")
    (error,) = [str(each.error) for each in report.failed]
    assert all(name in error for name in ("ami: ", "iam-instance-profile: ", "security-group-ids: "))
    assert refreshed.aws.writes == []


@pytest.mark.parametrize("usable", [False, True], ids=["another VPC", "associated"])
def test_a_group_of_another_vpc_fails_both_components_unless_it_is_associated(
    refreshed: World, clients: Clients, *, usable: bool
) -> None:
    """The template has the group, the parameters have the subnets; associations are read only where VPCs differ."""
    vpc = clients.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = refreshed.security_group(clients, vpc)
    subnet = refreshed.inputs["subnet-ids"].partition(",")[0]
    theirs = clients.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    answer = ASSOCIATIONS.format(group=group, vpc=theirs if usable else "vpc-3").encode()
    _answer(refreshed, "ec2:DescribeSecurityGroupVpcAssociations", 200, answer)
    refreshed.forget_calls()
    report = refreshed.refresh(security_group_ids=group, max_idle_time="9m")
    if usable:
        assert report.exit_code == 0, markdown(report)
        refreshed.settle(security_group_ids=group, max_idle_time="9m")
    else:
        assert failed(report) == ["launch template", "parameters"]
        assert f"{group} ({vpc}) in {subnet}" in reported(report)
        assert refreshed.aws.writes == []


@pytest.mark.parametrize("operation", sorted({*LOOKS, "ssm:GetParameters"}))
def test_a_denied_read_is_a_note_that_names_the_permission(world: World, clients: Clients, operation: str) -> None:
    world.parameter_store().put_parameter(Name="/image", Value=IMAGE, Type="String")
    _answer(world, operation, 403, DENIED[operation.partition(":")[0]])
    ami = "resolve:ssm:/image" if operation.startswith("ssm") else IMAGE
    report = world.refresh(ami=ami)
    assert report.exit_code == 0, markdown(report)
    notes = [note for each in report.components for note in each.notes]
    assert notes
    assert all(f"PermissionDenied: {operation}: " in note for note in notes)
    assert all(f"Allow {operation} in the IAM policy" in note for note in notes)
    assert world.default_version(clients)["LaunchTemplateData"]["ImageId"] == ami


@pytest.mark.usefixtures("expiring")
def test_credentials_that_expire_during_the_checks_fail_the_write(world: World) -> None:
    _answer(world, "ec2:DescribeImages", 400, REFUSED.format("RequestExpired").encode())
    report = world.refresh()
    assert "launch template" in failed(report)
    assert all(each in reported(report) for each in ("RequestExpired", "ec2:DescribeImages"))
    assert "ec2:CreateLaunchTemplate" not in world.aws.calls


def _without_role() -> None:
    get_backend("iam")[ACCOUNT_ID]["aws"].instance_profiles[PROFILE].roles.clear()


def _unavailable() -> None:
    get_backend("ec2")[ACCOUNT_ID][REGION].amis[IMAGE].state = "failed"


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_without_role, f"iam-instance-profile: {PROFILE} "),
        (_unavailable, f"ami: {IMAGE} is failed"),
    ],
)
def test_an_unusable_resource_fails_the_template_and_what_needs_it(
    world: World, spoil: Callable[[], Any], problem: str
) -> None:
    """In a first run as well."""
    spoil()
    report = world.refresh()
    assert failed(report) == ["launch template", "door settings"]
    assert problem in reported(report)
    assert "ec2:CreateLaunchTemplate" not in world.aws.calls
    assert world.aws.counted()["sqs:CreateQueue"] == 7


def test_a_root_volume_and_the_checks_share_one_read_of_the_image(refreshed: World) -> None:
    refreshed.refresh(root_volume_size="100")
    assert refreshed.aws.counted()["ec2:DescribeImages"] == 1
