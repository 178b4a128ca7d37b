"""Applies the changes of the collector: marks, terminations, cleanings, in batches; decides nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, assert_never, cast

from refresh.ec2.terminations import terminate
from refresh.pool import lifecycle, records
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Reason, Terminate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from types_boto3_dynamodb.type_defs import DeleteTypeDef, PutTypeDef, UpdateTypeDef
    from types_boto3_ec2 import EC2Client

    from refresh.dynamodb.transactions import Actions, Sender
    from refresh.engine.change import Outcome
    from refresh.reconciler.garbage_collector.changes import CollectorChange

MARKS_PER_TRANSACTION = 100
CLEANINGS_PER_TRANSACTION = 25
LONG_WORK = 50
"""More changes of one kind than this report their progress."""


def apply(  # noqa: PLR0913, PLR0917 - two clients, two names, the changes and a hook
    ec2: EC2Client,
    sender: Sender,
    table: str,
    run_url: str,
    changes: Sequence[CollectorChange],
    progress: Callable[[str, int, int], None],
) -> Iterator[Outcome]:
    """Send marks and adoptions, then terminations, then cleanings, each in batches."""
    marks: list[Mark | Adopt] = []
    terminations: list[Terminate] = []
    cleanings: list[Clean] = []
    for change in changes:
        match change:
            case Mark() | Adopt():
                marks.append(change)
            case Terminate():
                terminations.append(change)
            case Clean():
                cleanings.append(change)
            case _:
                assert_never(change)
    now = sender.clock.now()
    marking = sender.write(marks, partial(begin, table, run_url), MARKS_PER_TRANSACTION)
    terminating = terminate(ec2, terminations, sender.clock, sender.over)
    cleaning = sender.write(cleanings, partial(clean, table, now), CLEANINGS_PER_TRANSACTION)
    yield from _reported("marked", marks, marking, progress)
    yield from _reported("terminated", terminations, terminating, progress)
    yield from _reported("cleaned", cleanings, cleaning, progress)


def _reported(
    done: str,
    changes: Sequence[CollectorChange],
    outcomes: Iterable[Outcome],
    progress: Callable[[str, int, int], None],
) -> Iterator[Outcome]:
    """Pass outcomes on, and report the progress of long work every hundred."""
    total = len(changes)
    for number, outcome in enumerate(outcomes, 1):
        yield outcome
        if total > LONG_WORK and (number % 100 == 0 or number == total):
            progress(done, number, total)


def begin(table: str, run_url: str, change: Mark | Adopt) -> Actions:
    """Return the actions of phase one: mark the record, or put a marked one where there is none."""
    return mark(table, run_url, change) if isinstance(change, Mark) else adopt(table, run_url, change)


def mark(table: str, run_url: str, change: Mark) -> Actions:
    """Return the mark, on condition that state, run and threshold are as judged, and that an expired one has passed.

    That of an abandoned machine also requires that nothing has written the record: a later attempt of the run may have
    renewed it.

    `threshold = now` and an empty `runId` are also signals to the instance: its runner deregisters and its agent ends
    it, even if this run dies before it reaches EC2.
    """
    record = change.record
    written = {
        "state": lifecycle.TERMINATED,
        "runId": "",
        "threshold": records.wire_time(change.judged_at),
        "endedState": record.state,
        "endedRunId": record.run_id or "",
        "endedThreshold": record.threshold or "",
        "endedReason": change.reason.value,
        "endedBy": run_url,
    }
    threshold = lifecycle.Threshold.PAST if change.reason is Reason.EXPIRED else lifecycle.Threshold.ANY
    update = lifecycle.update(
        table, record, written, threshold, change.judged_at, untouched=change.reason is Reason.ABANDONED
    )
    return [{"Update": cast("UpdateTypeDef", update)}]


def adopt(table: str, run_url: str, change: Adopt) -> Actions:
    """Return the adoption: a marked record, on condition that there still is none."""
    written = {
        "state": lifecycle.TERMINATED,
        "runId": "",
        "threshold": records.wire_time(change.judged_at),
        "endedState": "",
        "endedRunId": change.run_id,
        "endedThreshold": "",
        "endedReason": Reason.UNRECORDED.value,
        "endedBy": run_url,
    }
    return [{"Put": cast("PutTypeDef", lifecycle.put(table, change.id, written, change.judged_at))}]


def clean(table: str, now: datetime, change: Clean) -> Actions:
    """Return the cleaning: delete record and artifacts and put a history item, if the record still is terminated."""
    identifier = change.record.id
    return [
        {"Delete": cast("DeleteTypeDef", lifecycle.delete(table, identifier))},
        {"Delete": {"TableName": table, "Key": records.key(records.HEARTBEAT, identifier)}},
        {"Delete": {"TableName": table, "Key": records.key(records.SIGNAL, identifier)}},
        {"Put": {"TableName": table, "Item": records.history_item(change.record, now)}},
    ]
