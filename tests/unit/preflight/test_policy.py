"""What is judged before writing: what is wrong, what is a warning, and what is only not known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from refresh import errors
from refresh.desired import RootVolume
from refresh.preflight import policy
from refresh.preflight.findings import Findings, together
from refresh.preflight.image_lookup import Image
from refresh.preflight.policy import Network, Profile
from tests.fakes.desired import IMAGE, desired
from tests.fakes.memory.account import START

ARN = "arn:aws:iam::123456789012:instance-profile/runner-profile"
SUBNETS = {"subnet-1": "vpc-1", "subnet-2": "vpc-1"}
GROUPS = {"sg-1": "vpc-1", "sg-2": "vpc-1"}
DENIED = errors.PermissionDenied("ec2:DescribeImages", "UnauthorizedOperation", "no.")
UNKNOWN = [
    DENIED,
    errors.Throttled("iam:X", "Throttling"),
    errors.Unavailable("iam:X", "ConnectTimeoutError"),
    errors.CredentialsExpired("iam:X", "SignatureDoesNotMatch"),
    errors.Rejected("iam:X", "403", "a proxy's page."),
]
WRONG = [
    errors.NotFound("ec2:X", "NoImage", "none."),
    errors.Rejected("ec2:X", "AuthFailure", "theirs."),
    errors.Rejected("ec2:X", "InvalidAMIID.Unavailable", "gone."),
]


def test_an_image_that_is_being_made_is_waited_for() -> None:
    """By the next run."""
    found = policy.image(desired(), Image(IMAGE, "pending"), START)
    assert found == Findings((f"ami: {IMAGE} is still being made; the next run looks again.",))


@pytest.mark.parametrize("state", ["failed", "disabled", "deregistered", ""])
def test_an_image_that_is_not_available_is_a_problem(state: str) -> None:
    """Nothing could be launched from it."""
    found = policy.image(desired(), Image(IMAGE, state), START)
    assert found == Findings((f"ami: {IMAGE} is {state or 'in no state'}, not available; choose another image.",))


@pytest.mark.parametrize(("after", "warned"), [(timedelta(), True), (timedelta(days=-1), True), (timedelta(1), False)])
def test_an_image_is_warned_of_once_it_is_deprecated(after: timedelta, *, warned: bool) -> None:
    """It can be launched all the same."""
    found = policy.image(desired(), Image(IMAGE, deprecated_at=START + after), START)
    assert (found.problems, bool(found.notes), bool(found.warnings)) == ((), not warned, warned)


def test_an_image_behind_a_parameter_is_told_with_both_names() -> None:
    """The owner knows the one, AWS the other."""
    parameter = "resolve:ssm:/runners/image"
    found = policy.image(desired(image=parameter), Image(IMAGE, deprecated_at=START), START)
    assert found.warnings == (
        f"ami: {IMAGE} ({parameter}) is deprecated since 2026-01-31T09:05:00Z; choose a newer one before it is gone.",
    )


@pytest.mark.parametrize(
    ("given", "found", "problem"),
    [
        ("runner-profile", Profile(ARN, ("runner",)), ""),
        (ARN, Profile(ARN, ("runner",)), ""),
        (
            "runner-profile",
            Profile(ARN, ()),
            "iam-instance-profile: runner-profile has no role in it; add the runners'",
        ),
        (
            ARN.replace("1234", "9999"),
            Profile(ARN, ("runner",)),
            f"iam-instance-profile: the one of this account with that name is {ARN}, not arn:aws:iam::9999",
        ),
    ],
)
def test_an_instance_profile_has_to_be_the_one_that_was_named_and_to_have_a_role(
    given: str, found: Profile, problem: str
) -> None:
    """EC2 launches with no other."""
    findings = policy.profile(desired(instance_profile=given), found)
    assert [each.startswith(problem) for each in findings.problems] == ([True] if problem else [])
    assert (findings.warnings, findings.notes) == ((), ())


def test_every_subnet_and_security_group_that_is_not_there_is_named() -> None:
    """In one sentence an input."""
    found = Network({"subnet-2": "vpc-1"}, {})
    assert policy.subnets(desired(), found).problems == (
        "subnet-ids: subnet-1 cannot be seen in eu-west-1 by this account; correct the input.",
    )
    assert policy.groups(desired(), found).problems == (
        "security-group-ids: sg-1, sg-2 cannot be seen in eu-west-1 by this account; correct the input.",
    )


def test_what_shares_a_vpc_is_right() -> None:
    """Without a word."""
    found = Network(SUBNETS, GROUPS)
    assert policy.apart(found) == ()
    assert policy.subnets(desired(), found) == policy.groups(desired(), found) == Findings()


@pytest.mark.parametrize(
    ("subnets", "groups", "pair"),
    [
        ({"subnet-1": "vpc-2"}, {}, "sg-1 (vpc-1) in subnet-1 (vpc-2), sg-2 (vpc-1) in subnet-1 (vpc-2)"),
        ({}, {"sg-2": "vpc-2"}, "sg-2 (vpc-2) in subnet-1 (vpc-1), sg-2 (vpc-2) in subnet-2 (vpc-1)"),
    ],
)
def test_a_group_of_another_vpc_than_a_subnet_s_is_a_problem_of_both(
    subnets: dict[str, str], groups: dict[str, str], pair: str
) -> None:
    """Nobody knows which of them is the slip of the pen."""
    found = Network({**SUBNETS, **subnets}, {**GROUPS, **groups})
    problem = f"security-group-ids and subnet-ids: one cannot use {pair}; all of them have to share a VPC."
    assert policy.groups(desired(), found).problems == (problem,)
    assert policy.subnets(desired(), found).problems == (problem,)


def test_a_group_that_is_associated_with_the_subnets_vpc_can_be_used_there() -> None:
    """AWS lets a group be used in other VPCs than its own."""
    found = Network(SUBNETS, {**GROUPS, "sg-2": "vpc-2"}, frozenset({("sg-2", "vpc-1")}))
    assert policy.groups(desired(), found) == Findings()
    elsewhere = Network(SUBNETS, {**GROUPS, "sg-2": "vpc-2"}, frozenset({("sg-2", "vpc-3"), ("sg-1", "vpc-1")}))
    assert policy.groups(desired(), elsewhere).problems


def test_where_associations_may_not_be_read_another_vpc_is_only_a_note() -> None:
    """It may be right."""
    found = policy.groups(desired(), Network(SUBNETS, {**GROUPS, "sg-2": "vpc-2"}, DENIED))
    assert found.problems == ()
    assert found.notes[0].startswith("security-group-ids and subnet-ids: whether one can use sg-2 (vpc-2) in subnet-1")
    assert str(DENIED) in found.notes[0]


def _judgements(error: errors.ApiError) -> dict[str, Findings]:
    network = Network(error, error)
    return {
        "ami": policy.image(desired(), error, START),
        "iam-instance-profile": policy.profile(desired(), error),
        "security-group-ids": policy.groups(desired(), network),
        "subnet-ids": policy.subnets(desired(), network),
    }


@pytest.mark.parametrize("error", UNKNOWN, ids=lambda each: type(each).__name__)
def test_what_may_not_or_cannot_be_read_just_now_is_a_note(error: errors.ApiError) -> None:
    """An outage of IAM must not stop a pool elsewhere."""
    for name, found in _judgements(error).items():
        assert found.problems == found.warnings == ()
        assert found.notes[0] == f"{name}: was not looked at before writing: {error}"


def test_that_vpcs_were_not_compared_is_told_by_whoever_could_read_its_own_half() -> None:
    """The other half may be written by nobody in this run."""
    note = f"security-group-ids and subnet-ids: whether they share a VPC was not looked at before writing: {DENIED}"
    assert policy.groups(desired(), Network(DENIED, GROUPS)) == Findings(notes=(note,))
    assert policy.subnets(desired(), Network(SUBNETS, DENIED)) == Findings(notes=(note,))


@pytest.mark.parametrize("error", WRONG, ids=lambda each: type(each).__name__)
def test_what_aws_does_not_know_or_refuses_is_a_problem(error: errors.ApiError) -> None:
    """It would refuse every launch."""
    for name, found in _judgements(error).items():
        assert found.problems == (f"{name}: {error}",)


def test_findings_are_joined_in_their_order() -> None:
    """Nothing is lost."""
    texts: Any = [Findings((f"p{number}",), (f"w{number}",), (f"n{number}",)) for number in range(3)]
    assert together(*texts) == Findings(("p0", "p1", "p2"), ("w0", "w1", "w2"), ("n0", "n1", "n2"))


@pytest.mark.parametrize("network", [Network(DENIED, GROUPS), Network(SUBNETS, DENIED)])
def test_what_could_not_be_looked_at_is_not_told_to_be_apart(network: Network) -> None:
    """Half of the answer is no answer."""
    assert policy.apart(network) == ()


def _image(**said: Any) -> Image:
    return Image(IMAGE, device_name="/dev/sda1", described=said)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"ImageType": "kernel"}, "is a kernel image, from which no instance can be launched"),
        ({"Platform": "windows"}, "runs Windows, and the agent is a shell script for Linux"),
        (
            {"Architecture": "i386"},
            "is built for i386, for which GitHub has no Linux runner; choose an image for x86_64",
        ),
        ({"Architecture": "arm64_mac"}, "is built for arm64_mac"),
    ],
)
def test_an_image_on_which_no_runner_runs_is_a_problem(said: dict[str, Any], problem: str) -> None:
    """Every instance would be launched for nothing."""
    found = policy.image(desired(), _image(**said), START)
    assert (len(found.problems), found.warnings) == (1, ())
    assert found.problems[0].startswith(f"ami: {IMAGE} {problem}")


@pytest.mark.parametrize(
    ("said", "warning"),
    [
        ({"ImageAllowed": False}, "does not meet the account's setting Allowed AMIs"),
        ({"VirtualizationType": "paravirtual"}, "is paravirtual"),
        ({"RootDeviceType": "instance-store"}, "boots from an instance store"),
        ({"EnaSupport": False}, "has no support for ENA"),
    ],
)
def test_an_image_that_few_instance_types_run_is_a_warning(said: dict[str, Any], warning: str) -> None:
    """Some launches work."""
    found = policy.image(desired(), _image(**said), START)
    assert (found.problems, len(found.warnings)) == ((), 1)
    assert found.warnings[0].startswith(f"ami: {IMAGE} {warning}")


@pytest.mark.parametrize(
    "said",
    [
        {"TpmSupport": "v2.0"},
        {"ProductCodes": [{"ProductCodeType": "marketplace", "ProductCodeId": "abc"}]},
    ],
)
def test_what_may_limit_launches_is_noted(said: dict[str, Any]) -> None:
    """It is known to work for many."""
    found = policy.image(desired(), _image(**said), START)
    assert (found.problems, found.warnings, len(found.notes)) == ((), (), 1)


USUAL_IMAGE = {
    "ImageType": "machine",
    "Architecture": "arm64",
    "VirtualizationType": "hvm",
    "RootDeviceType": "ebs",
    "EnaSupport": True,
    "BootMode": "uefi",
    "ImdsSupport": "v2.0",
    "ProductCodes": [{"ProductCodeType": "devpay"}],
}


def test_an_image_as_they_are_today_is_right() -> None:
    """Without a word."""
    assert policy.image(desired(), _image(**USUAL_IMAGE), START) == Findings()


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ({}, "/dev/sda1, /dev/sdb"),
        ({"root_volume": RootVolume(50)}, "/dev/sdb"),
        ({"delete_volumes_on_termination": True}, ""),
    ],
)
def test_volumes_that_outlive_their_instance_are_a_warning_with_their_devices(
    wanted: dict[str, Any], kept: str
) -> None:
    """Each ended runner would leave one that costs; an input ends it, and so does a root volume of the template's."""
    image = Image(IMAGE, device_name="/dev/sda1", kept=("/dev/sda1", "/dev/sdb"))
    found = policy.image(desired(**wanted), image, START)
    assert [each.partition(" when an instance ends")[0] for each in found.warnings] == (
        [f"ami: {IMAGE} keeps the volumes at {kept}"] if kept else []
    )
    assert all("set delete-volumes-on-termination: true" in each for each in found.warnings)


