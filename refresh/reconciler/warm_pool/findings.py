"""What people read of the warm pool: why machines are missing, and what to do about it; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import launch_remedies, lifecycle, names
from refresh.reconciler.warm_pool import census
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refresh.desired import DesiredState
    from refresh.reconciler.warm_pool.actual import Actual, Asked
    from refresh.reconciler.warm_pool.breaker import Breaker

_FORGOTTEN = "IdempotentParameterMismatch"
"""EC2's code for a repeated launch with other parameters, such as subnets that were changed meanwhile."""


def skewed(actual: Actual) -> bool:
    """Whether the clocks differ too much to judge a record."""
    return abs(actual.collected.skew) > lifecycle.LARGEST_SKEW


def skew_message(actual: Actual) -> str:
    """Say by how much the clocks differ."""
    seconds = int(abs(actual.collected.skew).total_seconds())
    side = "behind" if actual.collected.skew.total_seconds() > 0 else "ahead of"
    return (
        f"this machine's clock is {seconds} s {side} AWS's, so no machine was launched or kept. Set the runner's clock."
    )


def doubts(actual: Actual) -> Iterator[str]:
    """Yield why nothing may be launched although machines are missing."""
    if actual.template.doubt:
        yield actual.template.doubt
    if actual.collected.unlisted:
        yield "EC2 did not list the pool's instances (see the garbage collector's error)"
    if ids := census.in_doubt(actual):
        yield f"the restored table does not say what {enumerated(sorted(ids))} do (see docs/operations.md)"
    if census.emptied(actual):
        yield "the table has no instance records although several instances live (see the garbage collector's error)"


def doubted(found: Sequence[str]) -> Iterator[str]:
    """Yield that nothing was launched."""
    if found:
        yield f"machines are missing, but none was launched: {'; '.join(found)}. The next run tries again."


def shortages(actual: Actual) -> Iterator[str]:
    """Yield which machines EC2 did not launch for a reason that passes by itself."""
    yield from (_explained(each) for each in actual.asked.values() if each.short and not _is_fault(each))


def faults(actual: Actual) -> Iterator[str]:
    """Yield which machines EC2 did not launch for a reason that a person has to fix."""
    yield from (_explained(each) for each in actual.asked.values() if each.short and _is_fault(each))


def broken(actual: Actual, known: Breaker) -> str:
    """Say that no machine of this version becomes ready, or of any version before it."""
    deletion = (
        f"once you delete the item {names.WARM_POOL_IDENTIFIER} (key TYPE#METADATA, ID#{names.WARM_POOL_IDENTIFIER}) "
        "from the table."
    )
    if known.changing:
        return (
            f"{known.state.unproven} versions of the launch template in a row were replaced before a machine of them "
            "became ready, so no more are launched. If two workflows refresh this pool, give both the same inputs, and "
            "keep what differs in each run out of pre-runner-script. Launches go on once a machine of the current "
            f"version works for a run, or {deletion}"
        )
    return (
        f"{enumerated(sorted(known.failed))}: launched from version {actual.template.version} of the launch template, "
        f"and none became ready within {lifecycle.BOOTS_WITHIN.seconds // 60} minutes, so no more are launched. Read "
        "their logs (aws ec2 get-console-output --latest --instance-id ...), and correct pre-runner-script, ami or the "
        f"network. Launches go on with the next version of the template, or {deletion}"
    )


def capped(desired: DesiredState, resource_class: str, number: int) -> str:
    """Say that the cap leaves no room for the minimum."""
    cap = dict(desired.max_instances)[resource_class]
    return (
        f"{number} of the minimum of class {resource_class} are missing, since max-instances allows {cap} machines of "
        "it, and as many live."
    )


def unproven(known: Breaker, left: int) -> str:
    """Say that more machines follow once the first ones are ready."""
    version = known.state.version.rpartition(":")[2]
    return f"no machine of version {version} of the launch template is ready yet: {left} more are launched after that."


def _is_fault(asked: Asked) -> bool:
    found = [each for answer in asked.answers for each in answer.telling]
    return not all(each.cause.passing or each.code == _FORGOTTEN for each in found)


def _explained(asked: Asked) -> str:
    return launch_remedies.explained(asked.answers, launch_remedies.REFRESH)
