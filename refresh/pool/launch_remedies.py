"""What people read of launches that failed: what was tried, and the remedy of each cause."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from refresh import errors
from refresh.pool.launch import Cause
from refresh.pool.usage import UsageClass
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from refresh.pool.launch import FleetAnswer, Shortfall

_QUOTAS_PAGE = "https://console.aws.amazon.com/servicequotas/home/services"
_ON_DEMAND_QUOTA = (
    f'"Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", or the one of other families, counted in '
    f"vCPUs, at {_QUOTAS_PAGE}/ec2/quotas/L-1216C47A"
)
_SPOT_QUOTA = (
    f'"All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", or the one of other families, counted in '
    f"vCPUs, at {_QUOTAS_PAGE}/ec2/quotas/L-34B43A08"
)
_FLEET_QUOTA = "for fleets, which only AWS Support can raise (new accounts may have none)"
_VOLUME_QUOTA = f"for volumes, at {_QUOTAS_PAGE}/ebs/quotas"
_QUOTAS: Mapping[str, str] = {
    "InstanceLimitExceeded": _ON_DEMAND_QUOTA,
    "MaxFleetCountExceeded": _FLEET_QUOTA,
    "MaxIOPSLimitExceeded": _VOLUME_QUOTA,
    "MaxSpotFleetRequestCountExceeded": _FLEET_QUOTA,
    "MaxSpotInstanceCountExceeded": _SPOT_QUOTA,
    "VcpuLimitExceeded": _ON_DEMAND_QUOTA,
    "VolumeIOPSLimit": _VOLUME_QUOTA,
    "VolumeLimitExceeded": _VOLUME_QUOTA,
}
"""The quota by EC2's code: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html."""
_OF_FLEETS = re.compile(r"EC2 ?Fleet", re.IGNORECASE)


def explained(answers: Sequence[FleetAnswer]) -> str:
    """Say what was tried and what is missing, with a sentence on each cause; "" if nothing is missing."""
    if not answers or not answers[-1].missing:
        return ""
    causes: dict[Cause, list[Shortfall]] = {}
    for answer in answers:
        # A complete answer lists the subnets and types that EC2 tried before.
        for each in answer.telling if answer.missing else ():
            causes.setdefault(each.cause, []).append(each)
    # Causes that will not pass by waiting come first.
    found = sorted(causes, key=lambda cause: cause.passing)
    return " ".join((_tried(answers), *(_REMEDIES[cause](causes[cause], answers) for cause in found)))


def _tried(answers: Sequence[FleetAnswer]) -> str:
    fleet, last = answers[0].fleet, answers[-1]
    usage_classes = " then ".join(dict.fromkeys(each.fleet.usage_class.value for each in answers))
    rounds = "1 round" if len(answers) == 1 else f"{len(answers)} rounds"
    wanted = max(fleet.count, last.missing)
    noun = "instance" if wanted == 1 else "instances"
    return (
        f"EC2 did not launch {last.missing} of {wanted} {noun} with {fleet.cpu} vCPUs and "
        f"at least {fleet.memory_mib} MiB ({usage_classes}; {' '.join(fleet.instance_types[:10])}; "
        f"{enumerated(fleet.subnet_ids)}) in {rounds}."
    )


def _capacity(shortfalls: Sequence[Shortfall], answers: Sequence[FleetAnswer]) -> str:
    usage_classes = {each.fleet.usage_class for each in answers}
    remedies = [
        "add types to allowed-instance-types",
        "add subnets in other availability zones (subnet-ids of refresh)",
    ]
    if UsageClass.ON_DEMAND in usage_classes:
        remedies.append(f"raise max-price-over-lowest (now {answers[-1].fleet.max_price_over_lowest})")
    else:
        remedies.append("set fallback to on-demand")
    return (
        f"It has no capacity for them there now ({_codes(shortfalls)}): run the job again later, or "
        f"{', or '.join(remedies)}."
    )


def _addresses(shortfalls: Sequence[Shortfall], answers: Sequence[FleetAnswer]) -> str:
    named = (each for shortfall in shortfalls for each in shortfall.where if each.startswith("subnet-"))
    subnets = enumerated(dict.fromkeys(named)) or enumerated(answers[-1].fleet.subnet_ids)
    return (
        f"No free IP address is left in {subnets} ({_codes(shortfalls)}): add subnets (subnet-ids of refresh), or "
        "lower max-instances."
    )


