"""Applies the changes of the warm pool; decides nothing.

The item is written before EC2 is asked for a fleet, and together with the records of the machines that came of it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

from refresh.desired import INSTANCE_TYPES, MAX_PRICE_OVER_LOWEST
from refresh.dynamodb.transactions import ACTIONS_LIMIT
from refresh.pool import launch, lifecycle, names, records, warm_pool_item
from refresh.pool.launches import Launches
from refresh.pool.lifecycle import Threshold
from refresh.reconciler.warm_pool.actual import Asked
from refresh.reconciler.warm_pool.changes import Keep, Promote, Record, WriteState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.dynamodb.transactions import Actions, Sender
    from refresh.engine.change import Outcome
    from refresh.pool.launch import Fleet
    from refresh.pool.usage import UsageClass
    from refresh.reconciler.warm_pool.changes import Launch

    Written = Promote | Keep | Record | WriteState


def write(desired: DesiredState, version: str, sender: Sender, changes: Sequence[Written]) -> Iterator[Outcome]:
    """Write records and the item; `version` is the template's, for machines of which EC2 did not say it."""
    table = names.table(desired.repository)
    yield from sender.write(changes, partial(_actions, table, version, sender), ACTIONS_LIMIT)


def launched(desired: DesiredState, template_id: str, ec2: EC2Client, sender: Sender, change: Launch) -> Asked:
    """Ask EC2 for the machines of a launch, one group of subnets after the other, until there are enough.

    After a crash the same requests are made with the same client tokens, and EC2 answers them in the same way.
    """
    launches, usage = Launches(), change.usage_class
    while (missing := change.number - len(launches.launched)) > 0 and not sender.over():
        attempt = launches.next_attempt((usage,), desired.subnet_ids)
        if attempt is None:
            break
        subnets = launches.groups(desired.subnet_ids)[attempt[1]]
        fleet = _fleet(desired, template_id, change, subnets, missing, launches.requests)
        launches = launches.answered(launch.launch(ec2, fleet), desired.subnet_ids)
    return Asked(pending=change.pending, answers=launches.answers, complete=not sender.over())


def _fleet(  # noqa: PLR0913, PLR0917 - all that tells one request from another
    desired: DesiredState, template_id: str, change: Launch, subnets: tuple[str, ...], count: int, request: int
) -> Fleet:
    (size,) = (each for each in desired.resource_classes if each.name == change.resource_class)
    usage: UsageClass = change.usage_class
    pending, table = change.pending, names.table(desired.repository)
    return launch.Fleet(
        template_id=template_id,
        subnet_ids=subnets,
        cpu=size.cpu,
        memory_mib=size.memory_mib,
        instance_types=INSTANCE_TYPES,
        usage_class=usage,
        count=count,
        max_price_over_lowest=MAX_PRICE_OVER_LOWEST,
        label=pending.label,
        client_token=launch.client_token(table, pending.label, pending.token, request, usage, count),
    )


def _actions(table: str, version: str, sender: Sender, change: Written) -> Actions:
    match change:
        case Promote():
            return [{"Update": _promotion(table, change)}]
        case Keep():
            return [{"Update": _extension(table, change)}]
        case Record():
            return [{"Put": _record(table, version, change)}]
        case WriteState():
            return [{"Put": _state(table, sender, change)}]
        case _:
            assert_never(change)


def _promotion(table: str, change: Promote) -> Any:
    until = records.wire_time(change.threshold)
    written = {"state": lifecycle.IDLE, "threshold": until, "freshFor": until}
    return lifecycle.update(table, change.record, written, Threshold.AHEAD, change.at)


def _extension(table: str, change: Keep) -> Any:
    return lifecycle.extension(table, change.record, change.threshold, change.at)


def _record(table: str, version: str, change: Record) -> Any:
    return lifecycle.first_record(
        table,
        change.instance,
        "",
        change.resource_class,
        version,
        threshold=change.threshold,
        launched_at=change.launched_at,
        now=change.at,
    )


def _state(table: str, sender: Sender, change: WriteState) -> Any:
    return {
        "TableName": table,
        "Item": state_item(sender, change),
        **warm_pool_item.unchanged(change.before),
    }


def state_item(sender: Sender, change: WriteState) -> records.Item:
    """Return the item as a change writes it."""
    value = warm_pool_item.to_value(change.state)
    return records.item(records.METADATA, names.WARM_POOL_IDENTIFIER, sender.clock.now(), value=value)
