"""What acknowledged changes of provision have made of the pool; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from refresh.engine.change import Done, Skipped
from refresh.pool import lifecycle, records
from refresh.pool.launch import Cause
from refresh.pool.records import InstanceRecord
from refresh.provision.changes import Claim, Conclude, Record, Renew, Start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from refresh.engine.change import Outcome
    from refresh.pool.launch import FleetAnswer
    from refresh.provision.actual import Actual
    from refresh.provision.look import Machines

T = TypeVar("T")


def after(actual: Actual, outcomes: Iterable[Outcome]) -> Actual:
    """Return the pool after these outcomes; what was not acknowledged has to be read."""
    for outcome in outcomes:
        actual = _after(actual, outcome)
    return actual


def answered(actual: Actual, answer: FleetAnswer) -> Actual:
    """Return the pool after EC2 has answered for the fleet that was under way."""
    launches = actual.launches
    usage = answer.fleet.usage_class
    lost = not answer.launched and any(each.cause is Cause.UNANSWERED for each in answer.shortfalls)
    final = answer.missing > 0 and bool(answer.shortfalls) and not answer.worth_repeating
    short = answer.missing > 0 and bool(answer.shortfalls)
    changed = evolve(
        launches,
        under_way=None,
        answers=(*launches.answers, answer),
        unanswered=answer.fleet if lost else None,
        tried=launches.tried | {usage} if short else launches.tried,
        refused=launches.refused | {usage} if final else launches.refused,
    )
    return evolve(actual, launches=changed)


def read(actual: Actual, found: Machines, identifiers: Iterable[str]) -> Actual:
    """Return the pool with these machines as they were found."""
    asked = set(identifiers)
    mine = {
        each.id
        for each in found.records.values()
        if isinstance(each, InstanceRecord) and (each.state, each.run_id) == (lifecycle.CLAIMED, actual.label)
    }
    return evolve(
        actual,
        records={**_without(actual.records, asked), **found.records},
        signals={**_without(actual.signals, asked), **found.signals},
        beats={**_without(actual.beats, asked), **found.beats},
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
    if isinstance(change, (Claim, Record)) and not done:
        return evolve(actual, lost=actual.lost | {change.subject})
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
    )
