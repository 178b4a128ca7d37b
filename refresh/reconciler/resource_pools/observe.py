"""SQS and DynamoDB: the queues of the classes that are desired or still in use."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh import errors
from refresh.desired import ResourceClass
from refresh.dynamodb import items
from refresh.engine import tagging
from refresh.pool import names, records
from refresh.reconciler.resource_pools import policy
from refresh.reconciler.resource_pools.actual import Actual, Pool
from refresh.reconciler.resource_pools.policy import RETENTION, VISIBILITY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

    from refresh.desired import DesiredState

_ACCOUNT = re.compile(r"[0-9]{12}")


def observe(queues: Queues, dynamodb: DynamoDBClient, recorded: Mapping[str, Any] | None, executor: Executor) -> Actual:
    """Read every queue concurrently; `recorded` is the stored value of `resource_class_config`."""
    desired = queues.desired
    entries = records.mapping({"value": recorded}, "value")
    desired_names = {each.name for each in desired.resource_classes}
    leaving = {
        name: entry for name in entries if name not in desired_names and (entry := _recorded_class(name, entries))
    }
    in_use = _classes_in_use(dynamodb, names.table(desired.repository)) if leaving else frozenset()
    draining = tuple(each for name, (each, _) in leaving.items() if name in in_use)
    classes = (*desired.resource_classes, *draining)
    urls = [records.text(records.mapping(entries, each.name), "queueUrl") or "" for each in classes]
    return Actual(
        pools=tuple(executor.map(queues.look, classes, urls)),
        recorded=recorded,
        draining=tuple(each.name for each in draining),
        dropped=tuple((name, url) for name, (_, url) in leaving.items() if name not in in_use),
    )


@frozen
class Queues:
    """Reads queues."""

    desired: DesiredState
    sqs: SQSClient
    created: Mapping[str, str]
    """URLs of the queues that this run created, by name."""

    def look(self, resource_class: ResourceClass, recorded_url: str) -> Pool:
        """Find a class's queue by its recorded URL, otherwise by its name."""
        queue = names.queue(self.desired.repository, resource_class.name)
        plain = names.plain_queue(self.desired.repository, resource_class.name)
        if created := self.created.get(queue):
            # If another run created it in between, SQS has compared the attributes, but not the tags.
            return Pool(resource_class, created, policy.attributes(self.desired), self._tags(created))
        known = recorded_url if self._trusted(recorded_url, queue, plain) else ""
        if known and (found := self._attributes_if_allowed(known)) is not None:
            return Pool(resource_class, known, found, self._tags(known))
        url = self._url(queue)
        if url and (found := self._attributes(url)) is not None:
            return Pool(resource_class, url, found, self._tags(url))
        return Pool(resource_class)

    def _trusted(self, url: str, *queues: str) -> bool:
        """Whether a recorded URL is on the host that we call, in an allowed account and with a name of ours.

        Instances can write to the table, and provision calls whatever URL is recorded.
        """
        host, account, queue = (["", "", *url.rsplit("/", 2)])[-3:]
        allowed = self.desired.allowed_account_ids
        ours = account in allowed if allowed else _ACCOUNT.fullmatch(account)
        return host == self.sqs.meta.endpoint_url.rstrip("/") and bool(ours) and queue in queues

    def _attributes_if_allowed(self, url: str) -> tuple[tuple[str, str], ...] | None:
        """Read a recorded queue; None if there is none or AWS refuses: it is then looked up by its name."""
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

    def _tags(self, url: str) -> tagging.Found:
        return tagging.look(self.desired.tags, partial(self._listed_tags, url))

    def _listed_tags(self, url: str) -> Mapping[str, str]:
        return self.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})

    def _url(self, queue: str) -> str:
        try:
            return self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        except errors.NotFound:
            return ""


def _classes_in_use(dynamodb: DynamoDBClient, table: str) -> frozenset[str]:
    """Read the classes of living records; called only while a recorded class is not desired."""
    found = items.of_entity(dynamodb, table, records.INSTANCE, ("state", "resourceClass"))
    living = (item for item in found if records.text(item, "state") != records.TERMINATED)
    return frozenset(records.text(item, "resourceClass") or "" for item in living)


def _recorded_class(name: str, entries: Mapping[str, Any]) -> tuple[ResourceClass, str] | None:
    """Read a recorded class and its queue's URL; None if it is malformed: it then leaves the record silently."""
    entry = records.mapping(entries, name)
    cpu, memory, url = (
        records.number(entry, "cpu"),
        records.number(entry, "mmem"),
        records.text(entry, "queueUrl"),
    )
    return (ResourceClass(name, cpu, memory), url) if cpu and memory and url else None
