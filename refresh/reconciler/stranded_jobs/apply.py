"""Provides for stranded jobs by provision's own code, which is loaded only for this.

Provision takes the lease on the label first: if a job of the run, or another refresh, provides at the same moment, one
of the two is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from refresh import errors
from refresh.desired import DesiredProvision
from refresh.engine.change import Done, Postponed, Skipped
from refresh.pool import lifecycle
from refresh.pool.runs import ANY_USAGE
from refresh.pool.usage import UsageClass
from refresh.ports import DoorClients
from refresh.text import lasting

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from refresh.desired import DesiredState
    from refresh.engine.change import Outcome
    from refresh.ports import Clients, Clock
    from refresh.provision.result import Provided
    from refresh.reconciler.stranded_jobs.changes import Rescue

ACQUIRES_WITHIN = timedelta(minutes=2)
"""How long machines are claimed and launched at most: then the lease of a refresh that was killed is over before the
next one comes, ten minutes later."""
_SHORTEST = timedelta(seconds=30)
_AT_LAST = timedelta(seconds=30)
"""For the last writes, after the last machine has booted."""


@frozen(kw_only=True)
class Means:
    """What a rescue is made with."""

    desired: DesiredState
    clients: Clients
    clock: Clock
    executor: Executor
    deadline: datetime
    """When the time of this run of refresh is over."""
    over: Callable[[], bool]
    """Whether nothing new may be started."""
    write_anyway: Callable[[], object]
    """Called before the records of launched machines are written although the run was asked to stop."""


@frozen
class Rescued:
    """The outcome of a rescue, and the warnings of it."""

    outcome: Outcome
    warnings: tuple[str, ...] = ()


def rescue(means: Means, change: Rescue) -> Rescued:
    """Provide for a label; without enough machines nothing is left of it, and the warning says why."""
    left = means.deadline - means.clock.now() - lifecycle.BOOTS_WITHIN - _AT_LAST
    if left < _SHORTEST:
        needed = lasting(_SHORTEST + lifecycle.BOOTS_WITHIN + _AT_LAST)
        return _refused(
            change,
            f"the run has less than {needed} left, in which a machine may not become ready; the next run tries again. "
            "If it happens often, raise the input timeout",
        )
    from refresh.provision.component import Provisioning  # noqa: PLC0415 - most runs rescue nothing
    from refresh.provision.result import Patience  # noqa: PLC0415 - most runs rescue nothing

    patience = Patience(means.over, write_anyway=means.write_anyway)
    asked = wanted(means.desired, change, min(left, ACQUIRES_WITHIN))
    clients = means.clients
    door = DoorClients(clients.dynamodb, clients.ec2, clients.sqs, clients.runs, clients.on_demand, skew=clients.skew)
    return _result(change, Provisioning(asked, door, means.clock, means.executor, patience=patience).run())


def wanted(desired: DesiredState, change: Rescue, timeout: timedelta) -> DesiredProvision:
    """Return what is provided: what was asked for, in the run's latest attempt.

    The fewest machines, the fallback and the price limit are not recorded: the defaults of these inputs are used.
    The gates of this run have checked the account.
    """
    asked = change.asked
    usage = (UsageClass.SPOT, UsageClass.ON_DEMAND)
    return DesiredProvision(
        repository=desired.repository,
        region=desired.region,
        role=desired.role,
        github_api_url=desired.github_api_url,
        github_server_url=desired.github_server_url,
        run_url=asked.link,
        run_id=change.run_id,
        attempt=change.attempt,
        rescues=change.rescues,
        name=change.label.removeprefix(change.run_id).removeprefix("-"),
        count=asked.count,
        resource_class=asked.resource_class,
        usage_classes=usage if asked.usage_class == ANY_USAGE else (UsageClass(asked.usage_class),),
        fallback=asked.usage_class == ANY_USAGE,
        instance_types=asked.instance_types,
        max_runtime=asked.max_runtime or None,
        reuse=asked.reuse,
        timeout=timeout,
    )


def _result(change: Rescue, provided: Provided) -> Rescued:
    report = provided.report
    if provided.available:
        origins = Counter(each.origin for each in provided.ready)
        listed = ", ".join(f"{number} {origin}" for origin, number in sorted(origins.items()))
        ready = evolve(change, machines=tuple(each.id for each in provided.ready), origins=listed)
        return Rescued(Done(ready), tuple(f"{change.label}: {each}" for each in report.warnings))
    match report.error:
        case errors.CredentialsExpired() as error:
            raise error
        case errors.Interrupted():
            return Rescued(Postponed(change))
        case errors.Taken() as error:
            return Rescued(Skipped(change, str(error)))
        case None:
            return _refused(change, " ".join(report.refusals), *report.warnings)
        case error:
            return _refused(change, str(error), *report.warnings)


def _refused(change: Rescue, why: str, *warnings: str) -> Rescued:
    listed = tuple(f"{change.label}: {each}" for each in warnings)
    return Rescued(Skipped(change, why), (f"stranded jobs of {change.label} got no machines: {why}", *listed))
