"""DynamoDB: the state table that provision, release and the instances share.

Nothing else is written before this component has converged: it alone knows that the table is there, has the
shape of docs/table.md and belongs to this repository (`a-b/c` and `a/b-c` share a table name).
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.CoreComponents.html
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, assert_never

from attrs import frozen

from refresh import errors
from refresh.engine import tagging
from refresh.engine.change import Plan
from refresh.engine.component import attempt
from refresh.engine.tagging import TagResource
from refresh.pool import names, records
from refresh.reconciler.state_table import policy
from refresh.reconciler.state_table.changes import AwaitTable, ClaimTable, CreateTable, EnableTimeToLive, TableChange
from refresh.reconciler.state_table.policy import KEY_SCHEMA, Actual

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import (
        CreateTableInputTypeDef,
        ListTagsOfResourceInputTypeDef,
        TableDescriptionTypeDef,
        TagTypeDef,
    )

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome
    from refresh.engine.shared_read import SharedRead
    from refresh.ports import Clock

ACTIVE_WAIT_SECONDS = 60
_POLL_SECONDS = 1
_READABLE = ("ACTIVE", "UPDATING")


@frozen
class StateTable:
    """Keeps the table as desired."""

    name: ClassVar[str] = "state table"
    desired: DesiredState
    dynamodb: DynamoDBClient
    metadata: MetadataItems
    description: SharedRead[TableDescriptionTypeDef | None]
    """Reads DynamoDB's description of the table; None where there is no table."""
    clock: Clock

    @property
    def table(self) -> str:
        """Name the table."""
        return names.table(self.desired.repository)

    def observe(self) -> Actual:
        """Describe the table, its time-to-live and whose it is."""
        description = self.description()
        if description is None:
            return Actual()
        types = {each["AttributeName"]: each["AttributeType"] for each in description.get("AttributeDefinitions", [])}
        keys = tuple(
            (each["AttributeName"], each["KeyType"], types.get(each["AttributeName"], "?"))
            for each in description.get("KeySchema", [])
        )
        # A table with another key cannot even be asked for our items.
        readable = description.get("TableStatus") in _READABLE and keys == KEY_SCHEMA
        arn = description.get("TableArn", "")
        key = description.get("SSEDescription", {}).get("KMSMasterKeyArn", "")
        return Actual(
            status=description.get("TableStatus", "UNKNOWN"),
            keys=keys,
            deletion_protection=description.get("DeletionProtectionEnabled", False),
            on_demand=description.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST",
            time_to_live=self._time_to_live() if readable else policy.TimeToLive(),
            claim=self._claimed(key) if readable else None,
            key=key,
            arn=arn,
            restoring_to=_restoring_to(description),
            tags=tagging.look(self.desired.tags, partial(self._tags, arn)) if readable else tagging.Found(),
        )

    def plan(self, actual: Actual, now: datetime) -> Plan[TableChange]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`."""
        return policy.plan(self.desired, actual)

    def predict(self, actual: Actual, changes: Sequence[TableChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `policy.predict`."""
        return policy.predict(self.desired, actual, changes)

    def apply(self, changes: Sequence[TableChange]) -> Iterator[Outcome]:
        """Make the changes in order."""
        for change in changes:
            match change:
                case CreateTable():
                    yield attempt(change, self._create, change)
                case AwaitTable():
                    yield attempt(change, self._await, "ACTIVE", None)
                case EnableTimeToLive():
                    yield attempt(change, self._enable_time_to_live)
                case ClaimTable():
                    yield attempt(change, self._claim, change)
                case TagResource(address=arn, tags=tags):
                    yield attempt(change, self.dynamodb.tag_resource, ResourceArn=arn, Tags=tagging.written(tags))
                case _:
                    assert_never(change)

    def _time_to_live(self) -> policy.TimeToLive:
        """Look at it; that it cannot be read must not keep a pool from its registration token."""
        try:
            description = self.dynamodb.describe_time_to_live(TableName=self.table)["TimeToLiveDescription"]
        except (errors.CredentialsExpired, errors.NotFound):
            raise
        except errors.ApiError as error:
            return policy.TimeToLive(unread=str(error))
        return policy.TimeToLive(description.get("TimeToLiveStatus", "DISABLED"), description.get("AttributeName", ""))

    def _claimed(self, key: str) -> policy.Claim | None:
        try:
            item = self.metadata.read(names.POOL_IDENTIFIER)
        except errors.KeyUnusable as error:
            from refresh import kms_errors  # noqa: PLC0415 - few runs need it

            raise kms_errors.named(error, key) from None
        if not item:
            return None
        # An item that names nobody is nobody's we know: it is shown as what it is and refused, not overwritten.
        repository = records.text(item, "value") or f"unknown ({item.get('value')!r})"
        server = item.get(records.SERVER_ATTRIBUTE)
        named = records.text(item, records.SERVER_ATTRIBUTE) or (f"unknown ({server!r})" if server else "")
        return policy.Claim(repository, named)

    def _tags(self, arn: str) -> Mapping[str, str]:
        """Read the table's tags to the last page."""
        listed: list[TagTypeDef] = []
        request: ListTagsOfResourceInputTypeDef = {"ResourceArn": arn}
        while True:
            page = self.dynamodb.list_tags_of_resource(**request)
            listed += page.get("Tags", [])
            if not page.get("NextToken"):
                return tagging.by_key(listed)
            request["NextToken"] = page["NextToken"]

    def _create(self, change: CreateTable) -> None:
        # DescribeTable may not know it for a moment, also where another run has just created it; a look that took it
        # for absent would end the run for everybody.
        request: CreateTableInputTypeDef = {
            "TableName": self.table,
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _, _ in KEY_SCHEMA],
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            "BillingMode": "PAY_PER_REQUEST",
            "DeletionProtectionEnabled": True,
        }
        # Tagged as it is made: organisations deny to make what is untagged.
        if change.tags:
            request["Tags"] = tagging.written(change.tags)
        # Its answer may be lost, and the table be there.
        self.description.invalidate()
        try:
            self.dynamodb.create_table(**request)
        except errors.AlreadyExists:
            self._await("ACTIVE")
            raise
        self._await("ACTIVE")

    def _await(self, *statuses: str | None) -> None:
        """Look until the table has one of these statuses; None stands for a table that is gone."""
        status: str | None = None
        for _ in range(ACTIVE_WAIT_SECONDS // _POLL_SECONDS):
            status = self._status()
            if status in statuses:
                return
            self.clock.sleep(_POLL_SECONDS)
        self.description.invalidate()
        raise errors.Unavailable(
            "dynamodb:DescribeTable",
            "NotActive",
            f"table {self.table} is still not ACTIVE after {ACTIVE_WAIT_SECONDS} s, but {status or 'not there'}.",
        )

    def _status(self) -> str | None:
        self.description.invalidate()
        description = self.description()
        return description.get("TableStatus", "UNKNOWN") if description else None

    def _enable_time_to_live(self) -> None:
        self.dynamodb.update_time_to_live(
            TableName=self.table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": records.TIME_TO_LIVE_ATTRIBUTE},
        )

    def _claim(self, change: ClaimTable) -> None:
        # Earlier versions named no server; a claim of theirs is completed by the first that has the repository's name.
        unclaimed = {
            "ConditionExpression": (
                "attribute_not_exists(PK) OR (#value = :repository AND attribute_not_exists(#server))"
            ),
            "ExpressionAttributeNames": {"#value": "value", "#server": records.SERVER_ATTRIBUTE},
            "ExpressionAttributeValues": {":repository": {"S": change.repository}},
        }
        server = {records.SERVER_ATTRIBUTE: change.server}
        self.metadata.write(names.POOL_IDENTIFIER, change.repository, unclaimed, server)


def _restoring_to(description: TableDescriptionTypeDef) -> str:
    """Give the time of the backup from which DynamoDB is making the table just now."""
    summary = description.get("RestoreSummary")
    if summary is None or not summary["RestoreInProgress"]:
        return ""
    return records.wire_time(summary["RestoreDateTime"])
