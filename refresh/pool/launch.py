"""EC2: launches instances from the pool's template, and sorts the reasons for which EC2 launches fewer.

Nothing else in the program launches. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFleet.html,
error codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from refresh import errors
from refresh.pool import ownership
from refresh.pool.usage import UsageClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
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
_OPERATION = "ec2:CreateFleet"
_TOKEN_LENGTH = 64
"""EC2's limit, in ASCII characters: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html."""
_LONGEST_MESSAGE = 600
"""How many characters of EC2's message are kept: a denial ends with its reason, after two ARNs of up to 200."""
_BURSTABLE = re.compile(r"t[0-9*]", re.IGNORECASE)
"""The families t2, t3, t3a, t4g, and `t*`; those with other letters, such as trn1, are not burstable."""
_VERSION = re.compile(r"[0-9]+")
_GENERAL_CODES = frozenset({"UnfulfillableCapacity"})
"""EC2 adds this one to others, for what it did not launch because of them."""


class Cause(Enum):
    """Why EC2 launches fewer instances than it was asked for; each has its own remedy."""

    CAPACITY = "capacity"
    """EC2 has no such machines in these zones at the moment, or at this price."""
    ADDRESSES = "addresses"
    """A subnet has no free IP addresses."""
    THROTTLED = "throttled"
    UNANSWERED = "unanswered"
    """EC2 did not answer, or with an error of its own; it may have launched nonetheless."""
    QUOTA = "quota"
    PERMISSION = "permission"
    SERVICE_LINKED_ROLE = "service-linked role"
    CONFIGURATION = "configuration"
    """Everything else: the template, the image, a subnet, the instance profile, or no type fits."""

    @property
    def passing(self) -> bool:
        """Whether it can be over by the next round."""
        return self in {Cause.CAPACITY, Cause.ADDRESSES, Cause.THROTTLED, Cause.UNANSWERED}

    @property
    def of_account(self) -> bool:
        """Whether other types and subnets cannot help."""
        return self in {Cause.QUOTA, Cause.PERMISSION, Cause.SERVICE_LINKED_ROLE}


_CAUSES: Mapping[str, Cause] = {
    **dict.fromkeys(
        (
            "InsufficientAddressCapacity",
            "InsufficientCapacity",
            "InsufficientHostCapacity",
            "InsufficientInstanceCapacity",
            "InsufficientVolumeCapacity",
            "ReservationCapacityExceeded",
            # The spot price is above the on-demand price.
            "SpotMaxPriceTooLow",
            "UnfulfillableCapacity",
            # A type that a zone does not have, or not at the moment; other types and zones help, as with the others.
            "Unsupported",
        ),
        Cause.CAPACITY,
    ),
    "InsufficientFreeAddressesInSubnet": Cause.ADDRESSES,
    **dict.fromkeys(
        (
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "RequestLimitExceeded",
            "Throttling",
            "ThrottlingException",
        ),
        Cause.THROTTLED,
    ),
    **dict.fromkeys(
        (
            "InternalError",
            "InternalFailure",
            "ServiceUnavailable",
            "Unavailable",
        ),
        Cause.UNANSWERED,
    ),
    **dict.fromkeys(
        (
            "MaxFleetCountExceeded",
            "MaxSpotFleetRequestCountExceeded",
            "MaxSpotInstanceCountExceeded",
            "VolumeIOPSLimit",
        ),
        Cause.QUOTA,
    ),
    **dict.fromkeys(
        ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"), Cause.PERMISSION
    ),
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": Cause.SERVICE_LINKED_ROLE,
}
"""By EC2's codes, of an entry in `Errors` as of the whole call. InsufficientInstanceCapacity also comes as a 500."""
_LOST = {Cause.THROTTLED, Cause.UNANSWERED}
_QUOTA_ENDING = "LimitExceeded"
"""VcpuLimitExceeded, InstanceLimitExceeded, VolumeLimitExceeded and so on, but for those of requests above."""


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
class Shortfall:
    """A reason for which instances are missing."""

    cause: Cause
    code: str
    """AWS's; "" if it gave none."""
    message: str
    """AWS's, in one line, of the first of them."""
    number: int = 1
    """How often the answer has the code: EC2 lists the types and subnets that it has tried."""
    where: tuple[str, ...] = ()
    """The subnets and instance types that the answer names."""

    @property
    def same_zone(self) -> bool:
        """Whether EC2 refused two subnets of the request because they are in one availability zone."""
        return "duplicate instance pools" in self.message


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
        shortfall = _of_call(error)
        return FleetAnswer(fleet=fleet, shortfalls=(shortfall,), lost=shortfall.cause in _LOST)
    # The types promise these lists; without trusting that, nothing that was launched can be lost.
    launched = {each.id: each for group in answer.get("Instances") or () for each in _launched(group, fleet)}
    shortfalls = tuple(_grouped(map(_of_entry, answer.get("Errors") or ())))
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


def _of_call(error: errors.ApiError) -> Shortfall:
    """Explain an error of the whole call by its code, otherwise by its type."""
    cause = _cause(error.code, error.message)
    if cause is Cause.CONFIGURATION:
        if isinstance(error, errors.PermissionDenied):
            cause = Cause.PERMISSION
        elif isinstance(error, errors.Throttled):
            cause = Cause.THROTTLED
        elif isinstance(error, errors.Unavailable):
            cause = Cause.UNANSWERED
    # These two know more than AWS: a certificate, a proxy, a key.
    own = isinstance(error, (errors.Unreachable, errors.KeyUnusable))
    message = f"{error.message} {error.remedy}" if own else error.message
    return Shortfall(cause=cause, code=error.code, message=_one_line(message))


def _of_entry(entry: Mapping[str, Any]) -> Shortfall:
    code, message = str(entry.get("ErrorCode") or ""), str(entry.get("ErrorMessage") or "")
    overrides = (entry.get("LaunchTemplateAndOverrides") or {}).get("Overrides") or {}
    where = tuple(str(overrides[name]) for name in ("SubnetId", "InstanceType") if overrides.get(name))
    return Shortfall(cause=_cause(code, message), code=code, message=_one_line(message), where=where)


def _cause(code: str, message: str) -> Cause:
    if "CreateServiceLinkedRole" in message:
        return Cause.SERVICE_LINKED_ROLE
    return _CAUSES.get(code) or (Cause.QUOTA if code.endswith(_QUOTA_ENDING) else Cause.CONFIGURATION)


def _grouped(shortfalls: Iterable[Shortfall]) -> Sequence[Shortfall]:
    """Join those of one code, whose messages differ only in what `where` has."""
    found: dict[tuple[Cause, str], Shortfall] = {}
    for each in shortfalls:
        key = each.cause, each.code
        known = found.get(key)
        found[key] = (
            evolve(known, number=known.number + 1, where=tuple(dict.fromkeys((*known.where, *each.where))))
            if known
            else each
        )
    return list(found.values())


def _one_line(message: str) -> str:
    line = " ".join(errors.without_encoded(message).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."
