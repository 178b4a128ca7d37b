"""Which machines wait for a run: which are kept, and how many are launched; pure.

The minimum moves thresholds, and launches what is missing. It ends no machine: those that it does not keep expire.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from refresh.engine.change import Plan, Unchecked
from refresh.pool import launch, lifecycle, names
from refresh.pool.warm_pool_item import Pending, Unready
from refresh.reconciler.warm_pool import breaker, census, findings
from refresh.reconciler.warm_pool.changes import Keep, Launch, Promote, Record, WriteState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.pool.records import InstanceRecord
    from refresh.pool.warm_pool_item import WarmState
    from refresh.reconciler.warm_pool.actual import Actual
    from refresh.reconciler.warm_pool.breaker import Breaker
    from refresh.reconciler.warm_pool.census import Census
    from refresh.reconciler.warm_pool.changes import WarmChange

ANOTHER_RUN_FOR = timedelta(minutes=2)
"""For how long another run may still be at a launch that it has begun; an older one was killed."""
PENDING_FOR = timedelta(minutes=50)
"""For how long a launch is repeated: an agent without a record ends its machine after an hour."""
MOST_AT_ONCE = 98
"""How many machines of a class a run launches at most: their records and the item fit into one transaction."""
_SWITCHED_OFF = Unchecked("min-idle is not set", due=False)


@frozen(kw_only=True)
class _Wanted:
    """What is due for a class."""

    keep: tuple[InstanceRecord, ...]
    launch: int
    """How many machines are missing, or have to replace outdated ones, within the cap."""
    capped: int
    """How many more are wanted than the cap allows."""


def undecided(desired: DesiredState, actual: Actual, now: datetime) -> bool:
    """Whether a decision needs what agents report; false while enough machines wait, with enough time."""
    return not findings.skewed(actual) and any(_undecided(desired, actual, name, now) for name, _ in desired.min_idle)


def questions(desired: DesiredState, actual: Actual, now: datetime) -> list[str]:
    """List the machines whose reports are to be read.

    These are all that may wait for a run, since any may have to be kept, and those that were launched.
    """
    waiting = (each.id for name, _ in desired.min_idle for each in census.waiting(desired, actual, name, now))
    labels = {each.label for each in actual.state.pending.values()}
    unrecorded = (
        each.id
        for each in actual.collected.instances.values()
        if each.id not in actual.records and each.tags.initial_run in labels
    )
    return list(dict.fromkeys((*waiting, *actual.state.unready, *unrecorded)))


def _undecided(desired: DesiredState, actual: Actual, name: str, now: datetime) -> bool:
    number = dict(desired.min_idle)[name]
    found = census.of_class(desired, actual, name, now)
    booting = any(each.state == lifecycle.CREATED for each in census.waiting(desired, actual, name, now))
    return booting or len(found.current) < number or any(_runs_out(each, now) for each in found.current[:number])


def plan(desired: DesiredState, actual: Actual, now: datetime) -> Plan[WarmChange]:
    """Plan what is due; `now` is AWS's time."""
    if not desired.min_idle:
        return Plan(unchecked=_SWITCHED_OFF)
    if findings.skewed(actual):
        return Plan(refusals=(findings.skew_message(actual),))
    known = breaker.judged(actual, now)
    known = evolve(known, state=_without_old(desired, known.state, now))
    counted = evolve(actual, state=known.state)
    doubts = tuple(findings.doubts(actual))
    wanted = _wanted_by_class(desired, counted, now, launching=not doubts and not known.open)
    begun = () if doubts else tuple(_begun(desired, counted, known, wanted, now))
    kept = (_kept(each, now) for every in wanted.values() for each in every.keep)
    changes = (
        *(each for each in kept if each is not None and each.record.id not in actual.lost),
        *_recorded(actual, now),
        *_state_written(actual, known.state, begun),
        *begun,
        *(() if doubts else _resumed(counted, now)),
    )
    missing = sum(each.launch for each in wanted.values())
    left = missing - sum(each.number for each in begun)
    return Plan(
        changes,
        warnings=(*findings.shortages(actual), *(findings.doubted(doubts) if missing else ())),
        refusals=(*findings.faults(actual), *((findings.broken(actual, known),) if known.open and missing else ())),
        notes=(
            *(findings.capped(desired, name, each.capped) for name, each in wanted.items() if each.capped),
            *((findings.unproven(known, left),) if left and begun else ()),
        ),
    )


def _wanted_by_class(desired: DesiredState, actual: Actual, now: datetime, *, launching: bool) -> dict[str, _Wanted]:
    found = {name: census.of_class(desired, actual, name, now) for name, _ in desired.min_idle}
    # Only one class at a time replaces its outdated machines.
    rolling = next((name for name, number in desired.min_idle if _is_rolling(found[name], number)), "")
    return {
        name: _wanted(desired, found[name], name, number, rolling=launching and name == rolling)
        for name, number in desired.min_idle
    }


