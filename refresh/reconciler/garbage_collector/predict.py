"""What marks, adoptions, terminations and cleanings lead to if nothing else changes; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from attrs import evolve

from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Terminate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from refresh.reconciler.garbage_collector.changes import CollectorChange


def predict(actual: Actual, changes: Sequence[CollectorChange], now: datetime) -> Actual:
    """Return what will be observed in the end: terminated instances have ended, and unknown ones are gone."""
    instances = dict(actual.instances)
    found = {record.id: record for record in actual.records if isinstance(record, records.InstanceRecord)}
    unreadable = (record for record in actual.records if isinstance(record, records.Unreadable))
    for change in changes:
        match change:
            case Mark(record=record):
                found[record.id] = _marked(record, now)
                instances.setdefault(record.id, Ec2Instance(record.id, Ec2State.TERMINATED))
            case Adopt(id=identifier):
                found[identifier] = _marked(
                    records.InstanceRecord(id=identifier, state="", run_id="", threshold=""), now
                )
            case Terminate(id=identifier):
                instances[identifier] = evolve(instances[identifier], state=Ec2State.TERMINATED)
            case Clean(record=record):
                del found[record.id]
            case _:
                assert_never(change)
    return evolve(actual, instances=instances, records=(*found.values(), *unreadable))


def _marked(record: records.InstanceRecord, now: datetime) -> records.InstanceRecord:
    written = records.wire_time(now)
    return evolve(record, state=records.TERMINATED, run_id="", threshold=written, updated_at=written)
