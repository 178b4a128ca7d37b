"""SQS: one standard queue per resource class, which holds the idle runners of that size.

Queues are never purged, deleted or received from: a receive would hide a message from provision for 30 seconds.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never, cast

from attrs import field, frozen

from refresh.engine.component import attempt
from refresh.engine.registration import Item, Registration
from refresh.engine.tagging import TagResource
from refresh.pool import names
from refresh.pool.permissions import QUEUES, STATE_TABLE, Needs
from refresh.reconciler.resource_pools import observe, policy, predict
from refresh.reconciler.resource_pools.changes import CreateQueue, RecordPools, SetQueueAttributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType
    from types_boto3_sqs.type_defs import CreateQueueRequestTypeDef

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome, Plan
    from refresh.ports import Clock
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.resource_pools.actual import Actual
    from refresh.reconciler.resource_pools.changes import PoolChange

_USABLE_AFTER_SECONDS = 1


@frozen
class ResourcePools:
    """Keeps the queues and their record as desired."""

    name: ClassVar[str] = "resource pools"
    desired: DesiredState
    sqs: SQSClient
    dynamodb: DynamoDBClient
    metadata: MetadataItems
    executor: Executor
    clock: Clock
    created: dict[str, str] = field(factory=dict, init=False, eq=False)
    """URLs of the queues that this run created, by name: SQS shows them late."""

    def observe(self) -> Actual:
        """Read the record and each queue."""
        recorded = self.metadata.read(names.RESOURCE_CLASS_CONFIG_IDENTIFIER).get("value")
        queues = observe.Queues(self.desired, self.sqs, self.created)
        return observe.observe(queues, self.dynamodb, recorded, self.executor)

    def plan(self, actual: Actual, now: datetime) -> Plan[PoolChange]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`."""
        return policy.plan(self.desired, actual)

    def apply(self, changes: Sequence[PoolChange]) -> Iterator[Outcome]:
        """Make the changes concurrently, then wait until new queues are usable, so that this run can record them."""
        yield from self.executor.map(self._make, changes)
        if any(isinstance(change, CreateQueue) for change in changes):
            self.clock.sleep(_USABLE_AFTER_SECONDS)

    def predict(self, actual: Actual, changes: Sequence[PoolChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `predict.predict`."""
        return predict.predict(self.desired, actual, changes)

    def _make(self, change: PoolChange) -> Outcome:
        match change:
            case CreateQueue():
                return attempt(change, self._create, change)
            case SetQueueAttributes(url=url, attributes=attributes):
                return attempt(change, self.sqs.set_queue_attributes, QueueUrl=url, Attributes=_for_sqs(attributes))
            case TagResource(address=url, tags=tags):
                return attempt(change, self.sqs.tag_queue, QueueUrl=url, Tags=dict(tags))
            case RecordPools(pools=pools):
                identifier = names.RESOURCE_CLASS_CONFIG_IDENTIFIER
                return attempt(change, self.metadata.write, identifier, policy.config(pools))
            case _:
                assert_never(change)

    def _create(self, change: CreateQueue) -> None:
        request: CreateQueueRequestTypeDef = {"QueueName": change.queue, "Attributes": _for_sqs(change.attributes)}
        if change.tags:
            request["tags"] = dict(change.tags)
        self.created[change.queue] = self.sqs.create_queue(**request)["QueueUrl"]


def _for_sqs(attributes: tuple[tuple[str, str], ...]) -> dict[QueueAttributeNameType, str]:
    return cast("dict[QueueAttributeNameType, str]", dict(attributes))


COMPONENT: Registration[Dependencies] = Registration(
    name=ResourcePools.name,
    kept_in="SQS `OWNER-REPO-CLASS-ci-pool`",
    keeps="visibility 30 s, retention of the idle time plus ten minutes, rounded up to hours; never purged, read or "
    "deleted",
    changes="creates queues, sets attributes, records their URLs",
    calls={
        "sqs:GetQueueAttributes": Needs("always, for each resource class", QUEUES),
        "sqs:GetQueueUrl": Needs("the table has no URL of a class's queue", QUEUES),
        "sqs:CreateQueue": Needs(
            "first run and new resource classes; the second action with `tags`",
            QUEUES,
            also={"sqs:TagQueue": QUEUES},
            writes=True,
        ),
        "sqs:SetQueueAttributes": Needs("an attribute of a queue differs", QUEUES, writes=True),
        "sqs:ListQueueTags": Needs("", QUEUES, only_with="tags"),
        "sqs:TagQueue": Needs("a tag of a queue differs", QUEUES, only_with="tags", writes=True),
        "dynamodb:Query": Needs("while a recorded class is missing from the inputs: whether it is in use", STATE_TABLE),
    },
    items=(
        Item(
            names.RESOURCE_CLASS_CONFIG_IDENTIFIER,
            "M {<class>: M {cpu: N, mmem: N, queueUrl: S}}",
            "sizes of runners, memory in MiB, and the URL of each queue as SQS gave it",
            "`provision` and `release`: a class without `queueUrl`",
        ),
    ),
    after=("state table",),
    build=lambda given: ResourcePools(
        given.desired,
        given.clients.sqs,
        given.clients.dynamodb,
        given.prefetch.metadata,
        given.executor,
        given.clock,
    ),
)
