"""What people read of launches that failed: each cause with its remedy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve

from refresh.pool.launch import Fleet, FleetAnswer, LaunchedInstance, launch
from refresh.pool.launch_causes import Cause, Shortfall
from refresh.pool.launch_remedies import explained
from tests.unit.pool import fleets

ON_DEMAND, SPOT = (evolve(each, count=4) for each in (fleets.ON_DEMAND, fleets.SPOT))
NO_CAPACITY = Shortfall(cause=Cause.CAPACITY, code="InsufficientInstanceCapacity", message="none", number=6)
MACHINE = LaunchedInstance(id="i-00000001", instance_type="c7i.large", usage_class="spot", template_version="7")
SPOT_ROLE = "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"
FLEET_ROLE = "aws iam create-service-linked-role --aws-service-name ec2fleet.amazonaws.com"


def _explained(
    cause: Cause, code: str, message: str = "", fleet: Fleet = ON_DEMAND, where: tuple[str, ...] = ()
) -> str:
    shortfall = Shortfall(cause=cause, code=code, message=message, where=where)
    return explained([FleetAnswer(fleet=fleet, shortfalls=(shortfall,))])


def test_nothing_missing_needs_no_words() -> None:
    complete = FleetAnswer(fleet=evolve(ON_DEMAND, count=1), launched=(MACHINE,), shortfalls=(NO_CAPACITY,))
    assert explained([complete]) == explained([]) == ""


def test_what_was_tried_comes_first() -> None:
    text = explained(
        [
            FleetAnswer(fleet=SPOT, launched=(MACHINE,), shortfalls=(NO_CAPACITY,)),
            FleetAnswer(fleet=evolve(ON_DEMAND, count=3), shortfalls=(NO_CAPACITY,)),
        ]
    )
    assert text.startswith(
        "EC2 did not launch 3 of 4 instances with 2 vCPUs and at least 4096 MiB (spot then on-demand; c* m*; "
        "subnet-a, subnet-b) in 2 rounds. "
    )
    assert "InsufficientInstanceCapacity 12 times" in text
    assert " in 1 round. " in explained([FleetAnswer(fleet=SPOT, shortfalls=(NO_CAPACITY,))])


def test_what_a_complete_answer_lists_is_no_cause() -> None:
    denied = Shortfall(cause=Cause.PERMISSION, code="UnauthorizedOperation", message="no")
    complete = FleetAnswer(fleet=evolve(SPOT, count=1), launched=(MACHINE,), shortfalls=(NO_CAPACITY,))
    text = explained([complete, FleetAnswer(fleet=SPOT, shortfalls=(denied,))])
    assert "InsufficientInstanceCapacity" not in text
    assert "did not launch 4 of 4" in text


def test_missing_capacity_is_met_by_more_types_zones_and_prices() -> None:
    on_demand = explained([FleetAnswer(fleet=ON_DEMAND, shortfalls=(NO_CAPACITY,))])
    spot = explained([FleetAnswer(fleet=SPOT, shortfalls=(NO_CAPACITY,))])
    for text in (on_demand, spot):
        assert "allowed-instance-types" in text
        assert "other availability zones" in text
    assert "max-price-over-lowest (now 100)" in on_demand
    assert "fallback" not in on_demand
    assert "set fallback to on-demand" in spot
    assert "max-price-over-lowest" not in spot


def test_a_shortfall_without_a_code_shows_its_message() -> None:
    assert "(EC2 gives no reason)" in _explained(Cause.CAPACITY, "", "EC2 gives no reason")


def test_full_subnets_are_named() -> None:
    named = _explained(Cause.ADDRESSES, "InsufficientFreeAddressesInSubnet", where=("subnet-b", "c7i.large"))
    assert "No free IP address is left in subnet-b (" in named
    assert "max-instances" in named
    assert "left in subnet-a, subnet-b (" in _explained(Cause.ADDRESSES, "InsufficientFreeAddressesInSubnet")


@pytest.mark.parametrize(
    ("code", "quotas"),
    [
        ("VcpuLimitExceeded", ["Running On-Demand Standard", "/ec2/quotas/L-1216C47A"]),
        ("MaxSpotInstanceCountExceeded", ["Spot Instance Requests", "/ec2/quotas/L-34B43A08"]),
        ("MaxFleetCountExceeded", ["AWS Support"]),
        ("VolumeLimitExceeded", ["/ebs/quotas"]),
        ("SomethingLimitExceeded", ["that the code names", "/ec2/quotas"]),
    ],
)
def test_a_quota_is_named_by_its_code(code: str, quotas: list[str]) -> None:
    text = _explained(Cause.QUOTA, code, "too many.")
    assert f"({code}: too many): raise the quota " in text
    assert [each for each in quotas if each not in text] == []


def test_a_denial_names_the_action_and_the_policy() -> None:
    message = "User: u is not authorized to perform: iam:PassRole on resource: r"
    text = _explained(Cause.PERMISSION, "UnauthorizedOperation", message)
    assert "allow iam:PassRole as docs/iam/provision.json does" in text
    assert "decode" not in text


def test_an_explicit_deny_is_not_met_by_a_permission() -> None:
    message = "User: u is not authorized to perform: ec2:RunInstances with an explicit deny in a service control policy"
    assert "explicitly denies ec2:RunInstances" in _explained(Cause.PERMISSION, "UnauthorizedOperation", message)
    assert "explicitly denies it" in _explained(Cause.PERMISSION, "UnauthorizedOperation", "an explicit deny")


def test_the_reason_at_the_end_of_a_long_denial_is_kept() -> None:
    """With the longest names that IAM allows for a role and its session."""
    user = f"arn:aws-us-gov:sts::123456789012:assumed-role/{'r' * 64}/{'s' * 64}"
    resource = f"arn:aws-us-gov:iam::123456789012:role/{'p' * 64}"
    message = (
        f"You are not authorized to perform this operation. User: {user} is not authorized to perform: iam:PassRole on "
        f"resource: {resource} with an explicit deny in a service control policy. Encoded authorization failure "
        f"message: {'x' * 500}"
    )
    entry = {"ErrorCode": "UnauthorizedOperation", "ErrorMessage": message}
    ec2: Any = SimpleNamespace(create_fleet=lambda **_: {"Errors": [entry]})
    text = explained([launch(ec2, ON_DEMAND)])
    assert "explicitly denies iam:PassRole" in text
    assert "xxx" not in text


def test_a_denial_without_an_action_says_where_it_can_be_decoded() -> None:
    text = _explained(Cause.PERMISSION, "UnauthorizedOperation", "You are not authorized.")
    assert "docs/iam/provision.json" in text
    assert "aws sts decode-authorization-message" in text


@pytest.mark.parametrize(
    ("fleet", "message", "commands"),
    [
        (SPOT, "the service-linked role for EC2 Spot Instances", [SPOT_ROLE]),
        (SPOT, "the service-linked role for EC2 Fleet", [FLEET_ROLE]),
        (SPOT, "", [SPOT_ROLE]),
        (ON_DEMAND, "", [FLEET_ROLE]),
    ],
)
def test_a_missing_service_linked_role_is_created_by_a_command(fleet: Fleet, message: str, commands: list[str]) -> None:
    code = "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
    text = _explained(Cause.SERVICE_LINKED_ROLE, code, message, fleet)
    assert [each for each in (SPOT_ROLE, FLEET_ROLE) if each in text] == commands


def test_two_subnets_in_one_zone_are_explained() -> None:
    message = "The fleet configuration contains duplicate instance pools."
    text = _explained(Cause.CONFIGURATION, "InvalidFleetConfig", message)
    assert "one subnet of each zone" in text


def test_other_refusals_have_ec2_s_words() -> None:
    text = _explained(Cause.CONFIGURATION, "InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist.")
    assert "(InvalidAMIID.NotFound: The image id '[ami-1]' does not exist)" in text
    assert "(SomethingNew)" in _explained(Cause.CONFIGURATION, "SomethingNew")


@pytest.mark.parametrize(
    ("cause", "code"), [(Cause.THROTTLED, "RequestLimitExceeded"), (Cause.UNANSWERED, "ReadTimeoutError")]
)
def test_what_passes_by_itself_is_tried_again(cause: Cause, code: str) -> None:
    text = _explained(cause, code)
    assert f"({code}): run the job again" in text


def test_each_cause_has_a_sentence_and_those_for_a_person_come_first() -> None:
    shortfalls = tuple(Shortfall(cause=each, code=f"Code{each.name}", message="") for each in Cause)
    text = explained([FleetAnswer(fleet=SPOT, shortfalls=shortfalls)])
    shown = sorted(Cause, key=lambda cause: text.index(f"Code{cause.name}"))
    assert [cause.passing for cause in shown] == [False] * 4 + [True] * 4
    assert "\n" not in text


def test_the_general_code_is_not_a_cause_of_its_own() -> None:
    denied = Shortfall(cause=Cause.PERMISSION, code="UnauthorizedOperation", message="no")
    general = Shortfall(cause=Cause.CAPACITY, code="UnfulfillableCapacity", message="adjust your request")
    assert "capacity" not in explained([FleetAnswer(fleet=SPOT, shortfalls=(general, denied))]).lower()
