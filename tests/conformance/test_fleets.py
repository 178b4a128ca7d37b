"""Instant fleets of EC2 as provision relies on them; what launches meet can be set on the stand-ins only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.desired import DEFAULT_RESOURCE_CLASSES
from tests.conformance.conftest import UNKNOWN_SUBNET

if TYPE_CHECKING:
    from tests.conformance.conftest import Backend
    from tests.fakes.memory.market import Market

DATA = {
    "ImageId": "ami-0123456789abcdef0",
    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "runner"}]}],
}
REQUIREMENTS = {
    "VCpuCount": {"Min": 2, "Max": 2},
    "MemoryMiB": {"Min": 4096},
    "AllowedInstanceTypes": ["c*", "m*", "r*"],
    "BurstablePerformance": "excluded",
}


def _market(backend: Backend) -> Market:
    if backend.market is None:
        # Real AWS (REFRESH_REAL_AWS=1): a test cannot set its capacity and quotas.
        pytest.skip("what launches meet cannot be set")
    return backend.market


def _template(backend: Backend, name: str) -> str:
    answer = backend.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=DATA)
    return str(answer["LaunchTemplate"]["LaunchTemplateId"])


def _request(backend: Backend, template: str, number: int = 1, usage: str = "on-demand", **changed: Any) -> Any:
    """Ask for machines in two subnets; `version` and what is in `requirements` can be others."""
    requirements = {**REQUIREMENTS, **changed.pop("requirements", {})}
    subnets = changed.pop("subnets", backend.subnets())
    name = "LaunchTemplateId" if template.startswith("lt-") else "LaunchTemplateName"
    overrides = [{"SubnetId": each, "InstanceRequirements": requirements} for each in subnets]
    capacity = {"on-demand": "OnDemandTargetCapacity", "spot": "SpotTargetCapacity"}[usage]
    return {
        "Type": "instant",
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {name: template, "Version": changed.pop("version", "$Default")},
                "Overrides": overrides,
            }
        ],
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": number,
            "DefaultTargetCapacityType": usage,
            capacity: number,
        },
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": [{"Key": "InitialRunId", "Value": "77"}]},
            {"ResourceType": "fleet", "Tags": [{"Key": "Purpose", "Value": "test"}]},
        ],
        **changed,
    }


def _ids(answer: Any) -> list[str]:
    return [each for group in answer["Instances"] for each in group["InstanceIds"]]


def _codes(answer: Any) -> list[str]:
    return [each["ErrorCode"] for each in answer["Errors"]]


def _described(backend: Backend, identifiers: list[str]) -> list[Any]:
    found = backend.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": identifiers}], MaxResults=1000)
    return [each for reservation in found["Reservations"] for each in reservation["Instances"]]


def test_a_fleet_launches_what_is_asked_for(backend: Backend, unique: str) -> None:
    """A type that fits, in one of the subnets, from the default version; the answer says so."""
    template = _template(backend, unique)
    answer = backend.ec2.create_fleet(**_request(backend, unique, 2))
    assert answer["FleetId"].startswith("fleet-")
    assert not answer.get("Errors")
    for group in answer["Instances"]:
        used = group["LaunchTemplateAndOverrides"]
        assert used["LaunchTemplateSpecification"]["LaunchTemplateId"] == template
        assert used["LaunchTemplateSpecification"]["Version"] == "1"
        assert used["Overrides"]["InstanceType"] == group["InstanceType"]
        assert used["Overrides"]["SubnetId"] in backend.subnets()
        assert group["InstanceType"].startswith(("c", "m", "r"))
        assert group["Lifecycle"] == "on-demand"
    launched = _described(backend, _ids(answer))
    assert len(launched) == 2
    assert {each["State"]["Name"] for each in launched} <= {"pending", "running"}
    assert {each["InstanceType"] for each in launched} == {group["InstanceType"] for group in answer["Instances"]}


def test_instances_have_their_tags_from_the_beginning(backend: Backend, unique: str) -> None:
    """Those of EC2, of the template and of the request."""
    template = _template(backend, unique)
    answer = backend.ec2.create_fleet(**_request(backend, template))
    (launched,) = _described(backend, _ids(answer))
    assert {tag["Key"]: tag["Value"] for tag in launched["Tags"]} == {
        "Name": "runner",
        "InitialRunId": "77",
        "aws:ec2launchtemplate:id": template,
        "aws:ec2launchtemplate:version": "1",
        "aws:ec2:fleet-id": answer["FleetId"],
    }


def test_spot_instances_are_described_as_such(backend: Backend, unique: str) -> None:
    """By their lifecycle, which others do not have."""
    _market(backend)
    _template(backend, unique)
    options = {"AllocationStrategy": "price-capacity-optimized"}
    answer = backend.ec2.create_fleet(**_request(backend, unique, usage="spot", SpotOptions=options))
    assert [group["Lifecycle"] for group in answer["Instances"]] == ["spot"]
    (launched,) = _described(backend, _ids(answer))
    assert launched["InstanceLifecycle"] == "spot"


def test_a_fleet_launches_from_the_version_that_is_named(backend: Backend, unique: str) -> None:
    """By its number; the default is another."""
    template = _template(backend, unique)
    backend.ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=DATA)
    answer = backend.ec2.create_fleet(**_request(backend, unique, version="2"))
    (group,) = answer["Instances"]
    assert group["LaunchTemplateAndOverrides"]["LaunchTemplateSpecification"]["Version"] == "2"


def test_the_same_client_token_gives_the_same_fleet(backend: Backend, unique: str) -> None:
    """A lost answer must not launch twice, and other parameters are refused."""
    _template(backend, unique)
    request = _request(backend, unique, ClientToken=unique)
    first, second = (backend.ec2.create_fleet(**request) for _ in range(2))
    assert (second["FleetId"], _ids(second)) == (first["FleetId"], _ids(first))
    with pytest.raises(errors.Rejected) as caught:
        backend.ec2.create_fleet(**_request(backend, unique, 2, ClientToken=unique))
    assert caught.value.code == "IdempotentParameterMismatch"


def test_another_client_token_gives_another_fleet(backend: Backend, unique: str) -> None:
    """So that a round can ask for the rest."""
    _template(backend, unique)
    first, second = (
        backend.ec2.create_fleet(**_request(backend, unique, ClientToken=f"{unique}{number}")) for number in range(2)
    )
    assert not {*_ids(first)} & {*_ids(second)}


def test_unknown_templates_and_versions_are_refused(backend: Backend, unique: str) -> None:
    """The whole call."""
    with pytest.raises(errors.NotFound) as named:
        backend.ec2.create_fleet(**_request(backend, unique))
    assert named.value.code == "InvalidLaunchTemplateName.NotFoundException"
    with pytest.raises(errors.NotFound) as identified:
        backend.ec2.create_fleet(**_request(backend, "lt-0fffffffffffffff0"))
    assert identified.value.code == "InvalidLaunchTemplateId.NotFound"
    _template(backend, unique)
    with pytest.raises(errors.Rejected) as numbered:
        backend.ec2.create_fleet(**_request(backend, unique, version="9"))
    assert numbered.value.code == "InvalidLaunchTemplateId.VersionNotFound"


def test_an_unknown_subnet_is_refused(backend: Backend, unique: str) -> None:
    """The whole call."""
    _template(backend, unique)
    with pytest.raises(errors.Rejected) as caught:
        backend.ec2.create_fleet(**_request(backend, unique, subnets=[UNKNOWN_SUBNET]))
    assert caught.value.code == "InvalidSubnetID.NotFound"


def test_a_call_has_four_requirements_at_most(backend: Backend, unique: str) -> None:
    """More subnets do not go into one call."""
    _template(backend, unique)
    with pytest.raises(errors.Rejected) as caught:
        backend.ec2.create_fleet(**_request(backend, unique, subnets=[backend.subnets()[0]] * 5))
    assert caught.value.code == "InvalidParameterValue"


def test_two_subnets_of_a_zone_are_refused(backend: Backend, unique: str) -> None:
    """Both are the same pools."""
    market = _market(backend)
    market.zones |= dict.fromkeys(backend.subnets(), "the same")
    _template(backend, unique)
    with pytest.raises(errors.Rejected) as caught:
        backend.ec2.create_fleet(**_request(backend, unique))
    assert caught.value.code == "InvalidFleetConfig"


def test_no_type_fits(backend: Backend, unique: str) -> None:
    """That is no refusal: the answer has no instances."""
    _template(backend, unique)
    answer = backend.ec2.create_fleet(**_request(backend, unique, requirements={"AllowedInstanceTypes": ["x9z*"]}))
    assert not answer.get("Instances")
    assert {*_codes(answer)} == {"UnfulfillableCapacity"}


def test_a_fleet_may_launch_a_part(backend: Backend, unique: str) -> None:
    """EC2 tries three pools, and says of each what it did not have."""
    _market(backend).capacity(2)
    _template(backend, unique)
    answer = backend.ec2.create_fleet(**_request(backend, unique, 5))
    assert len(_ids(answer)) == 2
    assert _codes(answer)[:4] == ["InsufficientInstanceCapacity"] * 3 + ["UnfulfillableCapacity"]
    error = answer["Errors"][0]
    assert error["Lifecycle"] == "on-demand"
    assert error["LaunchTemplateAndOverrides"]["Overrides"]["SubnetId"] in backend.subnets()
    assert error["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"] in error["ErrorMessage"]


@pytest.mark.parametrize(
    ("usage", "cause", "code"),
    [
        ("spot", lambda market: market.quota("spot", 1), "MaxSpotInstanceCountExceeded"),
        ("on-demand", lambda market: market.quota("on-demand", 1), "VcpuLimitExceeded"),
        ("spot", lambda market: market.without_spot_role(), "AuthFailure.ServiceLinkedRoleCreationNotPermitted"),
        ("on-demand", lambda market: market.deny("iam:PassRole"), "UnauthorizedOperation"),
    ],
)
def test_what_prevents_launches_is_in_the_answer(
    backend: Backend, unique: str, usage: str, cause: Any, code: str
) -> None:
    """Although the call itself succeeds."""
    cause(_market(backend))
    _template(backend, unique)
    answer = backend.ec2.create_fleet(**_request(backend, unique, usage=usage))
    assert not answer.get("Instances")
    assert _codes(answer)[0] == code


def test_without_addresses_another_subnet_is_used(backend: Backend, unique: str) -> None:
    """The error of the first one stays in the answer."""
    first, second = backend.subnets()
    _market(backend).addresses(first, 0)
    _template(backend, unique)
    answer = backend.ec2.create_fleet(**_request(backend, unique))
    assert _codes(answer) == ["InsufficientFreeAddressesInSubnet"]
    (group,) = answer["Instances"]
    assert group["LaunchTemplateAndOverrides"]["Overrides"]["SubnetId"] == second


def test_the_types_depend_on_the_price_protection(backend: Backend, unique: str) -> None:
    """On-demand machines cost 20 % more than the cheapest at most, unless the request allows more."""
    _market(backend).capacity(0, type="[cm]*")
    _template(backend, unique)
    usual = backend.ec2.create_fleet(**_request(backend, unique))
    assert not usual.get("Instances")
    assert {each["LaunchTemplateAndOverrides"]["Overrides"]["InstanceType"][0] for each in usual["Errors"]} == {
        "c",
        "m",
    }
    _market(backend).pools_tried = 99
    more = backend.ec2.create_fleet(
        **_request(backend, unique, requirements={"OnDemandMaxPricePercentageOverLowestPrice": 100})
    )
    (group,) = more["Instances"]
    assert group["InstanceType"] == "r6a.large"


def test_whole_calls_may_be_refused(backend: Backend, unique: str) -> None:
    """Too many requests, and no permission for the call; the client token is still free."""
    market = _market(backend)
    _template(backend, unique)
    request = _request(backend, unique, ClientToken=unique)
    market.refuse("RequestLimitExceeded")
    with pytest.raises(errors.Throttled):
        backend.ec2.create_fleet(**request)
    market.refuse("UnauthorizedOperation", "You are not authorized to perform this operation.")
    with pytest.raises(errors.PermissionDenied):
        backend.ec2.create_fleet(**request)
    assert len(_ids(backend.ec2.create_fleet(**request))) == 1


def test_a_lost_answer_leaves_the_fleet(backend: Backend, unique: str) -> None:
    """The same client token finds it."""
    if backend.lose_answers is None:
        # Real AWS (REFRESH_REAL_AWS=1): a test cannot break its connections.
        pytest.skip("no answer can be lost")
    template = _template(backend, unique)
    request = _request(backend, template, 2, ClientToken=unique)
    backend.lose_answers(True)
    with pytest.raises(errors.Unavailable):
        backend.ec2.create_fleet(**request)
    backend.lose_answers(False)
    condition = [{"Name": "tag:aws:ec2launchtemplate:id", "Values": [template]}]
    found = backend.ec2.describe_instances(Filters=condition, MaxResults=1000)["Reservations"]
    launched = {each["InstanceId"] for reservation in found for each in reservation["Instances"]}
    assert {*_ids(backend.ec2.create_fleet(**request))} == launched
    assert len(launched) == 2


def test_capacity_that_is_back_is_used(backend: Backend, unique: str) -> None:
    """By another client token, as the first one keeps its errors."""
    market = _market(backend)
    market.capacity(0)
    _template(backend, unique)
    request = _request(backend, unique)
    assert not _ids(backend.ec2.create_fleet(**request, ClientToken=f"{unique}1"))
    market.reset()
    assert not _ids(backend.ec2.create_fleet(**request, ClientToken=f"{unique}1"))
    assert len(_ids(backend.ec2.create_fleet(**request, ClientToken=f"{unique}2"))) == 1


def test_a_spot_price_may_be_too_low(backend: Backend, unique: str) -> None:
    """Then the pool launches nothing."""
    _market(backend)
    _template(backend, unique)
    request = _request(backend, unique, usage="spot")
    for each in request["LaunchTemplateConfigs"][0]["Overrides"]:
        each["MaxPrice"] = "0.001"
    assert _codes(backend.ec2.create_fleet(**request))[:3] == ["SpotMaxPriceTooLow"] * 3


def test_every_resource_class_has_types(backend: Backend, unique: str) -> None:
    """Also of one family alone, on demand and as spot."""
    _market(backend)
    _template(backend, unique)
    for each in DEFAULT_RESOURCE_CLASSES:
        size = {"VCpuCount": {"Min": each.cpu, "Max": each.cpu}, "MemoryMiB": {"Min": each.memory_mib}}
        for usage in ("on-demand", "spot"):
            wanted = {**size, "AllowedInstanceTypes": ["r*"]}
            answer = backend.ec2.create_fleet(**_request(backend, unique, usage=usage, requirements=wanted))
            assert answer["Instances"][0]["InstanceType"].endswith(f".{each.name}")
