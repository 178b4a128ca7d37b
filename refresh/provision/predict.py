"""What acknowledged changes of provision have made of the pool; pure."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve

from refresh.engine.change import Done, Skipped
from refresh.pool import lifecycle, records
from refresh.pool.records import InstanceRecord
from refresh.pool.runs import PROVIDED
from refresh.pool.usage import UsageClass
from refresh.provision.changes import Claim, Conclude, Record, Renew, Start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from refresh.engine.change import Outcome
    from refresh.pool.launch import FleetAnswer
    from refresh.provision.actual import Actual, Attempt
    from refresh.provision.look import Machines

T = TypeVar("T")
_NONE: frozenset[Attempt] = frozenset()


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
    launches = evolve(actual.launches, under_way=None, unanswered=None)
    if _in_one_zone(answer) and not launches.one_by_one:
        answers = (*launches.answers, answer) if answer.launched else launches.answers
        separately = evolve(launches, one_by_one=True, requests=launches.requests + 1, tried=_NONE, refused=_NONE)
        return evolve(actual, launches=evolve(separately, answers=answers))
    tried, refused = _NONE, _NONE
    if answer.missing and answer.shortfalls:
        usage, every = answer.fleet.usage_class, range(len(actual.subnets))
        # The pool's subnets may have changed since the request.
        tried = frozenset((usage, group) for group in every if actual.subnets[group] == answer.fleet.subnet_ids)
        if any(each.cause.of_account for each in answer.telling):
            refused = frozenset((usage, group) for group in every)
        elif not answer.worth_repeating:
            refused = tried
    if answer.lost:
        # EC2 may have launched: the same is asked for in the next round, and nothing else in this one.
        tried = frozenset(itertools.product(UsageClass, range(len(actual.subnets))))
    launches = evolve(
        launches,
        answers=(*launches.answers, answer),
        unanswered=answer.fleet if answer.lost else None,
        requests=launches.requests if answer.lost else launches.requests + 1,
        tried=launches.tried | tried,
        refused=launches.refused | refused,
    )
    return evolve(actual, launches=launches)


def _in_one_zone(answer: FleetAnswer) -> bool:
    several = len(answer.fleet.subnet_ids) > 1
    return several and any(each.same_zone for each in answer.shortfalls)


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
