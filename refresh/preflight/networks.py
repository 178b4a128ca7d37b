"""What subnets and security groups say of themselves, judged by what is launched there; pure.

Runners call GitHub and AWS, and are called by no one.
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
"""With fewer free ones in all subnets together, a burst of runners finds none."""
_HTTPS = 443
_ANYWHERE = {"0.0.0.0/0", "::/0"}


def subnets(found: Described, region: str) -> Findings:
    """Judge subnets that are there; what EC2 does not say is right."""
    unusable = [each for each, said in found.items() if said.get("State", "available") not in {"available", "pending"}]
    if unusable and len(unusable) == len(found):
        problem = f"subnet-ids: {enumerated(unusable)} cannot be used (state {_states(found)}); name another subnet."
        return Findings((problem,))
    warnings = (f"subnet-ids: {each}" for each in (*_unusable(found, unusable), *_odd(found, region)))
    return Findings(warnings=(*warnings, *_without_room(found)), notes=tuple(_notes(found)))


def groups(found: Described) -> Findings:
    """Judge security groups that are there, all of which are on each instance."""
    outbound = [rule for said in found.values() for rule in said.get("IpPermissionsEgress", [{"IpProtocol": "-1"}])]
    named = enumerated(found)
    if found and not outbound:
        return Findings(
            (f"security-group-ids: {named} let nothing out, so no runner reaches GitHub or AWS; allow outbound HTTPS.",)
        )
    warnings = []
    if found and not any(_covers(rule, _HTTPS) for rule in outbound):
        warnings.append(
            f"security-group-ids: {named} let no HTTPS out (TCP {_HTTPS}), by which runners reach GitHub and AWS; "
            "allow it, unless the image has a proxy on another port."
        )
    warnings += [
        f"security-group-ids: {each} lets the whole internet in ({_ports(rules)}); runners need no inbound rule."
        for each, said in found.items()
        if (rules := [rule for rule in said.get("IpPermissions", []) if _from_anywhere(rule)])
    ]
    return Findings(warnings=tuple(warnings))


def _unusable(found: Described, unusable: Sequence[str]) -> Iterator[str]:
    pending = [each for each, said in found.items() if said.get("State") == "pending"]
    if unusable:
        yield f"{enumerated(unusable)} cannot be used (state {_states(found)}); the other subnets can."
    if pending:
        yield f"{enumerated(pending)} is still being made; launches there fail until it is available."


def _odd(found: Described, region: str) -> Iterator[str]:
    """List the subnets in which launches are limited by where they are, or whose runners may not reach GitHub."""
    usual = re.compile(rf"{re.escape(region)}[a-z]")
    for each, said in found.items():
        zone = said.get("AvailabilityZone", "")
        if said.get("OutpostArn"):
            yield f"{each} is on an Outpost, which has only the instance types that were ordered for it."
        elif zone and not usual.fullmatch(zone):
            yield f"{each} is in {zone}, a Local Zone or Wavelength Zone, which has few instance types."
        if said.get("Ipv6Native") and not said.get("EnableDns64"):
            yield f"{each} has no IPv4, which GitHub needs; enable DNS64 there with a NAT gateway, or name another."


def _without_room(found: Described) -> Iterator[str]:
    free = {each: said["AvailableIpAddressCount"] for each, said in found.items() if _counted(said)}
    full = [each for each, count in free.items() if not count]
    if full:
        yield f"subnet-ids: {enumerated(full)} has no free address, so nothing can be launched there for now."
    elif free and len(free) == len(found) and sum(free.values()) < FEWEST_ADDRESSES:
        yield f"subnet-ids: only {sum(free.values())} addresses are free in all of them together, one a runner."


def _counted(said: Mapping[str, Any]) -> bool:
    """Whether a subnet has to have free IPv4 addresses, and says how many there are."""
    return "AvailableIpAddressCount" in said and not said.get("Ipv6Native")


def _notes(found: Described) -> Iterator[str]:
    private = [each for each, said in found.items() if said.get("MapPublicIpOnLaunch") is False]
    if private and len(private) < len(found):
        yield (
            f"subnet-ids: {enumerated(private)} gives no public address, unlike the others: its runners need a NAT "
            "gateway or a proxy to reach GitHub."
        )


def _states(found: Described) -> str:
    return enumerated(sorted({str(said.get("State")) for said in found.values()} - {"available", "pending", "None"}))


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
