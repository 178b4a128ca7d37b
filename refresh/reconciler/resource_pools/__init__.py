"""SQS: one standard queue per resource class, which holds the idle runners of that size.

Queues are never purged, deleted or received from: a receive would hide a message from provision for 30 seconds.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, assert_never, cast

from attrs import field, frozen

from refresh import errors
from refresh.desired import ResourceClass
from refresh.dynamodb import items
from refresh.engine import tagging
from refresh.engine.change import Plan
from refresh.engine.component import attempt
from refresh.engine.tagging import TagResource
from refresh.pool import names, records
from refresh.reconciler.resource_pools import policy
from refresh.reconciler.resource_pools.changes import CreateQueue, PoolChange, RecordPools, SetQueueAttributes
from refresh.reconciler.resource_pools.policy import RETENTION, VISIBILITY, Actual, Pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType
    from types_boto3_sqs.type_defs import CreateQueueRequestTypeDef

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome
    from refresh.ports import Clock

_USABLE_AFTER_SECONDS = 1
_ACCOUNT = re.compile(r"[0-9]{12}")


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
    """URLs of queues that this run created, by name: SQS has acknowledged their attributes, and lists them late."""

    def observe(self) -> Actual:
        """Read the record, and the attributes of each queue by its recorded URL (else by its name)."""
        recorded = self.metadata.read(names.RESOURCE_CLASS_CONFIG_IDENTIFIER).get("value")
        entries = records.mapping({"value": recorded}, "value")
        desired_names = {each.name for each in self.desired.resource_classes}
        leaving = {name: entry for name in entries if name not in desired_names and (entry := _read(name, entries))}
        in_use = self._classes_in_use() if leaving else frozenset()
        draining = tuple(each for name, (each, _) in leaving.items() if name in in_use)
        classes = (*self.desired.resource_classes, *draining)
        urls = [records.text(records.mapping(entries, each.name), "queueUrl") or "" for each in classes]
        return Actual(
            pools=tuple(self.executor.map(self._observe_pool, classes, urls)),
            recorded=recorded,
            draining=tuple(each.name for each in draining),
            dropped=tuple((name, url) for name, (_, url) in leaving.items() if name not in in_use),
        )

    def plan(self, actual: Actual, now: datetime) -> Plan[PoolChange]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`."""
        return policy.plan(self.desired, actual)

    def predict(self, actual: Actual, changes: Sequence[PoolChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `policy.predict`."""
        return policy.predict(self.desired, actual, changes)

    def apply(self, changes: Sequence[PoolChange]) -> Iterator[Outcome]:
        """Create and repair queues side by side; new ones are waited for, so that this run can still record them."""
        yield from self.executor.map(self._apply_one, changes)
        if any(isinstance(change, CreateQueue) for change in changes):
            self.clock.sleep(_USABLE_AFTER_SECONDS)

    def _apply_one(self, change: PoolChange) -> Outcome:
        match change:
            case CreateQueue():
                return attempt(change, self._create, change)
            case SetQueueAttributes():
                return attempt(
                    change,
                    self.sqs.set_queue_attributes,
                    QueueUrl=change.url,
                    Attributes=_named(change.attributes),
                )
            case TagResource(address=url, tags=tags):
                return attempt(change, self.sqs.tag_queue, QueueUrl=url, Tags=dict(tags))
            case RecordPools():
                return attempt(
                    change, self.metadata.write, names.RESOURCE_CLASS_CONFIG_IDENTIFIER, policy.config(change.pools)
                )
            case _:
                assert_never(change)

    def _create(self, change: CreateQueue) -> None:
        request: CreateQueueRequestTypeDef = {"QueueName": change.queue, "Attributes": _named(change.attributes)}
        if change.tags:
            request["tags"] = dict(change.tags)
        response = self.sqs.create_queue(**request)
        self.created[change.queue] = response["QueueUrl"]

    def _observe_pool(self, resource_class: ResourceClass, recorded_url: str) -> Pool:
        queue = names.queue(self.desired.repository, resource_class.name)
        plain = names.plain_queue(self.desired.repository, resource_class.name)
        if created := self.created.get(queue):
            # One that another run made in between has our attributes, or it was an error; its tags may be others.
            tags = tagging.look(self.desired.tags, partial(self._tags, created))
            return Pool(resource_class, created, policy.attributes(self.desired), tags)
        known = recorded_url if self._trusted(recorded_url, queue, plain) else ""
        if known and (found := self._attributes_if_any(known)) is not None:
            return Pool(resource_class, known, found, tagging.look(self.desired.tags, partial(self._tags, known)))
        url = self._url(queue)
        if url and (found := self._attributes(url)) is not None:
            return Pool(resource_class, url, found, tagging.look(self.desired.tags, partial(self._tags, url)))
        return Pool(resource_class)

    def _trusted(self, url: str, *queues: str) -> bool:
        """Take a recorded URL for one of ours only at the host that we talk to, in an account and with our name.

        Instances write to the table too, and provision talks to whatever is recorded.
        """
        host, account, queue = (["", "", *url.rsplit("/", 2)])[-3:]
        allowed = self.desired.allowed_account_ids
        ours = account in allowed if allowed else _ACCOUNT.fullmatch(account)
        return host == self.sqs.meta.endpoint_url.rstrip("/") and bool(ours) and queue in queues

    def _attributes_if_any(self, url: str) -> tuple[tuple[str, str], ...] | None:
        """Read a recorded queue; where AWS refuses that, it is looked for by its name as if it were not recorded."""
        try:
            return self._attributes(url)
        except (errors.PermissionDenied, errors.Rejected):
            return None

    def _attributes(self, url: str) -> tuple[tuple[str, str], ...] | None:
        try:
            response = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[VISIBILITY, RETENTION])
        except errors.NotFound:
            return None
        found = response.get("Attributes", {})
        return tuple((name, found[name]) for name in (VISIBILITY, RETENTION) if name in found)

    def _tags(self, url: str) -> Mapping[str, str]:
        return self.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})

    def _url(self, queue: str) -> str:
        try:
            return self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        except errors.NotFound:
            return ""

    def _classes_in_use(self) -> frozenset[str]:
        """Read the classes of living records; asked only while a recorded class is not desired."""
        table = names.table(self.desired.repository)
        found = items.of_entity(self.dynamodb, table, records.INSTANCE, ("state", "resourceClass"))
        living = (item for item in found if records.text(item, "state") != records.TERMINATED)
        return frozenset(records.text(item, "resourceClass") or "" for item in living)


def _read(name: str, entries: Mapping[str, Any]) -> tuple[ResourceClass, str] | None:
    """Read a recorded class; None when it is not one (it then leaves the record without a word)."""
    entry = records.mapping(entries, name)
    cpu, memory, url = (
        records.number(entry, "cpu"),
        records.number(entry, "mmem"),
        records.text(entry, "queueUrl"),
    )
    return (ResourceClass(name, cpu, memory), url) if cpu and memory and url else None


def _named(pairs: tuple[tuple[str, str], ...]) -> dict[QueueAttributeNameType, str]:
    return cast("dict[QueueAttributeNameType, str]", dict(pairs))
