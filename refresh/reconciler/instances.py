"""EC2: instances, every page of them.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh import names
from refresh.reconciler.batches import batches
from refresh.reconciler.machines import (
    TEMPLATE_TAG,
    Ec2State,
    Launched,
    Machine,
    TemplateIds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import DescribeInstancesRequestTypeDef, FilterTypeDef

_PAGE = 1000
_FILTER_VALUES = 200
_JUDGED_TAGS = frozenset({TEMPLATE_TAG, names.SELF_TERMINATION_TAG, names.INITIAL_RUN_TAG, names.PROTECTION_TAG})


def launched_from(ec2: EC2Client, template_ids: TemplateIds) -> Launched:
    """Read the instances that were launched from the pool's templates."""
    machines: dict[str, Machine] = {}
    for some in batches(template_ids.known, _FILTER_VALUES):
        machines |= described(ec2, {"Name": f"tag:{TEMPLATE_TAG}", "Values": some})
    return Launched(template_ids, machines)


def by_id(ec2: EC2Client, identifiers: Iterable[str]) -> dict[str, Machine]:
    """Read instances by id; those that EC2 does not know are not in the answer."""
    machines: dict[str, Machine] = {}
    for some in batches(identifiers, _FILTER_VALUES):
        # A filter returns what exists; `InstanceIds=` would fail as a whole for one unknown id.
        machines |= described(ec2, {"Name": "instance-id", "Values": some})
    return machines


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
