"""Combines what the components saw last for summary, outputs and report; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from refresh.pool import ownership, records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.snapshot import UNRECORDED, Ended, InstanceSnapshot, PoolSnapshot
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Reason, Terminate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import timedelta

    from refresh.engine.change import Change
    from refresh.reconciler.garbage_collector.actual import Actual as Collected
    from refresh.reconciler.launch_template.actual import Actual as Template
    from refresh.reconciler.registration_token.actual import Actual as StoredToken
    from refresh.reconciler.resource_pools.actual import Actual as Pools

_ENDED_BY_THEMSELVES = frozenset((Reason.VANISHED.value, Reason.ABANDONED.value))
"""Why instances are marked that need no termination."""


def pool_snapshot(
    template: Template | None,
    pools: Pools | None,
    token: StoredToken | None,
    collected: Collected | None,
    *,
    marked: Iterable[Change] = (),
) -> PoolSnapshot:
    """Combine what was seen; None stands for a component that could not look.

    `marked` holds the changes of instances that were marked after the collector's last look.
    """
    listing = template.listing if template else None
    default = listing.default if listing else None
    return PoolSnapshot(
        template_id=listing.template_id if listing else "",
        template_version=default.number if default else None,
        queues=tuple((each.resource_class.name, each.url) for each in pools.pools if each.url) if pools else (),
        token_expires_at=records.read_time(token.expires_at) if token and token.present else None,
        instances=tuple(_instances(collected, {each.subject for each in marked})) if collected else None,
    )


def touched(changes: Iterable[Change]) -> tuple[Ended, ...]:
    """Return the instances that these changes concern, each once with every step; see `Ended`."""
    listed: dict[str, Ended] = {}
    for change in changes:
        if isinstance(change, Mark | Adopt | Terminate | Clean):
            known = listed.get(change.subject)
            found = _described(change)
            # The first step has the record as it was judged.
            listed[found.id] = evolve(known or found, steps=(*(known.steps if known else ()), change.done))
    return tuple(listed.values())


def ended(done: Iterable[Change]) -> tuple[Ended, ...]:
    """Return the instances that were terminated, were found terminated before their time, or end themselves.

    Each is in the report of one run: an abandoned one in that of the run that marked it.
    """
    return tuple(
        each
        for each in touched(done)
        if (Mark.done if each.reason in _ENDED_BY_THEMSELVES else Terminate.done) in each.steps
    )


def _described(change: Mark | Adopt | Terminate | Clean) -> Ended:
    match change:
        case Mark(record=record, reason=reason):
            overdue = change.judged_at - record.expires if record.expires else None
            return _ended(record, reason.value, record.state, record.run_id or "", overdue)
        case Adopt(id=identifier, run_id=run_id):
            return Ended(id=identifier, reason=Reason.UNRECORDED.value, state="", run_id=run_id)
        case Terminate() | Clean() if change.record:
            return _from_mark(change.record)
        case _:
            return Ended(id=change.subject, reason="", state="")


def _from_mark(record: records.InstanceRecord) -> Ended:
    mark = dict(record.ended)
    threshold = records.read_time(mark.get("endedThreshold", ""))
    overdue = record.marked_at - threshold if record.marked_at and threshold else None
    reason, state, run_id = (mark.get(name, "") for name in ("endedReason", "endedState", "endedRunId"))
    return _ended(record, reason, state, run_id, overdue)


def _ended(record: records.InstanceRecord, reason: str, state: str, run_id: str, overdue: timedelta | None) -> Ended:
    return Ended(
        id=record.id,
        reason=reason,
        state=state,
        resource_class=record.resource_class,
        run_id=run_id,
        overdue=overdue if reason == Reason.EXPIRED.value else None,
    )


def _instances(collected: Collected, marked: Collection[str]) -> Iterator[InstanceSnapshot]:
    for record in collected.records:
        if isinstance(record, records.InstanceRecord):
            gone = record.id in marked
            instance = collected.instances.get(record.id, Ec2Instance(record.id, Ec2State.UNKNOWN))
            yield InstanceSnapshot(
                id=record.id,
                state=records.TERMINATED if gone else record.state,
                ec2_state=instance.state.value,
                resource_class=record.resource_class,
                run_id="" if gone else record.run_id or "",
                launched_at=instance.launched_at,
                threshold=record.expires,
                protected=instance.protected,
            )
    recorded = {record.id for record in collected.records}
    for instance in collected.instances.values():
        if instance.id not in recorded and instance.state.alive and ownership.proven(instance, collected.template_ids):
            yield InstanceSnapshot(
                id=instance.id,
                state=UNRECORDED,
                ec2_state=instance.state.value,
                run_id=instance.tags.initial_run or "",
                launched_at=instance.launched_at,
                protected=instance.protected,
            )
