"""DynamoDB: what happened in a pool, from RUN items, HISTORY items and the records of today's machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.dynamodb import items
from refresh.pool import history, records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.pool.history import Period

_RUN_ATTRIBUTES = ("SK", "updatedAt", "value")


def read(
    dynamodb: DynamoDBClient, table: str, since: datetime, now: datetime, launched: Mapping[str, datetime] | None = None
) -> Period:
    """Read the time from `since` to `now`: at least three calls, and one more for each further megabyte of an entity.

    `launched` are EC2's times of launch, by instance id, for records that do not say it. Items are kept for 30 days.
    Items that cannot be read are left out. Without a table the period is empty.
    """
    # Records first: a machine that is cleaned up in between is then in both, and in neither the other way round.
    living = items.of_entity(dynamodb, table, records.INSTANCE, records.INSTANCE_ATTRIBUTES)
    found = {
        each.id: history.machine_from_record(each, (launched or {}).get(each.id), now)
        for each in map(records.read_instance, living)
        if isinstance(each, records.InstanceRecord)
    }
    ended = items.of_entity(dynamodb, table, records.HISTORY, records.HISTORY_ATTRIBUTES, ("endedAt", since))
    found |= {each.id: each for each in map(history.machine_from_history, ended) if each}
    asked = items.of_entity(dynamodb, table, records.RUN, _RUN_ATTRIBUTES, ("updatedAt", since))
    builds = [each for each in map(history.build_from_item, asked) if each]
    return history.Period(
        since=since,
        until=now,
        builds=tuple(sorted(builds, key=lambda each: (each.asked_at, each.label))),
        machines=tuple(each for _, each in sorted(found.items())),
    )