def _is_rolling(found: Census, number: int) -> bool:
    return len(found.current) < number and bool(found.outdated)


def _wanted(desired: DesiredState, found: Census, name: str, number: int, *, rolling: bool) -> _Wanted:
    cap = dict(desired.max_instances).get(name)
    missing = max(0, number - len(found.current) - found.coming - len(found.outdated))
    replaced = max(0, number - len(found.current) - found.coming) - missing if rolling else 0
    due = missing + replaced
    room = due if cap is None else max(0, cap - found.living)
    stand_ins = max(0, number - len(found.current))
    if replaced and not room and not found.coming:
        # One expires, and makes room for the one that replaces it.
        stand_ins = max(0, min(stand_ins, len(found.outdated)) - 1)
    return _Wanted(
        keep=(*found.current[:number], *found.outdated[:stand_ins]),
        launch=min(due, room, MOST_AT_ONCE),
        capped=max(0, missing - room),
    )


def _kept(record: InstanceRecord, now: datetime) -> Promote | Keep | None:
    threshold = now + lifecycle.WAITS_FOR
    if record.state == lifecycle.CREATED:
        return Promote(record, threshold, now)
    return Keep(record, threshold, now) if _runs_out(record, now) else None


def _runs_out(record: InstanceRecord, now: datetime) -> bool:
    return record.expires is not None and record.expires - now < lifecycle.EXTENDED_BELOW


def _begun(
    desired: DesiredState, actual: Actual, known: Breaker, wanted: dict[str, _Wanted], now: datetime
) -> Iterator[Launch]:
    """Yield the launches of this run: at most one of each class."""
    allowance, launches, prices = known.allowance, known.state.launches, dict(desired.prices)
    for name, each in wanted.items():
        number = min(each.launch, allowance)
        if number <= 0 or name in actual.asked or name in known.state.pending:
            continue
        allowance, launches = allowance - number, launches + 1
        usage = desired.min_idle_usage_class
        label = names.warm_label(desired.run_url.rpartition("/")[2], name)
        at = now.replace(microsecond=0)
        token = launch.client_token(names.table(desired.repository), label, f"{at}", launches, usage, number)
        pending = Pending(token=token, label=label, count=number, usage_class=usage, at=at)
        yield Launch(name, number, usage, pending, prices.get(name))


def _resumed(actual: Actual, now: datetime) -> Iterator[Launch]:
    """Yield the launches of a run that was killed; EC2 answers with the machines that it has launched for the token."""
    for name, each in actual.state.pending.items():
        if name not in actual.asked and now - each.at > ANOTHER_RUN_FOR:
            yield Launch(name, each.count, each.usage_class, each, again=True)


def _recorded(actual: Actual, now: datetime) -> Iterator[Record]:
    """Record what EC2 has launched, but for machines that another process has recorded."""
    threshold = now + lifecycle.WARM_CREATED_FOR
    for name, asked in actual.asked.items():
        for each in asked.launched:
            if each.id not in actual.records and each.id not in actual.lost:
                yield Record(name, each, asked.pending.at, threshold, now)


def _without_old(desired: DesiredState, state: WarmState, now: datetime) -> WarmState:
    """Forget launches that are not repeated any more."""
    known = {each.name for each in desired.resource_classes}
    old = [
        name
        for name, each in state.pending.items()
        if name not in known
        or now - each.at > PENDING_FOR
        or (now - each.at > ANOTHER_RUN_FOR and not _may_be_repeated(desired, name, each))
    ]
    return state.without(*old)


def _may_be_repeated(desired: DesiredState, name: str, pending: Pending) -> bool:
    """Whether a launch is one of a run that has died, and no larger than the minimum.

    The minimum may be lower by now, and a job on a runner may have written the item.
    """
    return pending.count <= dict(desired.min_idle).get(name, 0) and names.warm_class(pending.label, (name,)) == name


def _state_written(actual: Actual, tidied: WarmState, begun: Iterable[Launch]) -> Iterator[WriteState]:
    """Yield the write of the item, if it says something else than the stored one: before a launch, and after it."""
    state = _with_answers(actual, tidied)
    if launches := {each.resource_class: each.pending for each in begun}:
        state = evolve(state, launches=state.launches + len(launches), pending={**state.pending, **launches})
        yield WriteState(actual.stored, state, "before a launch")
    elif state != actual.state.of(state.version):
        yield WriteState(actual.stored, state, "what has become of launches")


def _with_answers(actual: Actual, state: WarmState) -> WarmState:
    """Move launches that EC2 has answered from the pending ones to their machines."""
    for name, asked in actual.asked.items():
        pending = state.pending.get(name)
        if pending is None or pending.token != asked.pending.token:
            continue
        launched = {
            each.id: Unready(resource_class=name, at=pending.at)
            for each in asked.launched
            if not census.is_marked(actual, each.id)
        }
        state = evolve(state, unready={**state.unready, **launched})
        state = state if asked.lost else state.without(name)
    return state
