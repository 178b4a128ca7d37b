"""Launches: what EC2 is asked for, every instance of its answer, and the cause of what is missing."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from refresh import errors
from refresh.pool import ownership
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.launch import Fleet, FleetAnswer, LaunchedInstance, client_token, launch, request
from refresh.pool.launch_causes import Cause, Shortfall
from refresh.pool.ownership import TemplateIds
from refresh.pool.usage import UsageClass
from tests.unit.pool.fleets import ON_DEMAND, SPOT

DENIED = "You are not authorized to perform this operation. User: u is not authorized to perform: ec2:RunInstances"


def _answered(answer: dict[str, Any], fleet: Fleet = ON_DEMAND) -> FleetAnswer:
    ec2: Any = SimpleNamespace(create_fleet=lambda **_: answer)
    return launch(ec2, fleet)


def _raised(error: Exception) -> FleetAnswer:
    def create_fleet(**_: Any) -> None:
        raise error

    ec2: Any = SimpleNamespace(create_fleet=create_fleet)
    return launch(ec2, ON_DEMAND)


def _entry(code: str, message: str = "", **overrides: str) -> dict[str, Any]:
    return {"ErrorCode": code, "ErrorMessage": message, "LaunchTemplateAndOverrides": {"Overrides": overrides}}


def _requirements(fleet: Fleet) -> Any:
    asked: Any = request(fleet)
    overrides = asked["LaunchTemplateConfigs"][0]["Overrides"]
    assert [each["InstanceRequirements"] for each in overrides] == [overrides[0]["InstanceRequirements"]] * 2
    return overrides[0]["InstanceRequirements"]


def test_on_demand_instances_are_asked_for_in_every_subnet_at_an_explicit_price() -> None:
    requirements = {
        "VCpuCount": {"Min": 2, "Max": 2},
        "MemoryMiB": {"Min": 4096},
        "AllowedInstanceTypes": ["c*", "m*"],
        "BurstablePerformance": "excluded",
        "OnDemandMaxPricePercentageOverLowestPrice": 100,
    }
    assert request(evolve(ON_DEMAND, subnet_ids=("subnet-a", "subnet-b", "subnet-a"))) == {
        "Type": "instant",
        "ClientToken": "token",
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-0", "Version": "$Default"},
                "Overrides": [
                    {"SubnetId": "subnet-a", "InstanceRequirements": requirements},
                    {"SubnetId": "subnet-b", "InstanceRequirements": requirements},
                ],
            }
        ],
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": 2,
            "DefaultTargetCapacityType": "on-demand",
            "OnDemandTargetCapacity": 2,
        },
        "TagSpecifications": [
            {
                "ResourceType": "fleet",
                "Tags": [
                    {"Key": "Name", "Value": "ec2-runner-pool-fleet-42-web"},
                    {"Key": "Purpose", "Value": "RunnerPoolProvisioning"},
                ],
            },
            {
                "ResourceType": "instance",
                "Tags": [
                    {"Key": "AllowSelfTermination", "Value": "true"},
                    {"Key": "InitialRunId", "Value": "42-web"},
                ],
            },
        ],
    }


def test_spot_instances_are_allocated_by_price_and_capacity_under_ec2_s_own_price_protection() -> None:
    asked = request(SPOT)
    assert asked["SpotOptions"] == {"AllocationStrategy": "price-capacity-optimized"}
    assert asked["TargetCapacitySpecification"] == {
        "TotalTargetCapacity": 2,
        "DefaultTargetCapacityType": "spot",
        "SpotTargetCapacity": 2,
    }
    assert not [name for name in _requirements(SPOT) if "Price" in name]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("c*", "m*", "r*"), "excluded"),
        (("c*", "t3*"), "included"),
        (("t4g.large",), "included"),
        (("t*",), "included"),
        (("T3a.*",), "included"),
        (("trn1*",), "excluded"),
        (("*",), "excluded"),
        (("*t3*",), "excluded"),
    ],
)
def test_burstable_types_are_included_where_a_pattern_means_nothing_else(
    patterns: tuple[str, ...], expected: str
) -> None:
    assert _requirements(evolve(ON_DEMAND, instance_types=patterns))["BurstablePerformance"] == expected


@pytest.mark.parametrize("fleet", [ON_DEMAND, SPOT])
def test_the_request_has_the_form_of_the_api(fleet: Fleet) -> None:
    """The clients check no parameters, to save time."""
    shape = Session().get_service_model("ec2").operation_model("CreateFleet").input_shape
    assert shape
    report = ParamValidator().validate(dict(request(fleet)), shape)
    assert not report.has_errors(), report.generate_report()


def test_launched_instances_are_proven_to_be_the_pool_s() -> None:
    """By the tags alone, should the template be replaced."""
    asked: Any = request(ON_DEMAND)
    tags = {each["Key"]: each["Value"] for each in asked["TagSpecifications"][1]["Tags"]}
    launched = Ec2Instance("i-00000001", Ec2State.PENDING, None, {**tags, ownership.TEMPLATE_TAG: "lt-0"})
    assert ownership.proven(launched, TemplateIds("lt-1", ("lt-0",)))


def test_a_token_is_the_same_for_the_same_request_only() -> None:
    first = client_token("o-r-ci-table", "42", "h1", 1, UsageClass.SPOT, 3)
    assert first == client_token("o-r-ci-table", "42", "h1", 1, UsageClass.SPOT, 3)
    others = {
        client_token("o-s-ci-table", "42", "h1", 1, UsageClass.SPOT, 3),
        client_token("o-r-ci-table", "42-1", "h1", 1, UsageClass.SPOT, 3),
        client_token("o-r-ci-table", "42", "h2", 1, UsageClass.SPOT, 3),
        client_token("o-r-ci-table", "42", "h1", 2, UsageClass.SPOT, 3),
        client_token("o-r-ci-table", "42", "h1", 1, UsageClass.ON_DEMAND, 3),
        client_token("o-r-ci-table", "42", "h1", 1, UsageClass.SPOT, 31),
        client_token("o-r-ci-table", "421", "h1", 1, UsageClass.SPOT, 3),
    }
    assert len(others - {first}) == 7


@given(st.text(), st.text(), st.integers())
def test_every_token_is_within_ec2_s_limit(table: str, label: str, number: int) -> None:
    assert re.fullmatch(r"[0-9a-f]{1,64}", client_token(table, label, label, number, UsageClass.SPOT, number))


def test_every_instance_of_an_answer_is_returned() -> None:
    answer = _answered(
        {
            "Instances": [
                {
                    "Lifecycle": "spot",
                    "InstanceIds": ["i-00000001", "i-00000002"],
                    "InstanceType": "c7i.large",
                    "LaunchTemplateAndOverrides": {"LaunchTemplateSpecification": {"Version": "7"}},
                },
                {"InstanceIds": ["i-00000003", "i-00000001"]},
                {"InstanceType": "m7i.large"},
            ],
            "Errors": [_entry("InsufficientInstanceCapacity", "no c7i.large")],
        },
        SPOT,
    )
    first = LaunchedInstance(id="i-00000001", instance_type="c7i.large", usage_class="spot", template_version="7")
    assert {each.id: each for each in answer.launched}.keys() == {"i-00000001", "i-00000002", "i-00000003"}
    assert evolve(first, id="i-00000002") in answer.launched
    assert LaunchedInstance(id="i-00000003", instance_type="", usage_class="spot", template_version="") in (
        answer.launched
    )
    assert answer.missing == 0
    assert [each.code for each in answer.shortfalls] == ["InsufficientInstanceCapacity"]


@pytest.mark.parametrize(
    ("group", "usage_class", "version"),
    [
        ({"Lifecycle": "on-demand"}, "on-demand", ""),
        ({"Lifecycle": "something new"}, "spot", ""),
        ({"LaunchTemplateAndOverrides": {}}, "spot", ""),
        ({"LaunchTemplateAndOverrides": {"LaunchTemplateSpecification": {"Version": "$Default"}}}, "spot", ""),
        ({"LaunchTemplateAndOverrides": {"LaunchTemplateSpecification": {"Version": "12"}}}, "spot", "12"),
    ],
)
def test_what_an_answer_leaves_open_is_as_it_was_asked_for(
    group: dict[str, Any], usage_class: str, version: str
) -> None:
    [launched] = _answered({"Instances": [{"InstanceIds": ["i-00000001"], **group}]}, evolve(SPOT, count=1)).launched
    assert (launched.usage_class, launched.template_version) == (usage_class, version)


@pytest.mark.parametrize("answer", [{}, {"Instances": None, "Errors": None}, {"Instances": [], "Errors": []}])
def test_an_answer_without_instances_and_reasons_counts_as_missing_capacity(answer: dict[str, Any]) -> None:
    answered = _answered(answer)
    assert [(each.cause, each.code) for each in answered.shortfalls] == [(Cause.CAPACITY, "")]
    assert (answered.missing, answered.worth_repeating) == (2, True)


def test_a_complete_answer_has_no_shortfall() -> None:
    answer = _answered({"Instances": [{"InstanceIds": ["i-00000001", "i-00000002", "i-00000003"]}], "Errors": []})
    assert (answer.shortfalls, answer.missing, answer.worth_repeating) == ((), 0, False)


def test_reasons_are_joined_by_their_code() -> None:
    answer = _answered(
        {
            "Errors": [
                _entry("InsufficientInstanceCapacity", "no\n c7i", SubnetId="subnet-a", InstanceType="c7i.large"),
                _entry("InsufficientInstanceCapacity", "no m7i", SubnetId="subnet-a", InstanceType="m7i.large"),
                _entry("InsufficientFreeAddressesInSubnet", "full", SubnetId="subnet-b"),
                {},
            ]
        }
    )
    assert answer.shortfalls == (
        Shortfall(
            cause=Cause.CAPACITY,
            code="InsufficientInstanceCapacity",
            message="no c7i",
            number=2,
            where=("subnet-a", "c7i.large", "m7i.large"),
        ),
        Shortfall(cause=Cause.ADDRESSES, code="InsufficientFreeAddressesInSubnet", message="full", where=("subnet-b",)),
        Shortfall(cause=Cause.CONFIGURATION, code="", message=""),
    )


@pytest.mark.parametrize(
    ("code", "message", "cause"),
    [
        ("InsufficientInstanceCapacity", "", Cause.CAPACITY),
        ("InsufficientCapacity", "", Cause.CAPACITY),
        ("UnfulfillableCapacity", "", Cause.CAPACITY),
        ("SpotMaxPriceTooLow", "", Cause.CAPACITY),
        ("Unsupported", "not supported in your requested Availability Zone", Cause.CAPACITY),
        ("InsufficientFreeAddressesInSubnet", "", Cause.ADDRESSES),
        ("RequestLimitExceeded", "", Cause.THROTTLED),
        ("InternalError", "", Cause.UNANSWERED),
        ("IdempotentParameterMismatch", "", Cause.CONFIGURATION),
        ("VcpuLimitExceeded", "", Cause.QUOTA),
        ("InstanceLimitExceeded", "", Cause.QUOTA),
        ("VolumeLimitExceeded", "", Cause.QUOTA),
        ("MaxSpotInstanceCountExceeded", "", Cause.QUOTA),
        ("MaxFleetCountExceeded", "", Cause.QUOTA),
        ("UnauthorizedOperation", DENIED, Cause.PERMISSION),
        ("UnauthorizedOperation", "not authorized to perform: iam:CreateServiceLinkedRole", Cause.SERVICE_LINKED_ROLE),
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", "", Cause.SERVICE_LINKED_ROLE),
        ("AuthFailure", "Not authorized for images: [ami-1]", Cause.CONFIGURATION),
        ("InvalidAMIID.NotFound", "", Cause.CONFIGURATION),
        ("InvalidFleetConfig", "", Cause.CONFIGURATION),
        ("PendingVerification", "", Cause.CONFIGURATION),
        ("SomethingNew", "", Cause.CONFIGURATION),
    ],
)
def test_a_code_has_its_cause_in_an_entry_and_of_the_whole_call(code: str, message: str, cause: Cause) -> None:
    answered = _answered({"Errors": [_entry(code, message)]})
    [entry] = answered.shortfalls
    assert not answered.lost
    [of_call] = _raised(errors.Rejected("ec2:CreateFleet", code, message)).shortfalls
    assert entry == of_call == Shortfall(cause=cause, code=code, message=message)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.Unavailable("ec2:CreateFleet", "InsufficientInstanceCapacity", "none"), Cause.CAPACITY),
        (errors.Unavailable("ec2:CreateFleet", "ReadTimeoutError", "none"), Cause.UNANSWERED),
        (errors.Throttled("ec2:CreateFleet", "RequestThrottled", "none"), Cause.THROTTLED),
        (errors.PermissionDenied("ec2:CreateFleet", "SomethingNew", "none"), Cause.PERMISSION),
        (errors.NotFound("ec2:CreateFleet", "InvalidLaunchTemplateId.NotFound", "none"), Cause.CONFIGURATION),
    ],
)
def test_an_error_without_a_known_code_has_the_cause_of_its_type(error: errors.ApiError, cause: Cause) -> None:
    answer = _raised(error)
    assert (answer.launched, answer.lost) == ((), cause in {Cause.UNANSWERED, Cause.THROTTLED})
    assert answer.shortfalls == (Shortfall(cause=cause, code=error.code, message="none"),)


@pytest.mark.parametrize("kind", [errors.Unreachable, errors.KeyUnusable])
def test_an_error_that_the_clients_explain_keeps_its_remedy(kind: type[errors.ApiError]) -> None:
    error = kind("ec2:CreateFleet", "SSLError", "the certificate is bad.", remedy="Set AWS_CA_BUNDLE.")
    [shortfall] = _raised(error).shortfalls
    assert (shortfall.cause, shortfall.message) == (
        Cause.CONFIGURATION,
        "the certificate is bad. Set AWS_CA_BUNDLE.",
    )


@pytest.mark.parametrize("error", [errors.CredentialsExpired("ec2:CreateFleet", "ExpiredToken"), errors.Interrupted()])
def test_expired_credentials_and_a_stop_are_raised(error: errors.RefreshError) -> None:
    with pytest.raises(type(error)):
        _raised(error)


def test_messages_are_short_and_in_one_line() -> None:
    encoded = f"{DENIED}. Encoded authorization failure message: {'x' * 900}"
    answer = _answered({"Errors": [_entry("UnauthorizedOperation", encoded), _entry("New", "a\tb\r\n" + "c" * 700)]})
    assert [each.message for each in answer.shortfalls] == [f"{DENIED}.", "a b " + "c" * 596 + "..."]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("InsufficientInstanceCapacity",), True),
        (("UnfulfillableCapacity",), True),
        (("InsufficientFreeAddressesInSubnet", "InvalidSubnetID.NotFound"), True),
        (("InsufficientInstanceCapacity", "VcpuLimitExceeded"), False),
        (("UnauthorizedOperation", "UnfulfillableCapacity"), False),
        (("InvalidAMIID.NotFound", "UnfulfillableCapacity"), False),
        (("AuthFailure.ServiceLinkedRoleCreationNotPermitted", "InsufficientInstanceCapacity"), False),
    ],
)
def test_another_round_is_worth_it_while_something_can_pass(codes: tuple[str, ...], expected: object) -> None:
    assert _answered({"Errors": [_entry(each) for each in codes]}).worth_repeating is expected


def test_four_causes_can_pass() -> None:
    passing = {Cause.CAPACITY, Cause.ADDRESSES, Cause.THROTTLED, Cause.UNANSWERED}
    assert {each for each in Cause if each.passing} == passing
