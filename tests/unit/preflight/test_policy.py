"""What is judged before writing: what is wrong, what is a warning, and what is only unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from refresh import errors
from refresh.preflight import policy
from refresh.preflight.findings import Findings, together
from refresh.preflight.image_lookup import Image
from refresh.preflight.policy import Network
from refresh.preflight.profile_lookup import Profile
from tests.fakes.desired import IMAGE, desired
from tests.fakes.serial import NOW

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


def _counted(found: Findings) -> tuple[int, int, int]:
    return len(found.problems), len(found.warnings), len(found.notes)


def test_findings_are_joined_in_their_order() -> None:
    findings = [Findings((f"p{number}",), (f"w{number}",), (f"n{number}",)) for number in range(3)]
    assert together(*findings) == Findings(("p0", "p1", "p2"), ("w0", "w1", "w2"), ("n0", "n1", "n2"))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("pending", "next run"),
        *((each, f"is {each}") for each in ("failed", "disabled", "deregistered")),
        ("", "no state"),
    ],
)
def test_an_image_that_is_not_available_is_a_problem(state: str, words: str) -> None:
    found = policy.image(desired(), Image(IMAGE, state), NOW)
    assert _counted(found) == (1, 0, 0)
    assert all(each in found.problems[0] for each in (f"ami: {IMAGE}", words))


@pytest.mark.parametrize(
    ("after", "counted"),
    [
        (timedelta(days=-1), (0, 1, 0)),
        (timedelta(), (0, 1, 0)),
        (timedelta(days=1), (0, 0, 1)),
        (timedelta(days=31), (0, 0, 0)),
    ],
)
def test_a_deprecated_image_is_a_warning_and_an_upcoming_deprecation_a_note(
    after: timedelta, counted: tuple[int, int, int]
) -> None:
    """It can be launched in any case; an image behind a parameter is named with both names."""
    parameter = "resolve:ssm:/runners/image"
    found = policy.image(desired(image=parameter), Image(IMAGE, deprecated_at=NOW + after), NOW)
    assert _counted(found) == counted
    assert all(f"{IMAGE} ({parameter})" in each for each in (*found.warnings, *found.notes))


@pytest.mark.parametrize(
    ("given", "found", "named"),
    [
        ("runner-profile", Profile(ARN, ("runner",)), ()),
        (ARN, Profile(ARN, ("runner",)), ()),
        ("runner-profile", Profile(ARN, ()), ("runner-profile", "no role")),
        (ARN.replace("1234", "9999"), Profile(ARN, ("runner",)), (ARN, "arn:aws:iam::9999")),
    ],
)
def test_an_instance_profile_must_be_the_named_one_and_have_a_role(
    given: str, found: Profile, named: tuple[str, ...]
) -> None:
    findings = policy.profile(desired(instance_profile=given), found)
    assert _counted(findings) == (bool(named), 0, 0)
    assert all(each in problem for problem in findings.problems for each in ("iam-instance-profile: ", *named))


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
def test_a_role_that_does_not_trust_ec2_is_a_problem(statement: object, *, trusted: bool) -> None:
    """Instances would have no credentials."""
    found = policy.profile(desired(), Profile(ARN, ("runner",), {"Statement": statement}))
    assert _counted(found) == (not trusted, 0, 0)
    assert all("the role runner in runner-profile" in each for each in found.problems)


def test_every_missing_subnet_and_security_group_is_named() -> None:
    found = Network({"subnet-2": "vpc-1"}, {})
    (subnets,) = policy.subnets(desired(), found).problems
    (groups,) = policy.groups(desired(), found).problems
    assert subnets.startswith("subnet-ids: ")
    assert ("subnet-1" in subnets, "subnet-2" in subnets) == (True, False)
    assert groups.startswith("security-group-ids: ")
    assert "sg-1, sg-2" in groups


@pytest.mark.parametrize(
    ("subnets", "groups", "associated", "pairs"),
    [
        ({}, {}, (), ""),
        ({"subnet-1": "vpc-2"}, {}, (), "sg-1 (vpc-1) in subnet-1 (vpc-2), sg-2 (vpc-1) in subnet-1 (vpc-2)"),
        ({}, {"sg-2": "vpc-2"}, (), "sg-2 (vpc-2) in subnet-1 (vpc-1), sg-2 (vpc-2) in subnet-2 (vpc-1)"),
        ({}, {"sg-2": "vpc-2"}, [("sg-2", "vpc-1")], ""),
        ({}, {"sg-2": "vpc-2"}, [("sg-2", "vpc-3"), ("sg-1", "vpc-1")], "sg-2 (vpc-2) in subnet-1 (vpc-1)"),
    ],
)
def test_a_security_group_that_cannot_be_used_in_a_subnet_is_a_problem_of_both(
    subnets: dict[str, str], groups: dict[str, str], associated: list[tuple[str, str]], pairs: str
) -> None:
    """Either may be the wrong one; a group can be associated with other VPCs than its own."""
    found = Network({**SUBNETS, **subnets}, {**GROUPS, **groups}, frozenset(associated))
    judged = policy.groups(desired(), found), policy.subnets(desired(), found)
    assert judged[0] == judged[1]
    assert _counted(judged[0]) == (bool(pairs), 0, 0)
    assert all(pairs in each for each in judged[0].problems)


def test_a_group_of_another_vpc_is_only_a_note_if_associations_are_unknown() -> None:
    found = policy.groups(desired(), Network(SUBNETS, {**GROUPS, "sg-2": "vpc-2"}, DENIED))
    assert _counted(found) == (0, 0, 1)
    assert all(each in found.notes[0] for each in ("sg-2 (vpc-2) in subnet-1", str(DENIED)))


def test_vpcs_that_could_not_be_compared_are_a_note_of_the_half_that_was_read() -> None:
    """The other half may not be written in this run."""
    judged = policy.groups(desired(), Network(DENIED, GROUPS)), policy.subnets(desired(), Network(SUBNETS, DENIED))
    assert [_counted(each) for each in judged] == [(0, 0, 1)] * 2
    assert all(each.notes[0].startswith("security-group-ids and subnet-ids: ") for each in judged)
    assert policy.apart(Network(DENIED, GROUPS)) == policy.apart(Network(SUBNETS, DENIED)) == ()


def _judgements(error: errors.ApiError) -> dict[str, Findings]:
    network = Network(error, error)
    return {
        "ami": policy.image(desired(), error, NOW),
        "iam-instance-profile": policy.profile(desired(), error),
        "security-group-ids": policy.groups(desired(), network),
        "subnet-ids": policy.subnets(desired(), network),
    }


@pytest.mark.parametrize("error", UNKNOWN, ids=lambda each: type(each).__name__)
def test_a_resource_that_cannot_be_read_is_a_note(error: errors.ApiError) -> None:
    """An outage of IAM must not stop a pool elsewhere."""
    for name, found in _judgements(error).items():
        assert found.problems == found.warnings == ()
        assert found.notes[0].startswith(f"{name}: ")
        assert found.notes[0].endswith(str(error))


@pytest.mark.parametrize("error", WRONG, ids=lambda each: type(each).__name__)
def test_a_resource_that_aws_does_not_know_or_refuses_is_a_problem(error: errors.ApiError) -> None:
    """It would refuse every launch."""
    for name, found in _judgements(error).items():
        assert found.problems == (f"{name}: {error}",)
