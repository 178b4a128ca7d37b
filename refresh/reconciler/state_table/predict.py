"""What the changes to the state table lead to; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from attrs import evolve

from refresh.engine import tagging
from refresh.engine.tagging import TagResource
from refresh.pool import records
from refresh.reconciler.state_table.actual import Actual, TimeToLive
from refresh.reconciler.state_table.changes import AwaitTable, ClaimTable, CreateTable, EnableTimeToLive, TableChange
from refresh.reconciler.state_table.policy import KEY_SCHEMA, our_claim

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.desired import DesiredState


def predict(desired: DesiredState, actual: Actual, changes: Sequence[TableChange]) -> Actual:
    """Return how DynamoDB describes the table after these changes."""
    for change in changes:
        match change:
            case CreateTable(tags=tags):
                actual = Actual(status="ACTIVE", keys=KEY_SCHEMA, deletion_protection=True, tags=tagging.Found(tags))
            case TagResource(tags=tags):
                actual = evolve(actual, tags=actual.tags.after(tags))
            case AwaitTable(status=status):
                actual = Actual() if status == "DELETING" else evolve(actual, status="ACTIVE")
            case EnableTimeToLive():
                actual = evolve(actual, time_to_live=TimeToLive("ENABLING", records.TIME_TO_LIVE_ATTRIBUTE))
            case ClaimTable():
                actual = evolve(actual, claim=our_claim(desired))
            case _:
                assert_never(change)
    return actual