def _network(subnet: Any, group: Any, **others: Any) -> Network:
    return Network(SUBNETS, GROUPS, described={"subnet-1": subnet, "sg-1": group, **others})


ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
SUBNET = {
    "State": "available",
    "AvailableIpAddressCount": 250,
    "AvailabilityZone": "eu-west-1a",
    "MapPublicIpOnLaunch": False,
}
GROUP = {"IpPermissionsEgress": [ALL], "IpPermissions": []}


def test_subnets_and_groups_as_they_are_made_are_right() -> None:
    """Two subnets of one zone too."""
    others = {"subnet-2": SUBNET, "sg-2": GROUP}
    found = _network(SUBNET, GROUP, **others)
    assert policy.subnets(desired(), found) == policy.groups(desired(), found) == Findings()


@pytest.mark.parametrize(
    ("said", "warning"),
    [
        ({"State": "unavailable"}, "subnet-1 cannot be used (state unavailable); the other subnets can."),
        ({"State": "pending"}, "subnet-1 is still being made"),
        ({"AvailableIpAddressCount": 0}, "subnet-1 has no free address"),
        ({"AvailabilityZone": "eu-west-1-lon-1a"}, "subnet-1 is in eu-west-1-lon-1a, a Local Zone or Wavelength Zone"),
        ({"OutpostArn": "arn:aws:outposts:x"}, "subnet-1 is on an Outpost"),
        ({"Ipv6Native": True, "AvailableIpAddressCount": 0}, "subnet-1 has no IPv4, which GitHub needs"),
    ],
)
def test_a_subnet_where_launches_or_jobs_may_fail_is_a_warning(said: dict[str, Any], warning: str) -> None:
    """Others may be used meanwhile, or it may pass."""
    found = policy.subnets(desired(), _network({**SUBNET, **said}, GROUP, **{"subnet-2": SUBNET}))
    assert (found.problems, found.notes, len(found.warnings)) == ((), (), 1)
    assert found.warnings[0].startswith(f"subnet-ids: {warning}")


