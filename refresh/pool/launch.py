"""EC2: launches instances from the pool's template; nothing else in the program does.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFleet.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh import errors
from refresh.pool import ownership
from refresh.pool.launch_causes import Cause, Shortfall, grouped, of_call, of_entry
from refresh.pool.usage import UsageClass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import (
        CreateFleetRequestTypeDef,
        InstanceRequirementsRequestTypeDef,
        TagSpecificationTypeDef,
        TargetCapacitySpecificationRequestTypeDef,
    )

FLEET_PURPOSE = "RunnerPoolProvisioning"
"""The tag `Purpose` of a fleet, as the original sets it."""
_TOKEN_LENGTH = 64
"""EC2's limit, in ASCII characters: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html."""
_BURSTABLE = re.compile(r"t[0-9*]", re.IGNORECASE)
"""The families t2, t3, t3a, t4g, and `t*`; those with other letters, such as trn1, are not burstable."""
_VERSION = re.compile(r"[0-9]+")
_GENERAL_CODES = frozenset({"UnfulfillableCapacity"})
"""EC2 adds this one to others, for what it did not launch because of them."""
_LOST = {Cause.THROTTLED, Cause.UNANSWERED}


@frozen(kw_only=True)
class Fleet:
    """Instances to launch in one request."""

    template_id: str
    subnet_ids: tuple[str, ...]
    cpu: int
    """How many virtual CPUs each has, exactly."""
    memory_mib: int
    """How many MiB each has at least."""
    instance_types: tuple[str, ...]
    """Patterns of EC2's instance types; at most 400 of 30 characters."""
    usage_class: UsageClass
    count: int
    max_price_over_lowest: int
    """For on-demand machines: by how many percent a type may cost more than the cheapest that fits."""
    label: str
    """The tag `InitialRunId`."""
    client_token: str
    """EC2 answers a repeated token with the fleet that it has made for it."""


@frozen(kw_only=True)
class LaunchedInstance:
    """An instance that EC2 has launched."""

    id: str
    instance_type: str
    """"" if the answer does not say."""
    usage_class: str
    template_version: str
    """"" if the answer does not say."""
    launched_at: datetime | None = None
    """None if it was launched just now."""


