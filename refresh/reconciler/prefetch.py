"""DynamoDB and EC2: what every run asks first; light on imports, so that AWS answers while the rest is loaded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen

from refresh import errors
from refresh.dynamodb.metadata_items import Metadata
from refresh.engine.shared_read import Early
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
    from refresh.ports import Clock, Services

_PAGE = 200


@frozen
class FirstLook:
    """The reads on which the others wait, and the longest row of them: template, its instances."""

    began_at: datetime
    metadata: Metadata
    table: Early[TableDescriptionTypeDef | None]
    """DynamoDB's description of the state table; None where there is none."""
    versions: Early[list[LaunchTemplateVersionTypeDef]]
    """Every version of the launch template; none where there is no template."""
    launched: Early[Launched]
    """The instances that were launched from the pool's templates."""


def look(desired: DesiredState, services: Services, clock: Clock, executor: Executor) -> FirstLook:
    """Ask for all of it, without waiting."""
    began_at = clock.now()
    table, template = names.table(desired.repository), names.launch_template(desired.repository)
    description = Early(executor, partial(table_description, services.dynamodb, table))
    metadata = Metadata(services.dynamodb, table, clock, executor, partial(_gone, description))
    versions = Early(executor, partial(template_versions, services.ec2, template))
    launched = Early(executor, lambda: ec2_instances.launched_from(services.ec2, _template_ids(metadata, versions)))
    return FirstLook(began_at, metadata, description, versions, launched)


def template_id(versions: Sequence[LaunchTemplateVersionTypeDef]) -> str:
    """Give the id of the template that has these versions; "" where there are none."""
    return next((each["LaunchTemplateId"] for each in versions if "LaunchTemplateId" in each), "")


def _template_ids(metadata: Metadata, versions: Early[list[LaunchTemplateVersionTypeDef]]) -> TemplateIds:
    """Tell which templates this pool's instances come from; EC2's word for it counts, the record only adds old ones.

    Where EC2 does not answer, the recorded id proves as little as a former one.
    """
    recorded = metadata.first(names.LAUNCH_TEMPLATE_IDENTIFIER).get("value")
    try:
        current = template_id(versions.first())
    except errors.ApiError:
        return ownership.TemplateIds("", ownership.former_ids(recorded, ""), unread=True)
    return ownership.TemplateIds(current, ownership.former_ids(recorded, current))


def _gone(description: Early[TableDescriptionTypeDef | None]) -> bool:
    try:
        found = description.first()
    except errors.ApiError:
        return False  # nobody writes then, and what is read is worth telling
    return found is None or found.get("TableStatus") == "DELETING"


def table_description(dynamodb: DynamoDBClient, table: str) -> TableDescriptionTypeDef | None:
    """Describe the table."""
    try:
        return dynamodb.describe_table(TableName=table)["Table"]
    except errors.NotFound:
        return None


def template_versions(ec2: EC2Client, template: str) -> list[LaunchTemplateVersionTypeDef]:
    """Read all versions in one listing: it serves the comparison and the pruning."""
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
