"""Applies the changes of provision; decides nothing.

Claims are sent one by one, all at once: other runs want the same machines, and a transaction fails as a whole. Only one
run writes the other records, so they are sent together, with the run's result.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from refresh import errors
from refresh.dynamodb.transactions import ACTIONS_LIMIT
from refresh.engine.component import attempt
from refresh.pool import ec2_instances as ec2
from refresh.pool import lifecycle, ownership, records, runs
from refresh.pool.launch import FleetAnswer, LaunchedInstance, launch
from refresh.pool.lifecycle import Threshold
from refresh.pool.ownership import INITIAL_RUN_TAG, TemplateIds
from refresh.provision.changes import Claim, Conclude, Record, Renew, Start

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from refresh.dynamodb.transactions import Actions, Sender
    from refresh.engine.change import Outcome
    from refresh.pool.launch import Fleet
    from refresh.ports import DoorClients


def claim(table: str, sender: Sender, claims: Sequence[Claim]) -> Iterator[Outcome]:
    """Claim machines; one that another run has taken is skipped."""
    under_way = [sender.executor.submit(_claim, table, sender, each) for each in claims]
    for each in under_way:
        yield each.result()


def _claim(table: str, sender: Sender, change: Claim) -> Outcome:
    return attempt(change, sender.dynamodb.update_item, **_update(table, change))


def write(
    table: str, version: str, sender: Sender, changes: Sequence[Start | Renew | Record | Conclude]
) -> Iterator[Outcome]:
    """Write records and the run's result; `version` is the template's, for machines of which EC2 did not say it."""
    yield from sender.write(changes, partial(_actions, table, version), ACTIONS_LIMIT)


def launched(clients: DoorClients, fleet: Fleet, recorded: Collection[str] | None, before: datetime) -> FleetAnswer:
    """Launch a fleet, unless an earlier provision of the label has launched machines that it did not record.

    `recorded` are the ids of all records, None if nothing is to be looked for; a machine launched after `before` may be
    that of another program, which is about to record it.
    """
    found = [] if recorded is None else list(_unrecorded(clients, fleet, recorded, before))
    return FleetAnswer(fleet=fleet, launched=tuple(found)) if found else launch(clients.ec2, fleet)


def _unrecorded(
    clients: DoorClients, fleet: Fleet, recorded: Collection[str], before: datetime
) -> Iterator[LaunchedInstance]:
    template_ids = TemplateIds(fleet.template_id)
    try:
        described = ec2.described(clients.ec2, {"Name": f"tag:{INITIAL_RUN_TAG}", "Values": [fleet.label]})
    except errors.CredentialsExpired:
        raise
    except errors.ApiError:
        return  # EC2 answers the launch, or says why not
    for each in described.values():
        earlier = each.launched_at is not None and each.launched_at < before
        ours = ownership.proven(each, template_ids) and not each.protected
        if each.id not in recorded and each.state.alive and earlier and ours:
            yield LaunchedInstance(
                id=each.id,
                instance_type=each.instance_type,
                usage_class=each.usage_class,
                template_version="",
                launched_at=each.launched_at,
            )


def _actions(table: str, version: str, change: Start | Renew | Record | Conclude) -> Actions:
    match change:
        case Start() | Renew():
            return [{"Update": _update(table, change)}]
        case Record():
            return [{"Put": _put(table, version, change)}]
        case Conclude():
            return [{"Put": _conclusion(table, change)}]
        case _:
            assert_never(change)


def _conclusion(table: str, change: Conclude) -> Any:
    return runs.conclusion(table, change.request, change.result, change.at, change.answer)


def _update(table: str, change: Claim | Start | Renew) -> Any:
    written: dict[str, str | int] = {
        "state": change.state,
        "runId": change.label,
        "threshold": records.wire_time(change.threshold),
    }
    if not isinstance(change, Claim):
        # Until now the label had the machine too: it booted or registered for it.
        written["busySeconds"] = lifecycle.busy_seconds(change.record, change.at)
    return lifecycle.update(table, change.record, written, Threshold.AHEAD, change.at)


def _put(table: str, version: str, change: Record) -> Any:
    return lifecycle.first_record(
        table,
        change.instance,
        change.label,
        change.resource_class,
        version,
        threshold=change.threshold,
        launched_at=change.launched_at,
        now=change.at,
    )
