"""DynamoDB: what the pool did in the last 24 hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.dynamodb import history
from refresh.engine.change import Unchecked
from refresh.pool import names
from refresh.pool.history_summary import summarize
from refresh.reconciler.daily_summary.policy import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.desired import DesiredState
    from refresh.pool.history_summary import Summary
    from refresh.ports import Clock
    from refresh.reconciler.garbage_collector.actual import Actual as Collected


def read(
    desired: DesiredState, dynamodb: DynamoDBClient, collected: Callable[[], Collected | Unchecked], clock: Clock
) -> Summary:
    """Wait for the collector, which changes what is read, then read; at least three calls."""
    found = collected()
    instances = {} if isinstance(found, Unchecked) else found.instances
    launched = {each.id: each.launched_at for each in instances.values() if each.launched_at}
    now = clock.now()
    period = history.read(dynamodb, names.table(desired.repository), now - SHOWN, now, launched)
    return summarize(period, dict(desired.prices))
