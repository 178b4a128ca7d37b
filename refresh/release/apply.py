"""Applies the changes of release: records, then messages, then terminations; decides nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from refresh.dynamodb.transactions import ACTIONS_LIMIT
from refresh.ec2.terminations import terminate
from refresh.engine.change import Done, Postponed
from refresh.pool import lifecycle, names, records
from refresh.pool.lifecycle import Threshold
from refresh.release import messages
from refresh.release.changes import GiveBack, Offer, Retire, Terminate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refresh.desired import DesiredRelease
    from refresh.dynamodb.transactions import Actions, Sender
    from refresh.engine.change import Change, Outcome
    from refresh.pool.settings import Settings
    from refresh.ports import DoorClients
    from refresh.release.changes import ReleaseChange


def apply(
    desired: DesiredRelease,
    clients: DoorClients,
    sender: Sender,
    settings: Settings,
    changes: Sequence[ReleaseChange],
) -> Iterator[Outcome]:
    """Write the records, send the messages, and terminate; yield an outcome for each change.

    Terminations come last: EC2 may throttle them for minutes.
    """
    written: list[GiveBack | Retire] = []
    terminations: list[Terminate] = []
    offers: list[Offer] = []
    for change in changes:
        match change:
            case GiveBack() | Retire():
                written.append(change)
            case Terminate():
                terminations.append(change)
            case Offer():
                offers.append(change)
            case _:
                assert_never(change)
    table = names.table(desired.repository)
    yield from sender.write(written, partial(_write, table), ACTIONS_LIMIT)
    yield from _offer(table, clients, sender, settings, offers)
    yield from terminate(clients.ec2, terminations, sender.clock, sender.over)


def _offer(
    table: str, clients: DoorClients, sender: Sender, settings: Settings, offers: Sequence[Offer]
) -> Iterator[Outcome]:
    """Send the messages, then note them in the records: after a crash in between they are sent again."""
    if sender.over():
        yield from map(Postponed, offers)
        return
    sent: list[Change] = []
    for outcome in messages.send(clients.sqs, sender.executor, settings, offers):
        if isinstance(outcome, Done):
            sent.append(outcome.change)
        else:
            yield outcome
    yield from sender.write(sent, partial(_note, table), ACTIONS_LIMIT)


def _write(table: str, change: GiveBack | Retire) -> Actions:
    if isinstance(change, GiveBack):
        state, threshold, required = lifecycle.IDLE, change.threshold, Threshold.AHEAD
    else:
        state, threshold = lifecycle.retired(change.record.state), change.at - lifecycle.EXPIRED_SINCE
        required = Threshold.ANY
    written: dict[str, str | int] = {
        "state": state,
        "runId": "",
        "threshold": records.wire_time(threshold),
        "lastRunId": change.label,
        "releasedAt": records.wire_time(change.at),
        "busySeconds": lifecycle.busy_seconds(change.record, change.at),
    }
    if change.lost_job:
        written["cutOff"] = change.label
    return _conditional(lifecycle.update(table, change.record, written, required, change.at))


def _note(table: str, change: Change) -> Actions:
    assert isinstance(change, Offer)  # noqa: S101 - only offers are noted
    record = change.record
    written = {"offeredFor": record.threshold or ""}
    return _conditional(lifecycle.update(table, record, written, Threshold.ANY, change.at))


def _conditional(update: Any) -> Actions:
    return [{"Update": update}]
