"""What the changes of release lead to if nothing else changes; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from attrs import evolve

from refresh.pool import lifecycle, records
from refresh.pool.ec2_instances import Ec2State
from refresh.release.actual import Actual, Labelled
from refresh.release.changes import GiveBack, Offer, Retire, Terminate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.release.changes import ReleaseChange


def predict(actual: Actual, changes: Sequence[ReleaseChange]) -> Actual:
    """Return what will be observed: given back, retired, terminated and offered machines."""
    instances = dict(actual.instances)
    machines = {each.record.id: each for each in actual.machines}
    for change in changes:
        match change:
            case GiveBack():
                threshold = records.wire_time(change.threshold)
                machines[change.subject] = _written(change, lifecycle.IDLE, threshold)
            case Retire():
                threshold = records.wire_time(change.at - lifecycle.EXPIRED_SINCE)
                machines[change.subject] = _written(change, lifecycle.retired(change.record.state), threshold)
            case Terminate():
                instances[change.id] = evolve(instances[change.id], state=Ec2State.SHUTTING_DOWN)
            case Offer(record=record):
                known = machines[record.id]
                machines[record.id] = evolve(known, record=evolve(record, offered_for=record.threshold or ""))
            case _:
                assert_never(change)
    return evolve(actual, machines=tuple(machines.values()), instances=instances)


def _written(change: GiveBack | Retire, state: str, threshold: str) -> Labelled:
    moment = records.wire_time(change.at)
    record = evolve(
        change.record,
        state=state,
        run_id="",
        threshold=threshold,
        updated_at=moment,
        last_run_id=change.label,
        released_at=moment,
        busy_seconds=lifecycle.busy_seconds(change.record, change.at),
        cut_off=change.label if change.lost_job else change.record.cut_off,
    )
    return Labelled(label=change.label, record=record)
