"""What acknowledged changes of provision have made of the pool; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from refresh.engine.change import Done, Skipped
from refresh.pool import lifecycle, records
from refresh.pool.records import InstanceRecord
from refresh.pool.runs import PROVIDED
from refresh.provision.changes import Claim, Conclude, Record, Renew, Start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from refresh.engine.change import Outcome
    from refresh.pool.launch import FleetAnswer
    from refresh.provision.actual import Actual
    from refresh.provision.look import Machines

T = TypeVar("T")


def after(actual: Actual, outcomes: Iterable[Outcome]) -> Actual:
    """Return the pool after these outcomes; what was not acknowledged has to be read."""
    listed = tuple(outcomes)
    for outcome in listed:
        actual = _after(actual, outcome)
    counted = (each for each in listed if isinstance(each.change, (Start, Renew)))
    if actual.result == PROVIDED and not all(isinstance(each, Done) for each in counted):
        # The result was written with machines that did not start.
        return evolve(actual, result="")
    return actual


def answered(actual: Actual, answer: FleetAnswer) -> Actual:
    """Return the pool after EC2 has answered for the fleet that was under way."""
    return evolve(actual, launches=actual.launches.answered(answer, actual.settings.subnet_ids))


def read(actual: Actual, found: Machines, identifiers: Iterable[str], now: datetime) -> Actual:
    """Return the pool with these machines as they were found at this time."""
    asked = set(identifiers)
    mine = {
        each.id
        for each in found.records.values()
        if isinstance(each, InstanceRecord) and (each.state, each.run_id) == (lifecycle.CLAIMED, actual.label)
    }
    return evolve(
        actual,
        records={**_without(actual.records, asked), **found.records},
        reports={**_without(actual.reports, asked), **found.reports},
        read_at={**actual.read_at, **dict.fromkeys(asked, now)},
        # A claim whose answer was lost, and that was sent again, seems to be lost to another run.
        claimed=actual.claimed | (mine & actual.lost),
        lost=actual.lost - mine,
    )


def _without(known: Mapping[str, T], identifiers: set[str]) -> dict[str, T]:
    return {identifier: each for identifier, each in known.items() if identifier not in identifiers}


def _after(actual: Actual, outcome: Outcome) -> Actual:
    change = outcome.change
    done = isinstance(outcome, Done)
    if isinstance(change, Conclude):
        return evolve(actual, result=change.result) if done or isinstance(outcome, Skipped) else actual
    # A refused record is written again; without it the machine would be untracked.
    if not done and (isinstance(change, Claim) or (isinstance(change, Record) and isinstance(outcome, Skipped))):
        return evolve(actual, lost=actual.lost | {change.subject}, lost_since_look=actual.lost_since_look + 1)
    if not done or not isinstance(change, (Claim, Start, Renew, Record)):
        return actual
    record = _recorded(change) if isinstance(change, Record) else _written(change)
    claimed = actual.claimed | {change.subject} if isinstance(change, Claim) else actual.claimed
    return evolve(actual, records={**actual.records, record.id: record}, claimed=claimed)


def _written(change: Claim | Start | Renew) -> InstanceRecord:
    return evolve(
        change.record,
        state=change.state,
        run_id=change.label,
        threshold=records.wire_time(change.threshold),
        updated_at=records.wire_time(change.at),
        busy_seconds=lifecycle.busy_seconds(change.record, change.at),
    )


def _recorded(change: Record) -> InstanceRecord:
    return InstanceRecord(
        id=change.instance.id,
        state=lifecycle.CREATED,
        run_id=change.label,
        threshold=records.wire_time(change.threshold),
        updated_at=records.wire_time(change.at),
        resource_class=change.resource_class,
        instance_type=change.instance.instance_type,
        usage_class=change.instance.usage_class,
        launched_at=records.wire_time(change.launched_at),
    )
