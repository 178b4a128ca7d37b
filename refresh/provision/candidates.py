"""Which machines of the pool a run may claim, and in which order; pure.

Idle is not ready: a record turns idle before its agent has left the run that had it.
"""

from __future__ import annotations

import fnmatch
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from refresh.pool import lifecycle
from refresh.pool.records import InstanceRecord, read_time
from refresh.pool.signals import BOOTED, LEFT, SIGNAL_LIFETIME

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

    from refresh.desired import DesiredProvision
    from refresh.pool.records import Unreadable
    from refresh.pool.usage import UsageClass
    from refresh.provision.actual import Actual

WINDOW = 4
"""Among how many of the first machines one is drawn: those at the end of the list may expire, and runs that claim at
the same time do not all want the same one."""

SETTLED_AFTER = timedelta(minutes=2)
"""By then an agent whose claim was given back has registered and left again, or has never noticed the claim."""


def chosen(
    desired: DesiredProvision, actual: Actual, number: int, now: datetime, chance: random.Random
) -> list[InstanceRecord]:
    """Draw so many machines, or as many as there are."""
    listed = ordered(desired, actual, now)
    # Each lost machine shows that other runs claim at the same time: spread out. Of fifty runs at once on fifty
    # machines, which lose 620 claims with one more machine for each lost one, the doubled window loses 240.
    window = WINDOW << len(actual.lost)
    drawn: list[InstanceRecord] = []
    while listed and len(drawn) < number:
        drawn.append(listed.pop(chance.randrange(min(window, len(listed)))))
    return drawn


def ordered(desired: DesiredProvision, actual: Actual, now: datetime) -> list[InstanceRecord]:
    """List the machines that can be claimed: first those of the template's current version, and of those the newest.

    So the machines at the end of the list expire, and the pool shrinks when there is little to do.
    """
    version = str(actual.settings.template_version or "")
    found = [
        each
        for each in free(desired, actual.records.values(), now)
        if each.id not in actual.lost and each.id not in actual.given_up and ready(actual, each)
    ]
    found.sort(key=lambda each: (each.template_version == version, each.threshold or "", each.id), reverse=True)
    return found


def free(
    desired: DesiredProvision, known: Iterable[InstanceRecord | Unreadable], now: datetime
) -> Iterator[InstanceRecord]:
    """Yield the machines that the run could use and no run has, by their records alone."""
    for each in known:
        if not isinstance(each, InstanceRecord) or each.state not in {lifecycle.IDLE, lifecycle.CREATED}:
            continue
        in_time = each.run_id == "" and each.expires is not None and each.expires > now
        if in_time and fits(desired, each, desired.usage_classes) and (desired.reuse or never_served(each)):
            yield each


def fits(desired: DesiredProvision, record: InstanceRecord, usage_classes: Iterable[UsageClass]) -> bool:
    """Whether a machine is what the run asks for."""
    return (
        record.resource_class == desired.resource_class
        and record.usage_class in {each.value for each in usage_classes}
        and any(fnmatch.fnmatchcase(record.instance_type.lower(), each.lower()) for each in desired.instance_types)
    )


def never_served(record: InstanceRecord) -> bool:
    """Whether no run has ever had the machine."""
    return record.state == lifecycle.CREATED or (bool(record.fresh_for) and record.fresh_for == record.threshold)


def ready(actual: Actual, record: InstanceRecord) -> bool:
    """Whether a free machine's agent works and has left the last run, and EC2 does not take the machine back."""
    reclaimed = actual.report(record.id).reclaimed_at is not None
    return not reclaimed and actual.beats_on(record.id) and _has_left(actual, record)


def _has_left(actual: Actual, record: InstanceRecord) -> bool:
    """Whether the agent has reported that it left its last run, or that it waits for its first one.

    A run that gives a claim back may do so before the agent has noticed the claim, or while it registers. Then the
    signal is still that of the run before, and older than the record.
    """
    signal, since = actual.report(record.id).signal, read_time(record.updated_at)
    if signal is None:
        return actual.signals_expire and since is not None and actual.looked_at - since > SIGNAL_LIFETIME
    if signal.state not in {LEFT, BOOTED}:
        return False
    newer = since is None or (signal.at is not None and signal.at >= since)
    of_last_run = bool(record.last_run_id) and signal.run_id == record.last_run_id
    return newer or of_last_run or (since is not None and actual.looked_at - since > SETTLED_AFTER)
