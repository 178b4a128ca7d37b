"""Which machines are held by runs that are over: rules over the records and GitHub's answers; pure.

A machine is marked only if two looks agree. Anything unclear ends nothing: the machine's own time does that.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from refresh.engine.change import Plan, Unchecked
from refresh.pool import lifecycle, ownership, records
from refresh.reconciler.garbage_collector import policy as collector
from refresh.reconciler.garbage_collector.changes import Mark, Reason
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from refresh.ports import WorkflowRun
    from refresh.reconciler.abandoned_runs.actual import Actual
    from refresh.reconciler.garbage_collector.actual import Actual as Collected

RUNS_ASKED = 50
"""About how many runs GitHub is asked at most: first those whose machines' records have not changed for longest."""
HELD_FOR = timedelta(minutes=3)
"""For how long a record must not have been written, before its run is asked about."""
COMPLETED_FOR = timedelta(minutes=2)
"""For how long a run must have been completed: its `release` may still be at work elsewhere."""
WRITTEN_AFTER = timedelta(minutes=1)
"""How long after its run's completion a record may have been written: processes end later, and clocks differ.

A record that was written later may be held by something else than that run, such as a later attempt.
"""
LATEST_SEEN_AFTER = timedelta(minutes=30)
"""How long after that write GitHub shows any later attempt; if it shows none, a process of the ended run wrote."""
_HELD = frozenset((lifecycle.RUNNING, lifecycle.CLAIMED, lifecycle.CREATED))
_LABEL = re.compile(r"([1-9][0-9]{0,19})(?:-[A-Za-z0-9_.]{1,40})?")


def run_of(label: str | None) -> str:
    """Return the id of the run that a label belongs to, `77` of `77` and of `77-gpu`; "" for any other label."""
    found = _LABEL.fullmatch(label or "")
    return found[1] if found else ""


def held(collected: Collected, now: datetime) -> tuple[records.InstanceRecord, ...]:
    """List the machines whose runs may be over; first those whose records have not changed for longest.

    Nothing is listed while the clock is wrong, and no record that comes from a backup.
    """
    if abs(collected.skew) > lifecycle.LARGEST_SKEW:
        return ()
    found = (
        record
        for record in collected.records
        if isinstance(record, records.InstanceRecord) and _may_end(collected, record) and _is_held(record, now)
    )
    return tuple(sorted(found, key=lambda record: (record.updated_at, record.id)))


def runs_to_ask(machines: Iterable[records.InstanceRecord]) -> tuple[str, ...]:
    """List the runs of these machines, each once, in the machines' order."""
    return tuple(dict.fromkeys(run_of(record.run_id) for record in machines))


def is_over(run: WorkflowRun | None, now: datetime) -> bool:
    """Whether a run was completed long enough ago."""
    return run is not None and run.completed_at is not None and now - run.completed_at > COMPLETED_FOR


def plan(actual: Actual, now: datetime) -> Plan[Mark]:
    """Mark the machines of runs that both looks show as over in the same attempt, unless their runner is busy."""
    marks = tuple(_marks(actual, now))
    return Plan(marks, unchecked=actual.unchecked or _unchecked(actual), notes=tuple(_notes(actual)))


def _marks(actual: Actual, now: datetime) -> Iterator[Mark]:
    if actual.busy is None:
        return
    for record in actual.held:
        run_id = run_of(record.run_id)
        first, second = actual.runs.get(run_id), actual.again.get(run_id)
        if not (first and second and first.attempt == second.attempt and is_over(first, now) and is_over(second, now)):
            continue
        if record.id not in actual.busy and _is_held(record, now) and _written_for(record, second, now):
            yield Mark(record, Reason.ABANDONED, now, completed_at=second.completed_at)


def _may_end(collected: Collected, record: records.InstanceRecord) -> bool:
    """Whether EC2 proves that the machine is the pool's, and nothing protects it."""
    instance = collected.instances.get(record.id)
    return (
        instance is not None
        and instance.state.alive
        and ownership.proven(instance, collected.template_ids)
        and not instance.protected
        and not (collected.restore and collected.restore.covers(record))
    )


def _is_held(record: records.InstanceRecord, now: datetime) -> bool:
    """Whether a run has had the machine for a while. The collector handles machines whose time is over."""
    written = records.read_time(record.updated_at)
    return (
        record.state in _HELD
        and bool(run_of(record.run_id))
        and written is not None
        and now - written > HELD_FOR
        and not collector.expired(record, now)
    )


def _written_for(record: records.InstanceRecord, run: WorkflowRun, now: datetime) -> bool:
    """Whether the run wrote the record last, and no provision of a later attempt.

    A run that is cancelled by force does not stop a provision, nor a refresh that rescues its jobs: these may write
    minutes later.
    """
    written, ended = records.read_time(record.updated_at), run.completed_at
    return (
        written is not None
        and ended is not None
        and (written - ended <= WRITTEN_AFTER or now - written > LATEST_SEEN_AFTER)
    )


def _notes(actual: Actual) -> Iterator[str]:
    if actual.silence:
        yield (
            f"GitHub did not say which runs are over, so their machines stay until their time is over: {actual.silence}"
        )
    if actual.absent:
        first = next(iter(actual.absent.values()))
        yield f"run {enumerated(actual.absent)}: unclear whether it is over, so its machines stay: {first}"
    if actual.unasked:
        yield f"{actual.unasked} more runs with machines were not asked about; the oldest {RUNS_ASKED} come first."


def _unchecked(actual: Actual) -> Unchecked | None:
    if not actual.silence:
        return None
    return Unchecked("GitHub did not say which runs are over (see the note)", wholly=not actual.runs)
