"""EC2 and DynamoDB: reads all that the collector judges, to the last page.

The order matters: EC2 is read before the table, so a newly launched instance is never seen without its record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from refresh import errors
from refresh.dynamodb import items
from refresh.pool import ec2_instances, records
from refresh.pool.ec2_instances import Launched
from refresh.reconciler.garbage_collector import restores
from refresh.reconciler.garbage_collector.actual import Actual

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TableDescriptionTypeDef
    from types_boto3_ec2 import EC2Client

    from refresh.engine.shared_read import SharedRead
    from refresh.reconciler.garbage_collector.restores import Restore

_FEWEST = 1


def observe(  # noqa: PLR0913, PLR0917 - two clients, two names and what was read before
    ec2: EC2Client,
    dynamodb: DynamoDBClient,
    table: str,
    template: str,
    launched: Launched,
    over: Callable[[], bool] = lambda: False,
) -> Actual:
    """Read every record, and the recorded instances that are not in `launched`.

    `launched` is what EC2 listed before, `template` the name of the pool's template. If EC2 did not list instances, the
    recorded ones are read by their ids; raises EC2's error if it answers for none of them.
    """
    instances, template_ids = launched.instances, launched.template_ids
    found = tuple(
        map(records.read_instance, items.of_entity(dynamodb, table, records.INSTANCE, records.INSTANCE_ATTRIBUTES))
    )
    missing = [
        record.id for record in found if isinstance(record, records.InstanceRecord) and record.id not in instances
    ]
    unanswered: frozenset[str] = frozenset()
    if launched.unlisted:
        instances, unanswered = ec2_instances.by_exact_id(ec2, missing, over)
        if len(unanswered) == len(missing):
            raise launched.unlisted
    else:
        instances = {**instances, **ec2_instances.by_id(ec2, missing)}
    carried = {instance.tags.template_id for instance in instances.values()}
    former = (
        each for each in template_ids.former if each not in carried or not _belongs_to_another_pool(ec2, each, template)
    )
    return Actual(
        instances,
        found,
        evolve(template_ids, former=tuple(former)),
        unlisted=launched.unlisted,
        unanswered=unanswered,
    )


def restore(table: SharedRead[TableDescriptionTypeDef | None]) -> Restore | None:
    """Return the restore that the table comes from; None without one, or if DynamoDB does not describe the table.

    No item is written to a table that DynamoDB does not describe.
    """
    try:
        found = table.first()
    except errors.ApiError:
        return None
    # One that was not ACTIVE at first may be another table by now.
    return restores.restore_of(found if found and found.get("TableStatus") == "ACTIVE" else table())


def _belongs_to_another_pool(ec2: EC2Client, template_id: str, template: str) -> bool:
    """Whether a template that is recorded as a former one exists under another name, so the record is false.

    Only the table lists a pool's former templates, and jobs can write to it.
    """
    try:
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=template_id, MaxResults=_FEWEST)
    except errors.ApiError:
        return False  # deleted, as former ones are; or EC2 does not say, and the tags alone must prove it
    return any(each.get("LaunchTemplateName") != template for each in versions["LaunchTemplateVersions"])
