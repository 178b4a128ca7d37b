"""What the changes to the queues and their record lead to; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from attrs import evolve

from refresh.engine import tagging
from refresh.engine.tagging import TagResource
from refresh.pool import names, records
from refresh.reconciler.resource_pools import policy
from refresh.reconciler.resource_pools.actual import Actual, Pool
from refresh.reconciler.resource_pools.changes import CreateQueue, PoolChange, RecordPools, SetQueueAttributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.desired import DesiredState


def predict(desired: DesiredState, actual: Actual, changes: Sequence[PoolChange]) -> Actual:
    """Return the queues and the record after these changes."""
    for change in changes:
        match change:
            case CreateQueue(queue=queue, attributes=wanted, tags=tags):
                pools = (
                    Pool(each.resource_class, _future_url(actual, queue), wanted, tagging.Found(tags))
                    if names.queue(desired.repository, each.resource_class.name) == queue
                    else each
                    for each in actual.pools
                )
                actual = evolve(actual, pools=tuple(pools))
            case SetQueueAttributes(url=url, attributes=wanted):
                pools = (evolve(each, attributes=wanted) if each.url == url else each for each in actual.pools)
                actual = evolve(actual, pools=tuple(pools))
            case TagResource(address=url, tags=tags):
                pools = (evolve(each, tags=each.tags.after(tags)) if each.url == url else each for each in actual.pools)
                actual = evolve(actual, pools=tuple(pools))
            case RecordPools():
                actual = evolve(actual, recorded=records.to_wire(policy.config(change.pools)))
            case _:
                assert_never(change)
    return actual


def _future_url(actual: Actual, queue: str) -> str:
    """Return the URL of a new queue, derived from another queue's URL; its name if no URL is known."""
    recorded = records.mapping({"value": actual.recorded}, "value")
    urls = [each.url for each in actual.pools]
    urls += [records.text(records.mapping(recorded, name), "queueUrl") or "" for name in recorded]
    return next((f"{url.rpartition('/')[0]}/{queue}" for url in urls if "/" in url), queue)
