"""Why provision has too few machines, in words, and the limits that keep it from having more; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from refresh.pool import launch_remedies, lifecycle
from refresh.pool.records import TERMINATED, InstanceRecord, wire_time
from refresh.text import enumerated, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.desired import DesiredProvision
    from refresh.provision.actual import Actual

ASKED_OTHERWISE = "an earlier attempt asked for another class, usage class or type"
EXPIRED = "its time is over"
SILENT = "its agent has stopped sending heartbeats"
SCRIPT_FAILED = "its pre-runner script failed"
NOT_REGISTERED = "its runner could not register on GitHub"
_NEVER_REPORTED = ", and its agent never reported"
_RECLAIMED = "EC2 takes the spot instance back at "
SURPLUS = "enough other machines are ready"
TOO_FEW = "too few machines became ready"
CLAIM_NEEDS, LAUNCH_NEEDS = timedelta(minutes=1), timedelta(minutes=6)
"""How long the registration token has to be valid for a machine that is claimed, and for one that is launched."""
_WORKING = {lifecycle.CREATED, lifecycle.CLAIMED, lifecycle.RUNNING}
HARMLESS = {ASKED_OTHERWISE, SURPLUS, TOO_FEW}
"""Why a machine is given up that works."""
_UNLIMITED = 10_000
"""More machines than the inputs let anyone ask for."""


def late(state: str, longest: timedelta, *, silent: bool, unheard: bool) -> str:
    """Say that a machine did not register in time; whether its agent is silent now, and whether it always was."""
    what = "boot and register" if state == lifecycle.CREATED else "register"
    agent = _NEVER_REPORTED if unheard else f", and {SILENT}" if silent else ""
    return f"it did not {what} within {lasting(longest)}{agent}"


def reclaimed(at: datetime) -> str:
    """Say that EC2 takes a spot machine back, and when."""
    return f"{_RECLAIMED}{wire_time(at)}"


def taken_back(actual: Actual) -> Iterator[str]:
    """Yield which machines of the label EC2 takes back, or has taken."""
    for identifier, why in actual.given_up.items():
        if why.startswith(_RECLAIMED):
            yield f"{identifier}: {why}; it was given up."


def token_left(actual: Actual, now: datetime) -> timedelta:
    """Return how long machines can register."""
    until = actual.settings.token_valid_until
    return until - now if until else timedelta()


def room(desired: DesiredProvision, actual: Actual, now: datetime) -> int:
    """Return how many machines of the class the pool may launch; other runs may launch at the same time."""
    cap = actual.settings.max_instances.get(desired.resource_class)
    return _UNLIMITED if cap is None else max(0, cap - _living(desired, actual, now))


def of_others(actual: Actual, now: datetime) -> list[str]:
    """List the machines that another program has given the label: the archived action's `provision` in this run.

    If no earlier provision can have left machines, these are all that this one has not got itself. One whose time is
    over serves no job.
    """
    if actual.inherits:
        return []
    known = actual.claimed | actual.launches.launched | actual.lost | actual.given_up.keys()
    return [
        each.id
        for each in actual.records.values()
        if isinstance(each, InstanceRecord)
        and each.run_id == actual.label
        and each.state in _WORKING
        and each.id not in known
        and (each.expires is None or each.expires > now)
    ]


def refusals(desired: DesiredProvision, actual: Actual, now: datetime) -> Iterator[str]:
    """Yield why provision cannot succeed, before anything is claimed."""
    settings, others = actual.settings, of_others(actual, now)
    if abs(actual.skew) > lifecycle.LARGEST_SKEW:
        seconds, side = int(abs(actual.skew).total_seconds()), "behind" if actual.skew > timedelta() else "ahead of"
        yield f"this machine's clock is {seconds} s {side} AWS's, so nothing was claimed. Set the runner's clock."
    elif others:
        yield (
            f"name: {enumerated(others)} {'has' if len(others) == 1 else 'have'} the label {desired.label} already, "
            "from the archived action's provision in this run. Nothing was taken from it. Give this provision a name "
            "and let its jobs ask for that label, or move all provisions of the workflow to this action."
        )
    elif desired.resource_class not in settings.classes:
        known = enumerated(settings.classes) or "none"
        yield (
            f"resource-class: the pool has no class {desired.resource_class!r}; it has {known}. Use one of them, or "
            "add the class to resource-class-config of the refresh workflow."
        )
    elif desired.fewest > settings.max_instances.get(desired.resource_class, _UNLIMITED):
        yield (
            f"count: {desired.fewest} of the class {desired.resource_class} asked for, but max-instances allows the "
            f"pool only {settings.max_instances[desired.resource_class]}. Ask for fewer, or raise max-instances in the "
            "refresh workflow."
        )


def shortage(desired: DesiredProvision, actual: Actual, ready: int, now: datetime) -> str:
    """Say how many machines are missing, and why, with the remedy for each cause."""
    causes = list(_causes(desired, actual, now)) or [_unexplained(desired, actual, now)]
    number = f"{ready} of {desired.count} machines" if desired.count > 1 else "no machine"
    return f"{number} {'are' if desired.count > 1 else 'is'} ready for {desired.label}: {' '.join(causes)}"


def _unexplained(desired: DesiredProvision, actual: Actual, now: datetime) -> str:
    if now < actual.began_at + desired.timeout:
        return "Others took its machines: look for a release of the same label that ran meanwhile."
    return f"No machine of the pool became free within {lasting(desired.timeout)}: raise the input timeout."


def _causes(desired: DesiredProvision, actual: Actual, now: datetime) -> Iterator[str]:
    failed: dict[str, list[str]] = {}
    for identifier, why in actual.given_up.items():
        if why not in HARMLESS:
            failed.setdefault(why, []).append(identifier)
    for why, ids in failed.items():
        yield f"{enumerated(ids)}: {why}. {_remedy(why)}"
    if missing := launch_remedies.explained(actual.launches.answers):
        yield missing
    if not actual.settings.subnet_ids:
        yield "The pool's settings name no subnet, so nothing can be launched: run the refresh workflow."
    if token_left(actual, now) < LAUNCH_NEEDS:
        yield _token(actual, now)
    if room(desired, actual, now) == 0:
        cap = actual.settings.max_instances[desired.resource_class]
        yield (
            f"The pool has as many machines of the class {desired.resource_class} as max-instances allows ({cap}), and "
            "none became free: wait for other runs, or raise max-instances in the refresh workflow."
        )


def _remedy(why: str) -> str:
    if why == SCRIPT_FAILED:
        return "Read the machine's log (aws ec2 get-console-output --latest --instance-id ...)."
    if why == NOT_REGISTERED:
        return "Read the machine's log, and check that GitHub works and the registration token is valid."
    if why.startswith(_RECLAIMED):
        return "Allow more instance types (allowed-instance-types), or use usage-class: on-demand."
    if why.endswith(_NEVER_REPORTED):
        return (
            "Its pre-runner-script may still run or have failed to start, its image may have no Python 3.9 or newer, "
            "its network may not reach DynamoDB, or its instance profile may not write its own item (docs/instance.md "
            "has the policy): read the machine's log (aws ec2 get-console-output --latest --instance-id ...)."
        )
    return "Read the machine's log (aws ec2 get-console-output --latest --instance-id ...), and check its network."


def _token(actual: Actual, now: datetime) -> str:
    until = actual.settings.token_valid_until
    state = "is missing"
    if until:
        at = wire_time(until)
        state = f"expired at {at}" if until <= now else f"is valid until {at} only, too short for a new machine"
    return (
        f"The registration token of the pool {state}: run the refresh workflow, and check that its schedule is enabled "
        "and runs often enough."
    )


def _living(desired: DesiredProvision, actual: Actual, now: datetime) -> int:
    """Count the machines of the class, also those that this run has launched and not recorded yet."""
    recorded = sum(
        isinstance(each, InstanceRecord)
        and each.resource_class == desired.resource_class
        and each.state != TERMINATED
        and (each.expires is None or each.expires > now)
        for each in actual.records.values()
    )
    return recorded + len(actual.launches.launched - actual.records.keys())
