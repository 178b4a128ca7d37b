"""What people read of launches that failed: what was tried, and the remedy of each cause."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import frozen

from refresh import errors
from refresh.pool.launch_causes import Cause
from refresh.pool.usage import UsageClass
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from refresh.pool.launch import FleetAnswer
    from refresh.pool.launch_causes import Shortfall

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


@frozen(kw_only=True)
class Advice:
    """What those who launch can do: the actions have different inputs."""

    again: str
    """What happens to what is missing."""
    then: str
    """What has to be done after a correction."""
    policy: str
    """Which policy of docs/iam the credentials need."""
    fewer: str
    subnets: str
    sizes: str
    """What decides whether a type fits."""
    on_demand: str
    """What helps against missing capacity of on-demand machines; "" for nothing else."""
    spot: str


PROVISION = Advice(
    again="run the job again",
    then="run the refresh workflow, whose report shows the launch template",
    policy="docs/iam/provision.json",
    fewer="provision fewer machines at once",
    subnets="subnet-ids of refresh",
    sizes="allowed-instance-types must have a type of this size",
    on_demand="raise max-price-over-lowest (now {})",
    spot="set fallback to on-demand",
)
REFRESH = Advice(
    again="the next run tries again",
    then="run refresh again",
    policy="docs/iam/refresh.json",
    fewer="lower min-idle",
    subnets="subnet-ids",
    sizes="resource-class-config must have a size that a type of c*, m* or r* has",
    on_demand="",
    spot="set min-idle-usage-class to on-demand",
)


def explained(answers: Sequence[FleetAnswer], advice: Advice = PROVISION) -> str:
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
    return " ".join((_tried(answers), *(_REMEDIES[cause](causes[cause], answers, advice) for cause in found)))


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


def _capacity(shortfalls: Sequence[Shortfall], answers: Sequence[FleetAnswer], advice: Advice) -> str:
    usage_classes = {each.fleet.usage_class for each in answers}
    types = ["add types to allowed-instance-types"] if advice is PROVISION else []
    more = advice.on_demand if UsageClass.ON_DEMAND in usage_classes else advice.spot
    zones = f"add subnets in other availability zones ({advice.subnets})"
    remedies = (*types, zones, more.format(answers[-1].fleet.max_price_over_lowest))
    later = f"{advice.again} later" if advice is PROVISION else advice.again
    return (
        f"It has no capacity for them there now ({_codes(shortfalls)}): {later}, or "
        f"{', or '.join(filter(None, remedies))}."
    )


def _addresses(shortfalls: Sequence[Shortfall], answers: Sequence[FleetAnswer], advice: Advice) -> str:
    named = (each for shortfall in shortfalls for each in shortfall.where if each.startswith("subnet-"))
    subnets = enumerated(dict.fromkeys(named)) or enumerated(answers[-1].fleet.subnet_ids)
    return (
        f"No free IP address is left in {subnets} ({_codes(shortfalls)}): add subnets ({advice.subnets}), or "
        "lower max-instances."
    )


def _throttled(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer], advice: Advice) -> str:
    return (
        f"It limits how many requests this account may make ({_codes(shortfalls)}): {advice.again}, and start fewer "
        "launches at the same minute."
    )


def _unanswered(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer], advice: Advice) -> str:
    return (
        f"It gave no usable answer ({_codes(shortfalls)}{_words(shortfalls[0])}): {advice.again}; instances that it "
        "launched nonetheless are found by their tags."
    )


def _quota(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer], advice: Advice) -> str:
    other = f"that the code names, at {_QUOTAS_PAGE}/ec2/quotas"
    quotas = dict.fromkeys(_QUOTAS.get(each.code, other) for each in shortfalls)
    return (
        f"A quota of this account is used up ({_codes(shortfalls)}{_words(shortfalls[0])}): raise the quota "
        f"{' and '.join(quotas)}, or {advice.fewer}."
    )


def _permission(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer], advice: Advice) -> str:
    shown = f"The credentials may not launch ({_codes(shortfalls)}{_words(shortfalls[0])}):"
    action = next(filter(None, (errors.denied_action(each.message) for each in shortfalls)), "")
    if any("explicit deny" in each.message for each in shortfalls):
        return f"{shown} a policy explicitly denies {action or 'it'}; only the owner of that policy can change it."
    if action:
        return f"{shown} allow {action} as {advice.policy} does."
    return (
        f"{shown} compare their policy with {advice.policy}. If AWS names no action, the event CreateFleet in "
        "CloudTrail has an encoded message, which aws sts decode-authorization-message explains."
    )


def _service_linked_role(shortfalls: Sequence[Shortfall], answers: Sequence[FleetAnswer], _: Advice) -> str:
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


def _configuration(shortfalls: Sequence[Shortfall], _: Sequence[FleetAnswer], advice: Advice) -> str:
    if any(each.same_zone for each in shortfalls):
        return (
            f"Two subnets are in one availability zone, which EC2 refuses ({_codes(shortfalls)}): name one subnet of "
            f"each zone in {advice.subnets}, and run refresh."
        )
    refusals = "; ".join(dict.fromkeys(f"{each.code}{_words(each)}" for each in shortfalls))
    return f"It refuses the request ({refusals}): correct what it names and {advice.then}; {advice.sizes}."


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


_REMEDIES: Mapping[Cause, Callable[[Sequence[Shortfall], Sequence[FleetAnswer], Advice], str]] = {
    Cause.CAPACITY: _capacity,
    Cause.ADDRESSES: _addresses,
    Cause.THROTTLED: _throttled,
    Cause.UNANSWERED: _unanswered,
    Cause.QUOTA: _quota,
    Cause.PERMISSION: _permission,
    Cause.SERVICE_LINKED_ROLE: _service_linked_role,
    Cause.CONFIGURATION: _configuration,
}
