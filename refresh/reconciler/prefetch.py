"""DynamoDB and EC2: the reads that every run starts with.

This module imports little, so that AWS answers while the rest of the program is loaded.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen

from refresh import errors
from refresh.agent.user_data import stored_script
from refresh.dynamodb.metadata_items import MetadataItems
from refresh.engine.shared_read import SharedRead
from refresh.pool import ec2_instances, names, ownership

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TableDescriptionTypeDef
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import DescribeLaunchTemplateVersionsRequestTypeDef, LaunchTemplateVersionTypeDef

    from refresh.desired import DesiredState
    from refresh.pool.ec2_instances import Launched
    from refresh.pool.ownership import TemplateIds
    from refresh.ports import Clients, Clock

_PAGE = 200


@frozen
class Prefetch:
    """Reads that are under way: the ones that others wait for, and the longest chain (the template, its instances)."""

    began_at: datetime
    metadata: MetadataItems
    table: SharedRead[TableDescriptionTypeDef | None]
    """DynamoDB's description of the state table; None if there is no table."""
    versions: SharedRead[list[LaunchTemplateVersionTypeDef]]
    """Every version of the launch template; empty if there is no template."""
    launched: SharedRead[Launched]
    """The instances that were launched from the pool's templates."""


def start(desired: DesiredState, clients: Clients, clock: Clock, executor: Executor) -> Prefetch:
    """Start all reads, without waiting."""
    began_at = clock.now()
    table, template = names.table(desired.repository), names.launch_template(desired.repository)
    description = SharedRead(executor, partial(describe_table, clients.dynamodb, table))
    script = stored_script(desired.pre_runner_script)
    others = (*names.OPTIONAL_IDENTIFIERS, *((script.identifier,) if script else ()))
    metadata = MetadataItems(
        clients.dynamodb, table, clock, executor, partial(_table_is_gone, description), others=others
    )
    versions = SharedRead(executor, partial(list_template_versions, clients.ec2, template))
    launched = SharedRead(executor, lambda: ec2_instances.launched_from(clients.ec2, _template_ids(metadata, versions)))
    return Prefetch(began_at, metadata, description, versions, launched)


def template_id(versions: Sequence[LaunchTemplateVersionTypeDef]) -> str:
    """Return the id of the template that has these versions; "" if there are none."""
    return next((each["LaunchTemplateId"] for each in versions if "LaunchTemplateId" in each), "")


def _template_ids(metadata: MetadataItems, versions: SharedRead[list[LaunchTemplateVersionTypeDef]]) -> TemplateIds:
    """Return the templates that this pool's instances come from: EC2 names the current one, the record former ones.

    If EC2 does not answer, the recorded id counts as a former one, because jobs may write to the record.
    """
    recorded = metadata.first(names.LAUNCH_TEMPLATE_IDENTIFIER).get("value")
    try:
        current = template_id(versions.first())
    except errors.ApiError:
        return ownership.TemplateIds("", ownership.former_ids(recorded, ""), unread=True)
    return ownership.TemplateIds(current, ownership.former_ids(recorded, current))


def _table_is_gone(description: SharedRead[TableDescriptionTypeDef | None]) -> bool:
    try:
        found = description.first()
    except errors.ApiError:
        return False  # no component writes then, and what was read can still be reported
    return found is None or found.get("TableStatus") == "DELETING"


def describe_table(dynamodb: DynamoDBClient, table: str) -> TableDescriptionTypeDef | None:
    """Describe the table; None if there is none."""
    try:
        return dynamodb.describe_table(TableName=table)["Table"]
    except errors.NotFound:
        return None


def list_template_versions(ec2: EC2Client, template: str) -> list[LaunchTemplateVersionTypeDef]:
    """List every version, for the comparison and for pruning; empty if there is no template."""
    versions: list[LaunchTemplateVersionTypeDef] = []
    request: DescribeLaunchTemplateVersionsRequestTypeDef = {"LaunchTemplateName": template, "MaxResults": _PAGE}
    while True:
        try:
            page = ec2.describe_launch_template_versions(**request)
        except errors.NotFound:
            return []
        versions += page["LaunchTemplateVersions"]
        if not page.get("NextToken"):
            return versions
        request["NextToken"] = page["NextToken"]
