"""EC2: instances as it describes them, on every page.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from refresh import errors
from refresh.pool import records
from refresh.pool.batches import batches
from refresh.pool.ownership import TEMPLATE_TAG, InstanceTags, TemplateIds, instance_tags
from refresh.pool.usage import UsageClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import DescribeInstancesRequestTypeDef, FilterTypeDef

_PAGE = 1000
_FILTER_VALUES = 200
_IDS = 100
_PROBES = 3
_MOST_REFUSALS = 60
"""Each costs the pauses of several tries."""
_SILENCE = re.compile(r"(Timeout|Connection|ConnectionClosed|HTTPClient)Error\Z")
"""botocore's names for no answer at all, after several tries of half a minute: one refusal is enough."""


class Ec2State(Enum):
    """The instance states of EC2, and two more.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
    """

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    UNKNOWN = "unknown"
    OTHER = "other"
    """A state that EC2 has added since: it counts as alive, so nothing is cleaned up."""

    @classmethod
    def _missing_(cls, value: object) -> Ec2State:  # noqa: ARG003 - the enum's shape
        return cls.OTHER

    @property
    def alive(self) -> bool:
        """Whether it can still run a job or cost money."""
        return self not in (Ec2State.SHUTTING_DOWN, Ec2State.TERMINATED, Ec2State.UNKNOWN)


@frozen
class Ec2Instance:
    """An instance as EC2 describes it."""

    id: str
    state: Ec2State
    launched_at: datetime | None = None
    tags: InstanceTags = field(factory=InstanceTags, converter=instance_tags)
    instance_type: str = ""
    usage_class: str = UsageClass.ON_DEMAND.value

    @property
    def protected(self) -> bool:
        """Whether the owner wants to keep it, for debugging."""
        return self.tags.protection == "true"


@frozen
class Launched:
    """The pool's templates, and the instances that were launched from them."""

    template_ids: TemplateIds = field(factory=TemplateIds)
    instances: Mapping[str, Ec2Instance] = field(factory=dict)
    unlisted: errors.Unavailable | None = None
    """Why EC2 did not list them; None if it did."""


def launched_from(ec2: EC2Client, template_ids: TemplateIds) -> Launched:
    """Read the instances that were launched from the pool's templates."""
    instances: dict[str, Ec2Instance] = {}
    try:
        for some in batches(template_ids.known, _FILTER_VALUES):
            instances |= described(ec2, {"Name": f"tag:{TEMPLATE_TAG}", "Values": some})
    except errors.Unavailable as error:
        return Launched(template_ids, unlisted=error)
    return Launched(template_ids, instances)


def by_id(ec2: EC2Client, identifiers: Iterable[str]) -> dict[str, Ec2Instance]:
    """Read instances by id; the answer lacks those that EC2 does not know."""
    instances: dict[str, Ec2Instance] = {}
    for some in batches(identifiers, _FILTER_VALUES):
        # A filter returns those that exist; `InstanceIds=` would fail as a whole for one unknown id.
        instances |= described(ec2, {"Name": "instance-id", "Values": some})
    return instances


def described(
    ec2: EC2Client, condition: FilterTypeDef | None = None, ids: Sequence[str] = ()
) -> dict[str, Ec2Instance]:
    """Read every instance that a filter finds, or these ids; the image's models have only the members read here."""
    instances: dict[str, Ec2Instance] = {}
    request: DescribeInstancesRequestTypeDef = {"InstanceIds": ids}
    if condition:
        request = {"Filters": [condition], "MaxResults": _PAGE}
    while True:
        page = ec2.describe_instances(**request)
        for reservation in page.get("Reservations", []):
            for instance in reservation.get("Instances", []):
                instances[instance["InstanceId"]] = _instance(instance)
        if not page.get("NextToken"):
            return instances
        request["NextToken"] = page["NextToken"]


def by_exact_id(
    ec2: EC2Client, identifiers: Sequence[str], over: Callable[[], bool]
) -> tuple[dict[str, Ec2Instance], frozenset[str]]:
    """Read instances by id alone, and return them with the ids for which EC2 has no answer.

    While a zone is disrupted, EC2 refuses requests without ids and those with an id of that zone. A refused batch is
    halved, up to a number of refusals. If EC2 refuses the first few ids, each requested alone, the cause is not a
    zone: it has no answer for any.
    """
    instances: dict[str, Ec2Instance] = {}
    unanswered: set[str] = set()
    probes = list(identifiers[:: max(1, len(identifiers) // _PROBES)][:_PROBES])
    waiting = deque([[each] for each in probes])
    waiting += batches([each for each in identifiers if each not in set(probes)], _IDS)
    answers, refusals = 0, 0
    while waiting:
        some = waiting.popleft()
        if over() or refusals >= _MOST_REFUSALS or (refusals >= len(probes) and not answers):
            unanswered.update(some)
            continue
        halves = [some[: len(some) // 2], some[len(some) // 2 :]] if len(some) > 1 else []
        try:
            instances |= described(ec2, ids=some)
            answers += 1
        except errors.Unavailable as error:
            refusals += len(probes) if _SILENCE.search(error.code) and not answers else 1
            waiting += halves
            unanswered.update([] if halves else some)
        except (errors.NotFound, errors.Rejected) as error:
            # The message names unknown or malformed ids; without a name it is about none of them.
            named = set(records.INSTANCE_ID.findall(error.message))
            left = [each for each in some if each not in named]
            if len(left) < len(some):
                answers += 1
                waiting += [left] if left else []
            else:
                refusals += 1
                waiting += halves
                unanswered.update([] if halves else some)
    return instances, frozenset(unanswered)


def _instance(instance: Any) -> Ec2Instance:
    return Ec2Instance(
        id=instance["InstanceId"],
        state=Ec2State(instance["State"]["Name"]),
        launched_at=instance.get("LaunchTime"),
        tags={tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])},
        instance_type=instance.get("InstanceType", ""),
        usage_class=instance.get("InstanceLifecycle", UsageClass.ON_DEMAND.value),
    )
