"""Which queues must exist, with which attributes, and what is recorded about them; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from refresh.engine import tagging
from refresh.engine.change import Plan
from refresh.pool import names, records
from refresh.reconciler.resource_pools.changes import CreateQueue, PoolChange, RecordPools, SetQueueAttributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refresh.desired import DesiredState, ResourceClass
    from refresh.reconciler.resource_pools.actual import Actual

VISIBILITY_TIMEOUT = timedelta(seconds=30)
_RETENTION_MARGIN = timedelta(minutes=10)
VISIBILITY: Final = "VisibilityTimeout"
RETENTION: Final = "MessageRetentionPeriod"


def plan(desired: DesiredState, actual: Actual) -> Plan[PoolChange]:
    """Plan the queues, and the record of their URLs once every queue exists."""
    wanted = attributes(desired)
    changes: list[PoolChange] = []
    for pool in actual.pools:
        if not pool.url:
            queue = names.queue(desired.repository, pool.resource_class.name)
            changes.append(CreateQueue(queue, wanted, desired.tags))
            continue
        if dict(pool.attributes) != dict(wanted):
            changes.append(SetQueueAttributes(pool.url, pool.attributes, wanted))
        changes += tagging.due(f"queue {pool.queue}", pool.url, desired.tags, pool.tags)
    warnings = [*_shorter_retention(changes)]
    complete = all(pool.url for pool in actual.pools)
    if complete and actual.recorded != records.to_wire(
        config((each.resource_class, each.url) for each in actual.pools)
    ):
        before = " ".join(sorted((actual.recorded or {}).get("M", {}))) or None
        changes.append(RecordPools(tuple((each.resource_class, each.url) for each in actual.pools), before))
        warnings += [
            f"resource class {name}: no longer used, so it is removed from the table; its queue {url} stays and can be "
            "deleted."
            for name, url in actual.dropped
        ]
    warnings += [
        f"resource class {name}: not in the inputs, but instances still use it; it stays recorded until they end."
        for name in actual.draining
    ]
    unread = (refusal for pool in actual.pools for refusal in tagging.refusals(f"queue {pool.queue}", pool.tags))
    return Plan(tuple(changes), tuple(warnings), tuple(unread))


def attributes(desired: DesiredState) -> tuple[tuple[str, str], ...]:
    """Return the attributes that are kept: visibility, and a retention of at least ten minutes more than the idle time.

    The retention lets SQS delete the messages of dead instances. It is in whole hours, so that a small change of the
    idle time changes no queue.
    """
    hours = -(-(desired.max_idle_time + _RETENTION_MARGIN) // timedelta(hours=1))
    return (
        (VISIBILITY, str(int(VISIBILITY_TIMEOUT.total_seconds()))),
        (RETENTION, str(hours * 3600)),
    )


def config(
    pools: Iterator[tuple[ResourceClass, str]] | Sequence[tuple[ResourceClass, str]],
) -> dict[str, Any]:
    """Return the METADATA value of `resource_class_config`, as docs/table.md has it."""
    return {each.name: {"cpu": each.cpu, "mmem": each.memory_mib, "queueUrl": url} for each, url in pools}


def _shorter_retention(changes: Sequence[PoolChange]) -> Iterator[str]:
    """Warn once for all queues, with the same text when some of them are read back late."""
    for change in changes:
        if isinstance(change, SetQueueAttributes):
            before, after = dict(change.before).get(RETENTION, "0"), dict(change.attributes)[RETENTION]
            if int(before) > int(after):
                yield (
                    f"the retention of queues is lowered to {after} s (the changes name them); SQS deletes older "
                    "messages."
                )
                return
