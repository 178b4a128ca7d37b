"""The reasons for which EC2 launches fewer instances than it was asked for, sorted by what helps; pure.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from refresh import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST_MESSAGE = 600
"""How many characters of EC2's message are kept: a denial ends with its reason, after two ARNs of up to 200."""


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
_QUOTA_ENDING = "LimitExceeded"
"""VcpuLimitExceeded, InstanceLimitExceeded, VolumeLimitExceeded and so on, but for those of requests above."""


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


def of_call(error: errors.ApiError) -> Shortfall:
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


def of_entry(entry: Mapping[str, Any]) -> Shortfall:
    """Explain an entry of `Errors` in an answer."""
    code, message = str(entry.get("ErrorCode") or ""), str(entry.get("ErrorMessage") or "")
    overrides = (entry.get("LaunchTemplateAndOverrides") or {}).get("Overrides") or {}
    where = tuple(str(overrides[name]) for name in ("SubnetId", "InstanceType") if overrides.get(name))
    return Shortfall(cause=_cause(code, message), code=code, message=_one_line(message), where=where)


def _cause(code: str, message: str) -> Cause:
    if "CreateServiceLinkedRole" in message:
        return Cause.SERVICE_LINKED_ROLE
    return _CAUSES.get(code) or (Cause.QUOTA if code.endswith(_QUOTA_ENDING) else Cause.CONFIGURATION)


def grouped(shortfalls: Iterable[Shortfall]) -> Sequence[Shortfall]:
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
