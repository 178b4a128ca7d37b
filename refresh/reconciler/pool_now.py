"""What the components saw last, put together for people: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import names, records
from refresh.pool import UNRECORDED, Ended, InstanceNow, PoolNow
from refresh.reconciler.garbage_collector import policy
from refresh.reconciler.garbage_collector.changes import Mark, Reason, Terminate
from refresh.reconciler.machines import Ec2State, Machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refresh.reconciler import launch_template, registration_token, resource_pools
    from refresh.reconciler.garbage_collector.facts import Actual as Collected
    from refresh.report import Change


def pool_now(
    template: launch_template.policy.Actual | None,
    pools: resource_pools.policy.Actual | None,
    token: registration_token.Actual | None,
    collected: Collected | None,
) -> PoolNow:
    """Put together what was seen; None stands for a component that saw nothing."""
    listing = template.listing if template else None
    default = listing.default if listing else None
    return PoolNow(
        template_id=listing.template_id if listing else "",
        template_version=default.number if default else None,
        queues=tuple((each.resource_class.name, each.url) for each in pools.pools if each.url) if pools else (),
        token_expires_at=records.read_time(token.expires_at) if token and token.present else None,
        instances=tuple(_instances(collected)) if collected else None,
    )


def ended(done: Iterable[Change]) -> tuple[Ended, ...]:
    """List the instances that were ended, from what the collector did; a record says of itself why it was marked."""
    listed: dict[str, Ended] = {}
    for change in done:
        match change:
            case Mark(record=record, reason=Reason.VANISHED):
                listed[record.id] = _ended(record, change.reason.value, record.state, record.run_id or "")
            case Terminate(id=identifier, record=record) if record:
                told = dict(record.ended)
                run_id = told.get("endedRunId", "")
                listed[identifier] = _ended(record, told.get("endedReason", ""), told.get("endedState", ""), run_id)
            case _:
                pass
    return tuple(listed.values())


def _ended(record: records.Instance, reason: str, state: str, run_id: str) -> Ended:
    threshold = records.read_time(dict(record.ended).get("endedThreshold", ""))
    overdue = record.marked_at - threshold if record.marked_at and threshold else None
    return Ended(
        id=record.id,
        reason=reason,
        state=state,
        resource_class=record.resource_class,
        run_id=run_id,
        overdue=overdue if reason == Reason.EXPIRED.value else None,
    )


def _instances(collected: Collected) -> Iterator[InstanceNow]:
    for record in collected.records:
        if isinstance(record, records.Instance):
            machine = collected.machines.get(record.id, Machine(record.id, Ec2State.UNKNOWN))
            yield InstanceNow(
                id=record.id,
                state=record.state,
                ec2_state=machine.state.value,
                resource_class=record.resource_class,
                run_id=record.run_id or "",
                launched_at=machine.launched_at,
                threshold=record.expires,
            )
    recorded = {record.id for record in collected.records}
    for machine in collected.machines.values():
        if machine.id not in recorded and machine.state.alive and policy.proven(machine, collected.template_ids):
            yield InstanceNow(
                id=machine.id,
                state=UNRECORDED,
                ec2_state=machine.state.value,
                run_id=machine.tags.get(names.INITIAL_RUN_TAG, ""),
                launched_at=machine.launched_at,
            )