@frozen(kw_only=True)
class FleetAnswer:
    """What came of a request."""

    fleet: Fleet
    launched: tuple[LaunchedInstance, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()
    """Also of a complete fleet, if EC2 tried several types or subnets."""
    lost: bool = False
    """Whether EC2 may have launched nonetheless: it did not answer, or limited the repetition of such a request."""

    @property
    def missing(self) -> int:
        """How many instances were not launched, as far as is known."""
        return max(self.fleet.count - len(self.launched), 0)

    @property
    def worth_repeating(self) -> bool:
        """Whether another round can launch what is missing.

        One subnet or type that is refused for good does not matter while others lack capacity only.
        """
        causes = {each.cause for each in self.telling}
        return any(cause.passing for cause in causes) and not any(cause.of_account for cause in causes)

    @property
    def telling(self) -> tuple[Shortfall, ...]:
        """The shortfalls without the general one that EC2 adds to others."""
        return tuple(each for each in self.shortfalls if each.code not in _GENERAL_CODES) or self.shortfalls


def client_token(  # noqa: PLR0913, PLR0917 - all that tells one request from another
    table: str, label: str, holder: str, round_number: int, usage_class: UsageClass, count: int
) -> str:
    """Return the token of a request: the same for the same request, and another in each round.

    `holder` is the process that holds the label's lease: otherwise EC2 would answer a second provision of the same
    attempt with the machines of the first, which have ended. No clock is part of it: two jobs may start within the same
    millisecond, and share a fleet. With other parameters, such as the fallback's usage class, EC2 refuses a token that
    it knows.
    """
    parts = json.dumps([table, label, holder, round_number, usage_class.value, count])
    return hashlib.sha256(parts.encode()).hexdigest()[:_TOKEN_LENGTH]


def request(fleet: Fleet) -> CreateFleetRequestTypeDef:
    """Write the request: one override a subnet, in which EC2 selects the types that fit.

    EC2 limits overrides only for the other types of fleets, and refuses the same subnet twice.
    """
    requirements = _requirements(fleet)
    asked: CreateFleetRequestTypeDef = {
        "Type": "instant",
        "ClientToken": fleet.client_token,
        "LaunchTemplateConfigs": [
            {
                "LaunchTemplateSpecification": {"LaunchTemplateId": fleet.template_id, "Version": "$Default"},
                "Overrides": [
                    {"SubnetId": each, "InstanceRequirements": requirements} for each in dict.fromkeys(fleet.subnet_ids)
                ],
            }
        ],
        "TargetCapacitySpecification": _capacity(fleet),
        "TagSpecifications": _tags(fleet),
    }
    if fleet.usage_class is UsageClass.SPOT:
        asked["SpotOptions"] = {"AllocationStrategy": "price-capacity-optimized"}
    return asked


def launch(ec2: EC2Client, fleet: Fleet) -> FleetAnswer:
    """Send one request, and return all that EC2 has launched and why the rest is missing.

    Raises `CredentialsExpired` and `Interrupted`; every other error of AWS is a shortfall.
    """
    try:
        answer: Mapping[str, Any] = ec2.create_fleet(**request(fleet))
    except errors.CredentialsExpired:
        raise
    except errors.ApiError as error:
        shortfall = of_call(error)
        return FleetAnswer(fleet=fleet, shortfalls=(shortfall,), lost=shortfall.cause in _LOST)
    # The types promise these lists; without trusting that, nothing that was launched can be lost.
    launched = {each.id: each for group in answer.get("Instances") or () for each in _launched(group, fleet)}
    shortfalls = tuple(grouped(map(of_entry, answer.get("Errors") or ())))
    if len(launched) < fleet.count and not shortfalls:
        shortfalls = (Shortfall(cause=Cause.CAPACITY, code="", message="EC2 gives no reason"),)
    return FleetAnswer(fleet=fleet, launched=tuple(launched.values()), shortfalls=shortfalls)


def _requirements(fleet: Fleet) -> InstanceRequirementsRequestTypeDef:
    """Describe the instances.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceRequirementsRequest.html: the price of on-demand
    types is limited to 20 percent above the cheapest of the families C, M and R unless the request says otherwise,
    which excludes most of `c* m* r*`. For spot there is no such narrow default: without a number EC2 applies its own
    protection, "to consistently select from a wide range of instance types", and no spot instance costs more than the
    same on-demand. A percentage of the lowest spot price, which moves, would narrow that.
    """
    burstable = any(_BURSTABLE.match(each) for each in fleet.instance_types)
    requirements: InstanceRequirementsRequestTypeDef = {
        "VCpuCount": {"Min": fleet.cpu, "Max": fleet.cpu},
        "MemoryMiB": {"Min": fleet.memory_mib},
        "AllowedInstanceTypes": list(fleet.instance_types),
        "BurstablePerformance": "included" if burstable else "excluded",
    }
    if fleet.usage_class is UsageClass.ON_DEMAND:
        requirements["OnDemandMaxPricePercentageOverLowestPrice"] = fleet.max_price_over_lowest
    return requirements


def _capacity(fleet: Fleet) -> TargetCapacitySpecificationRequestTypeDef:
    capacity: TargetCapacitySpecificationRequestTypeDef = {
        "TotalTargetCapacity": fleet.count,
        "DefaultTargetCapacityType": fleet.usage_class.value,
    }
    if fleet.usage_class is UsageClass.SPOT:
        capacity["SpotTargetCapacity"] = fleet.count
    else:
        capacity["OnDemandTargetCapacity"] = fleet.count
    return capacity


def _tags(fleet: Fleet) -> list[TagSpecificationTypeDef]:
    """Tag the fleet for people, and the instances for `ownership`; the template adds the owner's tags."""
    return [
        {
            "ResourceType": "fleet",
            "Tags": [
                {"Key": "Name", "Value": f"ec2-runner-pool-fleet-{fleet.label}"},
                {"Key": "Purpose", "Value": FLEET_PURPOSE},
            ],
        },
        {
            "ResourceType": "instance",
            "Tags": [
                {"Key": ownership.SELF_TERMINATION_TAG, "Value": "true"},
                {"Key": ownership.INITIAL_RUN_TAG, "Value": fleet.label},
            ],
        },
    ]


def _launched(group: Mapping[str, Any], fleet: Fleet) -> Iterator[LaunchedInstance]:
    """Return every instance of a group, whatever else the answer lacks: each costs money from now on."""
    usage_class = group.get("Lifecycle")
    if usage_class not in {each.value for each in UsageClass}:
        usage_class = fleet.usage_class.value
    template = (group.get("LaunchTemplateAndOverrides") or {}).get("LaunchTemplateSpecification") or {}
    version = str(template.get("Version"))
    for each in group.get("InstanceIds") or ():
        yield LaunchedInstance(
            id=each,
            instance_type=group.get("InstanceType") or "",
            usage_class=usage_class,
            # EC2 may repeat the request's `$Default`.
            template_version=version if _VERSION.fullmatch(version) else "",
        )
