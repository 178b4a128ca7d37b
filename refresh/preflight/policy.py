"""Judges the resources that the owner named, before anything is written of them; pure.

A resource that is known to be wrong is a problem, and is not written; one that cannot be read is a note.
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
from refresh.preflight.profile_lookup import Profile
from refresh.text import enumerated

T = TypeVar("T")
_SOON = timedelta(days=30)
"""How long before its deprecation an image is mentioned."""
Read: TypeAlias = T | errors.ApiError
"""What was read, or why it could not be read."""
_ARN = "arn:"
_EC2 = ("ec2.", "*")
"""Prefixes of EC2's principal in a trust policy: each partition has its own."""
_NOT_OURS = ("AuthFailure", "InvalidAMIID.")
"""Codes with which EC2 refuses an image that does not exist, or not for this account."""


@frozen
class Network:
    """The VPC of each existing subnet and security group, by id."""

    subnets: Read[Mapping[str, str]]
    groups: Read[Mapping[str, str]]
    associated: Read[frozenset[tuple[str, str]]] = field(default=frozenset())
    """Other VPCs that security groups can be used in, as (group, VPC); read only if VPCs differ."""
    described: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    """EC2's description of each, by id."""


def image(desired: DesiredState, found: Read[Image], now: datetime) -> Findings:
    """Judge the image: it must be available; a deprecated one is a warning."""
    if isinstance(found, errors.ApiError):
        return _unread("ami", found)
    name = found.id if found.id == desired.image else f"{found.id} ({desired.image})"
    if found.state == "pending":
        return Findings((f"ami: {name} is still being created; the next run checks again.",))
    if found.state != "available":
        return Findings((f"ami: {name} is {found.state or 'in no state'}, not available; choose another image.",))
    return together(_age(name, found, now), images.judged(desired, name, found))


def _age(name: str, found: Image, now: datetime) -> Findings:
    if found.deprecated_at is None or found.deprecated_at - now > _SOON:
        return Findings()
    since = records.wire_time(found.deprecated_at)
    if found.deprecated_at > now:
        return Findings(notes=(f"ami: {name} will be deprecated on {since}; choose a newer one by then.",))
    return Findings(warnings=(f"ami: {name} is deprecated since {since}; choose a newer one before it is removed.",))


def profile(desired: DesiredState, found: Read[Profile]) -> Findings:
    """Judge the instance profile: launches need it, with a role."""
    given = desired.instance_profile
    if isinstance(found, errors.ApiError):
        return _unread("iam-instance-profile", found)
    if wrong := without_role(desired, found):
        return Findings((wrong,))
    if found.trusts and not _trusts_ec2(found.trusts):
        problem = (
            f"iam-instance-profile: the role {found.roles[0]} in {given} does not trust EC2, so instances would have "
            "no credentials; allow the service ec2.amazonaws.com sts:AssumeRole in its trust policy."
        )
        return Findings((problem,))
    return Findings()


def without_role(desired: DesiredState, found: Profile) -> str:
    """Return why no instance gets a role from this profile; "" if it has one."""
    given = desired.instance_profile
    if given.startswith(_ARN) and given != found.arn:
        return f"iam-instance-profile: this account's profile of that name is {found.arn}, not {given}."
    if not found.roles:
        return f"iam-instance-profile: {given} has no role; add the runners' role to it."
    return ""


def _trusts_ec2(trusts: Mapping[str, Any]) -> bool:
    """Whether any statement allows EC2 to assume the role; conditions are not judged."""
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
    """Judge the security groups: all must exist, and be usable in the subnets' VPCs."""
    missing = _missing("security-group-ids", desired.security_group_ids, network.groups, desired.region)
    return together(missing, _apart(network, network.subnets), networks.groups(_known(network, network.groups)))


def subnets(desired: DesiredState, network: Network) -> Findings:
    """Judge the subnets: all must exist, in VPCs where the security groups can be used."""
    return together(
        _missing("subnet-ids", desired.subnet_ids, network.subnets, desired.region),
        _apart(network, network.groups),
        networks.subnets(_known(network, network.subnets), desired.region),
    )


def _known(network: Network, found: Read[Mapping[str, str]]) -> Mapping[str, Mapping[str, Any]]:
    """Return EC2's descriptions of the resources of a kind."""
    ids = () if isinstance(found, errors.ApiError) else found
    return {each: network.described[each] for each in ids if each in network.described}


def apart(network: Network) -> tuple[tuple[str, str, str, str], ...]:
    """List groups that cannot be used in a subnet, as (group, its VPC, subnet, its VPC); none if either is unknown."""
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
        return Findings(notes=(f"{inputs}: whether they share a VPC was not checked before writing: {other}",))
    pairs = apart(network)
    if not pairs:
        return Findings()
    combined = enumerated(f"{group} ({its_vpc}) in {subnet} ({vpc})" for group, its_vpc, subnet, vpc in pairs)
    if isinstance(network.associated, errors.ApiError):
        return Findings(notes=(f"{inputs}: it is unknown whether they allow {combined}: {network.associated}",))
    return Findings((f"{inputs}: cannot use {combined}; all must share a VPC.",))


def _missing(name: str, wanted: Sequence[str], found: Read[Mapping[str, str]], region: str) -> Findings:
    if isinstance(found, errors.ApiError):
        return _unread(name, found)
    missing = [each for each in wanted if each not in found]
    if not missing:
        return Findings()
    return Findings((f"{name}: {enumerated(missing)} not found in {region} for this account; correct the input.",))


def _unread(name: str, error: errors.ApiError) -> Findings:
    """Report a missing or foreign resource as a problem, an unreadable one as a note."""
    if isinstance(error, errors.NotFound) or error.code.startswith(_NOT_OURS):
        return Findings((f"{name}: {error}",))
    return Findings(notes=(f"{name}: not checked before writing: {error}",))
