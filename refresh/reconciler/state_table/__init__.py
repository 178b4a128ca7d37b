"""DynamoDB: the state table that provision, release and the instances share.

Every other component waits for it before it writes: only this one knows that the table exists, has the shape of
docs/table.md and belongs to this repository (`a-b/c` and `a/b-c` share a table name).
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.CoreComponents.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from attrs import frozen

from refresh.engine import tagging
from refresh.engine.component import attempt
from refresh.engine.registration import Item, Registration
from refresh.engine.tagging import TagResource
from refresh.pool import names
from refresh.pool.permissions import STATE_TABLE, Needs
from refresh.reconciler.state_table import apply, observe, policy, predict
from refresh.reconciler.state_table.changes import AwaitTable, ClaimTable, CreateTable, EnableTimeToLive

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TableDescriptionTypeDef

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome, Plan
    from refresh.engine.shared_read import SharedRead
    from refresh.ports import Clock
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.state_table.actual import Actual
    from refresh.reconciler.state_table.changes import TableChange


@frozen
class StateTable:
    """Keeps the table as desired."""

    name: ClassVar[str] = "state table"
    desired: DesiredState
    dynamodb: DynamoDBClient
    metadata: MetadataItems
    description: SharedRead[TableDescriptionTypeDef | None]
    """DynamoDB's description of the table; None if there is no table."""
    clock: Clock

    def observe(self) -> Actual:
        """See `observe.observe`."""
        return observe.observe(self.desired, self.dynamodb, self.metadata, self.description())

    def plan(self, actual: Actual, now: datetime) -> Plan[TableChange]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`."""
        return policy.plan(self.desired, actual)

    def apply(self, changes: Sequence[TableChange]) -> Iterator[Outcome]:
        """Make the changes in order."""
        for change in changes:
            match change:
                case CreateTable():
                    yield attempt(change, apply.create, change, self.dynamodb, self.description, self.clock)
                case AwaitTable(table=table):
                    yield attempt(change, apply.wait_for, table, self.description, self.clock, "ACTIVE", None)
                case EnableTimeToLive():
                    yield attempt(change, apply.enable_time_to_live, change, self.dynamodb)
                case ClaimTable():
                    yield attempt(change, apply.claim, change, self.metadata)
                case TagResource(address=arn, tags=tags):
                    yield attempt(change, self.dynamodb.tag_resource, ResourceArn=arn, Tags=tagging.written(tags))
                case _:
                    assert_never(change)

    def predict(self, actual: Actual, changes: Sequence[TableChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `predict.predict`."""
        return predict.predict(self.desired, actual, changes)


COMPONENT: Registration[Dependencies] = Registration(
    name=StateTable.name,
    kept_in="DynamoDB `OWNER-REPO-ci-table`",
    keeps="[its keys](table.md#keys), on-demand, time-to-live on `expiresAt`, deletion protection if refresh "
    "created it; a table with other keys or of another repository is refused",
    changes="creates it, claims it, enables time to live",
    calls={
        "dynamodb:DescribeTable": Needs("always: whether the table exists and has the right keys", STATE_TABLE),
        "dynamodb:DescribeTimeToLive": Needs("always", STATE_TABLE),
        "dynamodb:CreateTable": Needs(
            "first run; the second action with `tags`",
            STATE_TABLE,
            also={"dynamodb:TagResource": STATE_TABLE},
            writes=True,
        ),
        "dynamodb:UpdateTimeToLive": Needs("first run", STATE_TABLE, writes=True),
        "dynamodb:ListTagsOfResource": Needs("", STATE_TABLE, only_with="tags"),
        "dynamodb:TagResource": Needs("a tag of the table differs", STATE_TABLE, only_with="tags", writes=True),
    },
    items=(
        Item(
            names.POOL_IDENTIFIER,
            "S",
            "the table's owner, `owner/name`, and in an attribute `server` (S) next to `value` the GitHub server: "
            "`github.com`, `tenant.ghe.com` or the name of a GitHub Enterprise Server; written once, if absent. An "
            "item of an earlier version, without `server`, is completed once; earlier versions accept it then",
            "refresh alone: the table of another repository or server is never changed",
        ),
    ),
    build=lambda given: StateTable(
        given.desired, given.clients.dynamodb, given.prefetch.metadata, given.prefetch.table, given.clock
    ),
)
