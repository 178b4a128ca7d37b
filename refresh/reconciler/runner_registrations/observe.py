"""GitHub and DynamoDB: registrations, and the history of their instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.dynamodb import items
from refresh.pool import records
from refresh.reconciler.runner_registrations.actual import Actual

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from refresh.ports import Clock, Registry


def observe(  # noqa: PLR0913, PLR0917 - two clients, the clock, and what was known before
    github: Registry, dynamodb: DynamoDBClient, clock: Clock, table: str, ended: frozenset[str], removed: int
) -> Actual:
    """List the runners, and look up in the history those that may be due and are not in `ended`."""
    candidates = tuple(each for each in github.runners() if each.instance_id and each.offline and not each.busy)
    unproven = sorted({each.instance_id for each in candidates if each.instance_id} - ended)
    history = items.by_identifier(dynamodb, clock, table, records.HISTORY, unproven)
    return Actual(candidates, ended.union(history), removed=removed)
