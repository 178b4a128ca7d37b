"""What acknowledged changes of the warm pool lead to; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from attrs import evolve

from refresh.pool import lifecycle, records, warm_pool_item
from refresh.pool.records import InstanceRecord
from refresh.reconciler.warm_pool.actual import Asked
from refresh.reconciler.warm_pool.changes import Keep, Launch, Promote, Record, WriteState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.reconciler.warm_pool.actual import Actual
    from refresh.reconciler.warm_pool.changes import WarmChange


def predict(actual: Actual, changes: Sequence[WarmChange]) -> Actual:
    """Return what will be observed; which machines EC2 launches cannot be known."""
    for change in changes:
        match change:
            case Promote() | Keep() | Record():
                record = written(change)
                actual = evolve(actual, records={**actual.records, record.id: record})
            case WriteState(state=state):
                actual = evolve(actual, stored=warm_pool_item.to_wire(state), state=state)
            case Launch(resource_class=name, pending=pending):
                asked = Asked(pending=pending, answers=())
                actual = evolve(actual, asked={**actual.asked, name: asked})
            case _:
                assert_never(change)
    return actual


def written(change: Promote | Keep | Record) -> InstanceRecord:
    """Return the record that a change writes."""
    if isinstance(change, Record):
        return InstanceRecord(
            id=change.instance.id,
            state=lifecycle.CREATED,
            run_id="",
            threshold=records.wire_time(change.threshold),
            updated_at=records.wire_time(change.at),
            resource_class=change.resource_class,
            instance_type=change.instance.instance_type,
            usage_class=change.instance.usage_class,
            template_version=change.instance.template_version,
            launched_at=records.wire_time(change.launched_at),
        )
    before, threshold = change.record, records.wire_time(change.threshold)
    if isinstance(change, Promote):
        return evolve(
            before,
            state=lifecycle.IDLE,
            threshold=threshold,
            fresh_for=threshold,
            updated_at=records.wire_time(change.at),
        )
    return evolve(
        before,
        threshold=threshold,
        fresh_for=threshold if before.fresh_for == before.threshold else before.fresh_for,
        offered_for=threshold if before.offered_for == before.threshold else before.offered_for,
    )
