"""EC2 and DynamoDB: what the collector judges, every page of it.

The order is the proof: EC2 is read first and the table after it, so an instance that was launched a moment ago is never
seen without its record. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from refresh import errors, records
from refresh.reconciler import items
from refresh.reconciler.batches import batches
from refresh.reconciler.garbage_collector.facts import (
    INITIAL_RUN_TAG,
    PROTECTION_TAG,
    SELF_TERMINATION_TAG,
    TEMPLATE_TAG,
    Actual,
    Ec2State,
    Machine,
    TemplateIds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import DescribeInstancesRequestTypeDef, FilterTypeDef

_PAGE = 1000
_FEWEST = 1
_FILTER_VALUES = 200
_JUDGED_TAGS = frozenset({TEMPLATE_TAG, SELF_TERMINATION_TAG, INITIAL_RUN_TAG, PROTECTION_TAG})


def observe(ec2: EC2Client, dynamodb: DynamoDBClient, table: str, template: str, template_ids: TemplateIds) -> Actual:
    """Read the pool's instances by their template, then every record, then the recorded instances still missing.

    `template` is the name of the pool's template.
    """
    machines: dict[str, Machine] = {}
    for some in batches(template_ids.known, _FILTER_VALUES):
        machines |= described(ec2, {"Name": f"tag:{TEMPLATE_TAG}", "Values": some})
    found = tuple(
        map(records.read_instance, items.of_entity(dynamodb, table, records.INSTANCE, records.INSTANCE_ATTRIBUTES))
    )
    missing = [record.id for record in found if isinstance(record, records.Instance) and record.id not in machines]
    carried = {machine.tags.get(TEMPLATE_TAG) for machine in machines.values()}
    former = (each for each in template_ids.former if each not in carried or not _is_another_s(ec2, each, template))
    return Actual({**machines, **by_id(ec2, missing)}, found, evolve(template_ids, former=tuple(former)))


def by_id(ec2: EC2Client, identifiers: Iterable[str]) -> dict[str, Machine]:
    """Read instances by id; those that EC2 does not know are not in the answer."""
    machines: dict[str, Machine] = {}
    for some in batches(identifiers, _FILTER_VALUES):
        # A filter returns what exists; `InstanceIds=` would fail as a whole for one unknown id.
        machines |= described(ec2, {"Name": "instance-id", "Values": some})
    return machines


def _is_another_s(ec2: EC2Client, template_id: str, template: str) -> bool:
    """Whether an id that is recorded as a former one is a living template's of another name: whoever wrote it lied.

    Only the table tells which templates a pool had before, and jobs may write to it.
    """
    try:
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=template_id, MaxResults=_FEWEST)
    except errors.ApiError:
        return False  # it is gone, as former ones are; or EC2 does not say, and the tags alone must do
    return any(each.get("LaunchTemplateName") != template for each in versions["LaunchTemplateVersions"])


def described(ec2: EC2Client, condition: FilterTypeDef) -> dict[str, Machine]:
    """Read every instance that a filter finds, by id; the image's models have no more of one than is read here."""
    machines: dict[str, Machine] = {}
    request: DescribeInstancesRequestTypeDef = {"Filters": [condition], "MaxResults": _PAGE}
    while True:
        page = ec2.describe_instances(**request)
        for reservation in page.get("Reservations", []):
            for instance in reservation.get("Instances", []):
                machines[instance["InstanceId"]] = _machine(instance)
        if not page.get("NextToken"):
            return machines
        request["NextToken"] = page["NextToken"]


def _machine(instance: Any) -> Machine:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", []) if tag["Key"] in _JUDGED_TAGS}
    return Machine(instance["InstanceId"], Ec2State(instance["State"]["Name"]), instance.get("LaunchTime"), tags)
