"""EC2 and DynamoDB: what the collector judges, every page of it.

The order is the proof: EC2 is read first and the table after it, so an instance that was launched a moment ago is never
seen without its record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from refresh import errors, records
from refresh.reconciler import instances, items
from refresh.reconciler.garbage_collector.facts import Actual
from refresh.reconciler.machines import TEMPLATE_TAG, Launched

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client

_FEWEST = 1


def observe(ec2: EC2Client, dynamodb: DynamoDBClient, table: str, template: str, launched: Launched) -> Actual:
    """Read every record, and the recorded instances that are not among those launched from the pool's templates.

    `template` is the name of the pool's template, `launched` what EC2 was asked before.
    """
    machines, template_ids = launched.machines, launched.template_ids
    found = tuple(
        map(records.read_instance, items.of_entity(dynamodb, table, records.INSTANCE, records.INSTANCE_ATTRIBUTES))
    )
    missing = [record.id for record in found if isinstance(record, records.Instance) and record.id not in machines]
    carried = {machine.tags.get(TEMPLATE_TAG) for machine in machines.values()}
    former = (each for each in template_ids.former if each not in carried or not _is_another_s(ec2, each, template))
    return Actual({**machines, **instances.by_id(ec2, missing)}, found, evolve(template_ids, former=tuple(former)))


def _is_another_s(ec2: EC2Client, template_id: str, template: str) -> bool:
    """Whether an id that is recorded as a former one is a living template's of another name: whoever wrote it lied.

    Only the table tells which templates a pool had before, and jobs may write to it.
    """
    try:
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=template_id, MaxResults=_FEWEST)
    except errors.ApiError:
        return False  # it is gone, as former ones are; or EC2 does not say, and the tags alone must do
    return any(each.get("LaunchTemplateName") != template for each in versions["LaunchTemplateVersions"])
