"""Findings about subnets and security groups, where instances are launched; pure.

Runners call GitHub and AWS, and accept no connections.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Subnet.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from refresh.preflight.findings import Findings
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Described = Mapping[str, Mapping[str, Any]]

FEWEST_ADDRESSES = 8
"""Fewer free addresses in all subnets together are not enough for a burst of runners."""
_HTTPS = 443
_ANYWHERE = {"0.0.0.0/0", "::/0"}


def subnets(found: Described, region: str) -> Findings:
    """Judge existing subnets; a member that EC2 does not report is no finding."""
    unusable = [
        each for each, subnet in found.items() if subnet.get("State", "available") not in {"available", "pending"}
    ]
    if unusable and len(unusable) == len(found):
        problem = f"subnet-ids: {enumerated(unusable)} cannot be used (state {_states(found)}); name another subnet."
        return Findings((problem,))
    warnings = (f"subnet-ids: {each}" for each in (*_unusable(found, unusable), *_odd(found, region)))
    return Findings(warnings=(*warnings, *_without_room(found)), notes=tuple(_notes(found)))


def groups(found: Described) -> Findings:
    """Judge existing security groups together, since each instance has all of them."""
    outbound = [rule for group in found.values() for rule in group.get("IpPermissionsEgress", [{"IpProtocol": "-1"}])]
    named = enumerated(found)
    if found and not outbound:
        problem = f"security-group-ids: {named} allow no outbound traffic; allow HTTPS, which runners need."
        return Findings((problem,))
    warnings = []
    if found and not any(_covers(rule, _HTTPS) for rule in outbound):
        warnings.append(
            f"security-group-ids: {named} allow no outbound HTTPS (TCP {_HTTPS}), which runners need for GitHub and "
            "AWS; allow it, unless the image uses a proxy on another port."
        )
    warnings += [
        f"security-group-ids: {each} is open to the whole internet ({_ports(rules)}); runners need no inbound rule."
        for each, group in found.items()
        if (rules := [rule for rule in group.get("IpPermissions", []) if _from_anywhere(rule)])
    ]
    return Findings(warnings=tuple(warnings))


def _unusable(found: Described, unusable: Sequence[str]) -> Iterator[str]:
    pending = [each for each, subnet in found.items() if subnet.get("State") == "pending"]
    if unusable:
        yield f"{enumerated(unusable)} cannot be used (state {_states(found)}); the other subnets can."
    if pending:
        yield f"{enumerated(pending)} is still being created; launches there fail until it is available."


def _odd(found: Described, region: str) -> Iterator[str]:
    """List subnets whose location limits launches, or whose runners may not reach GitHub."""
    usual = re.compile(rf"{re.escape(region)}[a-z]")
    for each, subnet in found.items():
        zone = subnet.get("AvailabilityZone", "")
        if subnet.get("OutpostArn"):
            yield f"{each} is on an Outpost, which has only the instance types that were ordered for it."
        elif zone and not usual.fullmatch(zone):
            yield f"{each} is in {zone}, a Local Zone or Wavelength Zone, which has few instance types."
        if subnet.get("Ipv6Native") and not subnet.get("EnableDns64"):
            yield f"{each} has no IPv4, which GitHub requires; enable DNS64 with a NAT gateway, or name another subnet."


def _without_room(found: Described) -> Iterator[str]:
    free = {each: subnet["AvailableIpAddressCount"] for each, subnet in found.items() if _counted(subnet)}
    full = [each for each, count in free.items() if not count]
    if full:
        yield f"subnet-ids: {enumerated(full)} has no free IP address, so no instance can be launched there for now."
    elif free and len(free) == len(found) and sum(free.values()) < FEWEST_ADDRESSES:
        yield f"subnet-ids: all together have only {sum(free.values())} free IP addresses, and each runner needs one."


def _counted(subnet: Mapping[str, Any]) -> bool:
    """Whether a subnet needs free IPv4 addresses, and EC2 reports their number."""
    return "AvailableIpAddressCount" in subnet and not subnet.get("Ipv6Native")


def _notes(found: Described) -> Iterator[str]:
    private = [each for each, subnet in found.items() if subnet.get("MapPublicIpOnLaunch") is False]
    if private and len(private) < len(found):
        yield (
            f"subnet-ids: {enumerated(private)} assigns no public IP address, unlike the others: its runners need "
            "a NAT gateway or a proxy to reach GitHub."
        )


def _states(found: Described) -> str:
    return enumerated(
        sorted({str(subnet.get("State")) for subnet in found.values()} - {"available", "pending", "None"})
    )


def _covers(rule: Mapping[str, Any], port: int) -> bool:
    if rule.get("IpProtocol") == "-1":
        return True
    return rule.get("IpProtocol") == "tcp" and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65535)


def _from_anywhere(rule: Mapping[str, Any]) -> bool:
    ranges = {each.get("CidrIp") for each in rule.get("IpRanges", [])}
    return not _ANYWHERE.isdisjoint(ranges | {each.get("CidrIpv6") for each in rule.get("Ipv6Ranges", [])})


def _ports(rules: Sequence[Mapping[str, Any]]) -> str:
    return enumerated(
        "everything"
        if rule.get("IpProtocol") == "-1"
        else f"{rule.get('IpProtocol')} {rule.get('FromPort')}-{rule.get('ToPort')}"
        for rule in rules
    )