def test_subnets_none_of_which_can_be_used_are_a_problem() -> None:
    """Nothing could be launched."""
    failed = {**SUBNET, "State": "failed"}
    found = policy.subnets(desired(), _network(failed, GROUP, **{"subnet-2": failed}))
    assert found == Findings(("subnet-ids: subnet-1, subnet-2 cannot be used (state failed); name another subnet.",))


def test_little_room_is_a_warning_and_private_subnets_among_public_ones_are_noted() -> None:
    """Private ones alone are usual, with a NAT gateway that a subnet does not tell of; so is DNS64."""
    small = {**SUBNET, "AvailableIpAddressCount": 3}
    found = policy.subnets(desired(), _network(small, GROUP, **{"subnet-2": small}))
    assert found == Findings(warnings=("subnet-ids: only 6 addresses are free in all of them together, one a runner.",))
    public = {**SUBNET, "MapPublicIpOnLaunch": True}
    mixed = policy.subnets(desired(), _network(SUBNET, GROUP, **{"subnet-2": public}))
    assert (mixed.warnings, len(mixed.notes)) == ((), 1)
    assert mixed.notes[0].startswith("subnet-ids: subnet-1 gives no public address")
    translated = {**SUBNET, "Ipv6Native": True, "EnableDns64": True, "AvailableIpAddressCount": 0}
    assert policy.subnets(desired(), _network(translated, GROUP)) == Findings()


HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}


@pytest.mark.parametrize(
    ("outbound", "problems", "warnings"),
    [
        ([], 1, 0),
        ([{"IpProtocol": "tcp", "FromPort": 3128, "ToPort": 3128}], 0, 1),
        ([{"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535}], 0, 1),
        ([HTTPS], 0, 0),
        ([{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535}], 0, 0),
    ],
)
def test_groups_that_let_no_runner_out_are_judged_together(outbound: list[Any], problems: int, warnings: int) -> None:
    """All of them are on each instance: one that lets HTTPS out is enough, none at all a problem."""
    closed = {"IpPermissionsEgress": outbound}
    found = policy.groups(desired(), _network(SUBNET, closed, **{"sg-2": {"IpPermissionsEgress": []}}))
    assert (len(found.problems), len(found.warnings)) == (problems, warnings)
    assert policy.groups(desired(), _network(SUBNET, closed, **{"sg-2": GROUP})) == Findings()


@pytest.mark.parametrize(
    ("rule", "ports"),
    [
        (ALL, "everything"),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, "tcp 22-22"),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, ""),
    ],
)
def test_a_group_that_lets_the_whole_internet_in_is_a_warning(rule: dict[str, Any], ports: str) -> None:
    """Runners need no inbound rule."""
    found = policy.groups(desired(), _network(SUBNET, {**GROUP, "IpPermissions": [rule]}))
    words = f"security-group-ids: sg-1 lets the whole internet in ({ports}); runners need no inbound rule."
    assert found == Findings(warnings=(words,) if ports else ())


@pytest.mark.parametrize(
    ("statement", "trusted"),
    [
        ([{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}], True),
        ({"Effect": "Allow", "Principal": {"Service": ["x", "ec2.amazonaws.com.cn"]}}, True),
        ([{"Effect": "Allow", "Principal": "*"}], True),
        ([{"Effect": "Allow", "Principal": {"AWS": "*"}}], True),
        ([{"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}}], True),
        ([{"Effect": "Allow", "Principal": {"Service": "ec2.c2s.ic.gov"}}], True),
        ([{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}], False),
        ([{"Effect": "Deny", "Principal": {"Service": "ec2.amazonaws.com"}}, "?"], False),
        ([{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, {"Effect": "Allow"}], False),
    ],
)
def test_a_role_that_ec2_may_not_take_is_a_problem(statement: object, *, trusted: bool) -> None:
    """Instances would have no credentials, and run for nothing."""
    found = policy.profile(desired(), Profile(ARN, ("runner",), {"Statement": statement}))
    assert [
        each.startswith("iam-instance-profile: the role runner in runner-profile does not trust EC2")
        for each in found.problems
    ] == ([] if trusted else [True])
