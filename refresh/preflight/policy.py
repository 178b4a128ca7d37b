"""What the owner named, judged before anything is written of it; pure.

What is known to be wrong is a problem, for which nothing is written; what may not be read, or not just now, is a note.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar

from attrs import field, frozen

from refresh import errors
from refresh.desired import DesiredState
from refresh.pool import records
from refresh.preflight import images, networks
from refresh.preflight.findings import Findings, together
from refresh.preflight.image_lookup import Image
from refresh.text import enumerated

T = TypeVar("T")
_SOON = timedelta(days=30)
"""How long before its deprecation an image is noted."""
Read: TypeAlias = T | errors.ApiError
"""What was read, or why it could not be."""
_ARN = "arn:"
_EC2 = ("ec2.", "*")
"""How what stands for EC2 in a trust policy begins: each partition has a name of its own."""
_NOT_OURS = ("AuthFailure", "InvalidAMIID.")
"""With which EC2 refuses an image that is not there, or not for this account."""


@frozen
class Profile:
    """An instance profile."""

    arn: str
    roles: tuple[str, ...]
    trusts: Mapping[str, Any] | None = None
    """The role's trust policy; None where it was not given."""


@frozen
class Network:
    """The VPC of each subnet and of each security group that is there, by id."""

    subnets: Read[Mapping[str, str]]
    groups: Read[Mapping[str, str]]
    associated: Read[frozenset[tuple[str, str]]] = field(default=frozenset())
    """Security groups that can be used in another VPC than their own, as (group, VPC); read where it matters."""
    described: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    """All that EC2 says of each, by id."""


def image(desired: DesiredState, found: Read[Image], now: datetime) -> Findings:
    """Judge the image: it has to be there and available; that its owner declared it old is a warning."""
    if isinstance(found, errors.ApiError):
        return _unread("ami", found)
    name = found.id if found.id == desired.image else f"{found.id} ({desired.image})"
    if found.state == "pending":
        return Findings((f"ami: {name} is still being made; the next run looks again.",))
    if found.state != "available":
        return Findings((f"ami: {name} is {found.state or 'in no state'}, not available; choose another image.",))
    return together(_age(name, found, now), images.judged(desired, name, found))


def _age(name: str, found: Image, now: datetime) -> Findings:
    if found.deprecated_at is None or found.deprecated_at - now > _SOON:
        return Findings()
    since = records.wire_time(found.deprecated_at)
    if found.deprecated_at > now:
        return Findings(notes=(f"ami: {name} will be deprecated on {since}; choose a newer one by then.",))
    return Findings(warnings=(f"ami: {name} is deprecated since {since}; choose a newer one before it is gone.",))


def profile(desired: DesiredState, found: Read[Profile]) -> Findings:
    """Judge the instance profile: without it, or without a role in it, nothing could be launched."""
    given = desired.instance_profile
    if isinstance(found, errors.ApiError):
        return _unread("iam-instance-profile", found)
    if given.startswith(_ARN) and given != found.arn:
        return Findings((f"iam-instance-profile: the one of this account with that name is {found.arn}, not {given}.",))
    if not found.roles:
        return Findings((f"iam-instance-profile: {given} has no role in it; add the runners' role to it.",))
    if found.trusts and not _trusts_ec2(found.trusts):
        problem = (
            f"iam-instance-profile: the role {found.roles[0]} in {given} does not trust EC2, so instances would have "
            "no credentials; allow sts:AssumeRole to the service ec2.amazonaws.com in its trust policy."
        )
        return Findings((problem,))
    return Findings()


def _trusts_ec2(trusts: Mapping[str, Any]) -> bool:
    """Whether any statement allows EC2 to take the role; conditions are not judged."""
    statements = trusts.get("Statement", [])
    allowed = [
        each for each in (statements if isinstance(statements, list) else [statements]) if isinstance(each, dict)
    ]
    allowing = [each for each in allowed if each.get("Effect") == "Allow"]
    principals = [each.get("Principal") for each in allowing]
    listed = [one for each in principals for one in (each.values() if isinstance(each, dict) else [each])]
    named = [name for each in listed for name in ([each] if isinstance(each, str) else each or [])]
    return any("NotPrincipal" in each for each in allowing) or any(name.startswith(_EC2) for name in named)


def groups(desired: DesiredState, network: Network) -> Findings:
    """Judge the security groups: all have to be there, and usable where the subnets are."""
    missing = _missing("security-group-ids", desired.security_group_ids, network.groups, desired.region)
    return together(missing, _apart(network, network.subnets), networks.groups(_known(network, network.groups)))


def subnets(desired: DesiredState, network: Network) -> Findings:
    """Judge the subnets: all have to be there, and where the security groups can be used."""
    return together(
        _missing("subnet-ids", desired.subnet_ids, network.subnets, desired.region),
        _apart(network, network.groups),
        networks.subnets(_known(network, network.subnets), desired.region),
    )


def _known(network: Network, found: Read[Mapping[str, str]]) -> Mapping[str, Mapping[str, Any]]:
    """Give what EC2 said of the resources of a kind."""
    ids = () if isinstance(found, errors.ApiError) else found
    return {each: network.described[each] for each in ids if each in network.described}


def apart(network: Network) -> tuple[tuple[str, str, str, str], ...]:
    """List what does not belong together, as (group, its VPC, subnet, its VPC); nothing where either is not known."""
    if isinstance(network.subnets, errors.ApiError) or isinstance(network.groups, errors.ApiError):
        return ()
    known = frozenset() if isinstance(network.associated, errors.ApiError) else network.associated
    return tuple(
        (group, group_vpc, subnet, subnet_vpc)
        for group, group_vpc in network.groups.items()
        for subnet, subnet_vpc in network.subnets.items()
        if subnet_vpc != group_vpc and (group, subnet_vpc) not in known
    )


def _apart(network: Network, other: Read[Mapping[str, str]]) -> Findings:
    inputs = "security-group-ids and subnet-ids"
    if isinstance(other, errors.ApiError):
        return Findings(notes=(f"{inputs}: whether they share a VPC was not looked at before writing: {other}",))
    pairs = apart(network)
    if not pairs:
        return Findings()
    told = enumerated(f"{group} ({its_vpc}) in {subnet} ({vpc})" for group, its_vpc, subnet, vpc in pairs)
    if isinstance(network.associated, errors.ApiError):
        return Findings(notes=(f"{inputs}: whether one can use {told} is not known: {network.associated}",))
    return Findings((f"{inputs}: one cannot use {told}; all of them have to share a VPC.",))


def _missing(name: str, wanted: Sequence[str], found: Read[Mapping[str, str]], region: str) -> Findings:
    if isinstance(found, errors.ApiError):
        return _unread(name, found)
    missing = [each for each in wanted if each not in found]
    if not missing:
        return Findings()
    return Findings((f"{name}: {enumerated(missing)} cannot be seen in {region} by this account; correct the input.",))


def _unread(name: str, error: errors.ApiError) -> Findings:
    """Tell what is not there, or is somebody else's, from what may not be read or not just now."""
    if isinstance(error, errors.NotFound) or error.code.startswith(_NOT_OURS):
        return Findings((f"{name}: {error}",))
    return Findings(notes=(f"{name}: was not looked at before writing: {error}",))
