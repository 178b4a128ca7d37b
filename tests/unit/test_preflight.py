"""What is judged before writing: what is wrong, what is a warning, and what is only not known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from refresh import errors
from refresh.reconciler.launch_template.image import Image
from refresh.reconciler.preflight import policy
from refresh.reconciler.preflight.policy import Findings, Network, Profile
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
    assert (found.problems, found.notes, bool(found.warnings)) == ((), (), warned)


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
    assert policy.together(*texts) == Findings(("p0", "p1", "p2"), ("w0", "w1", "w2"), ("n0", "n1", "n2"))


@pytest.mark.parametrize("network", [Network(DENIED, GROUPS), Network(SUBNETS, DENIED)])
def test_what_could_not_be_looked_at_is_not_told_to_be_apart(network: Network) -> None:
    """Half of the answer is no answer."""
    assert policy.apart(network) == ()