def _throttled(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer]) -> str:
    return (
        f"It limits how many requests this account may make ({_codes(shortfalls)}): run the job again, and start fewer "
        "launches at the same minute."
    )


def _unanswered(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer]) -> str:
    return (
        f"It gave no usable answer ({_codes(shortfalls)}{_words(shortfalls[0])}): run the job again; instances that it "
        "launched nonetheless are found by their tags."
    )


def _quota(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer]) -> str:
    other = f"that the code names, at {_QUOTAS_PAGE}/ec2/quotas"
    quotas = dict.fromkeys(_QUOTAS.get(each.code, other) for each in shortfalls)
    return (
        f"A quota of this account is used up ({_codes(shortfalls)}{_words(shortfalls[0])}): raise the quota "
        f"{' and '.join(quotas)}, or provision fewer machines at once."
    )


def _permission(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer]) -> str:
    shown = f"The credentials may not launch ({_codes(shortfalls)}{_words(shortfalls[0])}):"
    action = next(filter(None, (errors.denied_action(each.message) for each in shortfalls)), "")
    if any("explicit deny" in each.message for each in shortfalls):
        return f"{shown} a policy explicitly denies {action or 'it'}; only the owner of that policy can change it."
    if action:
        return f"{shown} allow {action} as docs/iam/provision.json does."
    return (
        f"{shown} compare their policy with docs/iam/provision.json. If AWS names no action, the event CreateFleet in "
        "CloudTrail has an encoded message, which aws sts decode-authorization-message explains."
    )


def _service_linked_role(shortfalls: Sequence[Shortfall], answers: Sequence[FleetAnswer]) -> str:
    named = [bool(_OF_FLEETS.search(each.message)) for each in shortfalls]
    spot = any(each.fleet.usage_class is UsageClass.SPOT for each in answers)
    roles = [("AWSServiceRoleForEC2Spot", "spot")] if spot and not all(named) else []
    # Fleets of the type `instant` do not need this one by AWS's documentation.
    roles += [("AWSServiceRoleForEC2Fleet", "ec2fleet")] if any(named) or not spot else []
    commands = (f"aws iam create-service-linked-role --aws-service-name {name}.amazonaws.com" for _, name in roles)
    return (
        f"The account lacks the role {' and '.join(role for role, _ in roles)} ({_codes(shortfalls)}): an "
        f"administrator creates it once with {' and '.join(commands)}."
    )


def _configuration(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer]) -> str:
    if any(each.same_zone for each in shortfalls):
        return (
            f"Two subnets are in one availability zone, which EC2 refuses ({_codes(shortfalls)}): name one subnet of "
            "each zone in subnet-ids of refresh, and run refresh."
        )
    refusals = "; ".join(dict.fromkeys(f"{each.code}{_words(each)}" for each in shortfalls))
    return (
        f"It refuses the request ({refusals}): correct what it names and run the refresh workflow, whose report shows "
        "the launch template; allowed-instance-types must have a type of this size."
    )


def _codes(shortfalls: Iterable[Shortfall]) -> str:
    """List the codes, each with how often it occurred."""
    numbers: dict[str, int] = {}
    for each in shortfalls:
        code = each.code or each.message
        numbers[code] = numbers.get(code, 0) + each.number
    return ", ".join(code if number == 1 else f"{code} {number} times" for code, number in numbers.items())


def _words(shortfall: Shortfall) -> str:
    """Quote AWS's message, if it has one."""
    return f": {shortfall.message.rstrip('.')}" if shortfall.message else ""


_REMEDIES: Mapping[Cause, Callable[[Sequence[Shortfall], Sequence[FleetAnswer]], str]] = {
    Cause.CAPACITY: _capacity,
    Cause.ADDRESSES: _addresses,
    Cause.THROTTLED: _throttled,
    Cause.UNANSWERED: _unanswered,
    Cause.QUOTA: _quota,
    Cause.PERMISSION: _permission,
    Cause.SERVICE_LINKED_ROLE: _service_linked_role,
    Cause.CONFIGURATION: _configuration,
}
