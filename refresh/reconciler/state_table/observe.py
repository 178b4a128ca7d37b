"""DynamoDB: the table's description, time-to-live, claim and tags."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from refresh import errors, kms_errors
from refresh.engine import tagging
from refresh.pool import names, records
from refresh.reconciler.state_table.actual import Actual, Claim, TimeToLive
from refresh.reconciler.state_table.policy import KEY_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import ListTagsOfResourceInputTypeDef, TableDescriptionTypeDef, TagTypeDef

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems

_READABLE = ("ACTIVE", "UPDATING")


def observe(
    desired: DesiredState,
    dynamodb: DynamoDBClient,
    metadata: MetadataItems,
    description: TableDescriptionTypeDef | None,
) -> Actual:
    """Read what the description does not have: the time-to-live, the claim and the tags."""
    if description is None:
        return Actual()
    types = {each["AttributeName"]: each["AttributeType"] for each in description.get("AttributeDefinitions", [])}
    keys = tuple(
        (each["AttributeName"], each["KeyType"], types.get(each["AttributeName"], "?"))
        for each in description.get("KeySchema", [])
    )
    # DynamoDB rejects reads of our items in a table with another key.
    readable = description.get("TableStatus") in _READABLE and keys == KEY_SCHEMA
    arn = description.get("TableArn", "")
    key = description.get("SSEDescription", {}).get("KMSMasterKeyArn", "")
    return Actual(
        status=description.get("TableStatus", "UNKNOWN"),
        keys=keys,
        deletion_protection=description.get("DeletionProtectionEnabled", False),
        on_demand=description.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST",
        time_to_live=_time_to_live(dynamodb, names.table(desired.repository)) if readable else TimeToLive(),
        claim=_claim(metadata, key) if readable else None,
        key=key,
        arn=arn,
        restoring_to=_restoring_to(description),
        tags=tagging.look(desired.tags, partial(_tags, dynamodb, arn)) if readable else tagging.Found(),
    )


def _time_to_live(dynamodb: DynamoDBClient, table: str) -> TimeToLive:
    """Read the time-to-live; most errors are kept, because a pool needs its registration token all the same."""
    try:
        description = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    except (errors.CredentialsExpired, errors.NotFound):
        raise
    except errors.ApiError as error:
        return TimeToLive(unread=str(error))
    return TimeToLive(description.get("TimeToLiveStatus", "DISABLED"), description.get("AttributeName", ""))


def _claim(metadata: MetadataItems, key: str) -> Claim | None:
    try:
        item = metadata.read(names.POOL_IDENTIFIER)
    except errors.KeyUnusable as error:
        raise kms_errors.named(error, key) from None
    if not item:
        return None
    # An unreadable claim may be another owner's: it is shown and refused, never overwritten.
    repository = records.text(item, "value") or f"unknown ({item.get('value')!r})"
    server = item.get(records.SERVER_ATTRIBUTE)
    named = records.text(item, records.SERVER_ATTRIBUTE) or (f"unknown ({server!r})" if server else "")
    return Claim(repository, named)


def _tags(dynamodb: DynamoDBClient, arn: str) -> Mapping[str, str]:
    """Read every page of the table's tags."""
    listed: list[TagTypeDef] = []
    request: ListTagsOfResourceInputTypeDef = {"ResourceArn": arn}
    while True:
        page = dynamodb.list_tags_of_resource(**request)
        listed += page.get("Tags", [])
        if not page.get("NextToken"):
            return tagging.by_key(listed)
        request["NextToken"] = page["NextToken"]


def _restoring_to(description: TableDescriptionTypeDef) -> str:
    """Return the time of the backup from which DynamoDB is restoring the table; "" if it is not."""
    summary = description.get("RestoreSummary")
    if summary is None or not summary["RestoreInProgress"]:
        return ""
    return records.wire_time(summary["RestoreDateTime"])
