"""Which machines of the pool a run may claim, and in which order; pure.

Idle is not ready: a record turns idle before its agent has left the run that had it.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from refresh.pool import lifecycle, readiness
from refresh.pool.records import InstanceRecord

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from refresh.desired import DesiredProvision
    from refresh.pool.records import Unreadable
    from refresh.pool.usage import UsageClass
    from refresh.provision.actual import Actual

WINDOW = 4
"""Among how many of the first machines one is drawn: those at the end of the list may expire, and runs that claim at
the same time do not all want the same one."""


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
        if in_time and fits(desired, each, desired.usage_classes) and (desired.reuse or readiness.never_served(each)):
            yield each


def fits(desired: DesiredProvision, record: InstanceRecord, usage_classes: Iterable[UsageClass]) -> bool:
    """Whether a machine is what the run asks for."""
    return (
        record.resource_class == desired.resource_class
        and record.usage_class in {each.value for each in usage_classes}
        and any(fnmatch.fnmatchcase(record.instance_type.lower(), each.lower()) for each in desired.instance_types)
    )


def ready(actual: Actual, record: InstanceRecord) -> bool:
    """Whether a free machine can serve the run at once; see `readiness.ready`."""
    return readiness.ready(
        record,
        actual.report(record.id),
        looked_at=actual.looked_at,
        seen_at=actual.seen_at(record.id),
        signals_expire=actual.signals_expire,
    )
