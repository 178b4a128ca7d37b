"""SQS: one standard queue per resource class, which holds the idle runners of that size.

Queues are never purged, deleted or received from: a receive would hide a message from provision for 30 seconds.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, assert_never, cast

from attrs import evolve, field, frozen

from refresh import errors, names, records
from refresh.desired import ResourceClass
from refresh.reconciler import items
from refresh.reconciler.component import attempt
from refresh.report import Change, Difference, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

    from refresh.desired import DesiredState
    from refresh.reconciler.component import Clock
    from refresh.reconciler.metadata import Metadata
    from refresh.report import Outcome

VISIBILITY_TIMEOUT = timedelta(seconds=30)
_RETENTION_MARGIN = timedelta(minutes=10)
_USABLE_AFTER_SECONDS = 1
_VISIBILITY: Final = "VisibilityTimeout"
_RETENTION: Final = "MessageRetentionPeriod"


@frozen
class Pool:
    """A resource class and the queue that serves it; `url` and `attributes` are empty while there is no queue."""

    resource_class: ResourceClass
    url: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@frozen
class Actual:
    """The queues of every class that is desired or draining, and what is recorded of them."""

    pools: tuple[Pool, ...] = ()
    recorded: Mapping[str, Any] | None = None
    """The low-level value of `resource_class_config`, as stored."""
    draining: tuple[str, ...] = ()
    """Classes that are no longer desired while living records still name them."""
    dropped: tuple[tuple[str, str], ...] = ()
    """(class, queue URL) of recorded classes that nobody wants or uses any more."""


@frozen
class CreateQueue(Change):
    """Create a queue; creating one that exists with these attributes is no error."""

    noun: ClassVar[str] = "queue"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    sign: ClassVar[str] = "+"
    queue: str
    attributes: tuple[tuple[str, str], ...]

    @property
    def subject(self) -> str:
        return self.queue

    @property
    def differences(self) -> tuple[Difference, ...]:
        return tuple(Difference(name, None, value) for name, value in self.attributes)


@frozen
class SetQueueAttributes(Change):
    """Bring a queue's attributes back."""

    noun: ClassVar[str] = "queue"
    verb: ClassVar[str] = "set attributes of"
    done: ClassVar[str] = "attributes_set"
    url: str
    # It takes no part in equality: attributes are read back late, and not all at once.
    before: tuple[tuple[str, str], ...] = field(eq=False)
    attributes: tuple[tuple[str, str], ...]

    @property
    def subject(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def differences(self) -> tuple[Difference, ...]:
        before = dict(self.before)
        return tuple(
            Difference(name, before.get(name), value) for name, value in self.attributes if before.get(name) != value
        )


@frozen
class RecordPools(Change):
    """Record every class with its queue's URL, in one item."""

    noun: ClassVar[str] = "resource_class_config"
    verb: ClassVar[str] = "record"
    done: ClassVar[str] = "recorded"
    pools: tuple[tuple[ResourceClass, str], ...]
    before: str | None = field(eq=False)

    @property
    def subject(self) -> str:
        return ""

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("classes", self.before, " ".join(each.name for each, _ in self.pools)),)


PoolChange = CreateQueue | SetQueueAttributes | RecordPools


def attributes(desired: DesiredState) -> tuple[tuple[str, str], ...]:
    """Give the attributes that are kept: visibility, and a retention that outlives an idle runner by ten minutes.

    The retention is in whole hours, so that messages of dead instances go by themselves and a small change of the idle
    time changes nothing.
    """
    hours = -(-(desired.max_idle_time + _RETENTION_MARGIN) // timedelta(hours=1))
    return (
        (_VISIBILITY, str(int(VISIBILITY_TIMEOUT.total_seconds()))),
        (_RETENTION, str(hours * 3600)),
    )


def plan(desired: DesiredState, actual: Actual) -> Plan[PoolChange]:
    """Plan the queues; URLs are recorded only when every queue exists."""
    wanted = attributes(desired)
    changes: list[PoolChange] = []
    for pool in actual.pools:
        if not pool.url:
            changes.append(CreateQueue(names.queue(desired.repository, pool.resource_class.name), wanted))
        elif dict(pool.attributes) != dict(wanted):
            changes.append(SetQueueAttributes(pool.url, pool.attributes, wanted))
    warnings = [_shorter_retention(change) for change in changes if isinstance(change, SetQueueAttributes)]
    complete = all(pool.url for pool in actual.pools)
    if complete and actual.recorded != records.to_wire(
        _config((each.resource_class, each.url) for each in actual.pools)
    ):
        before = " ".join(sorted((actual.recorded or {}).get("M", {}))) or None
        changes.append(RecordPools(tuple((each.resource_class, each.url) for each in actual.pools), before))
        warnings += [
            f"resource class {name}: nothing uses it any more, so it leaves the table; its queue {url} stays and can "
            "be deleted."
            for name, url in actual.dropped
        ]
    warnings += [
        f"resource class {name}: no longer asked for, but living instances are of it; it stays recorded until they end."
        for name in actual.draining
    ]
    return Plan(tuple(changes), tuple(filter(None, warnings)))


def predict(desired: DesiredState, actual: Actual, changes: Sequence[PoolChange]) -> Actual:
    """Tell which queues and what record there will be once these changes are made."""
    for change in changes:
        match change:
            case CreateQueue(queue=queue, attributes=wanted):
                pools = (
                    Pool(each.resource_class, _future_url(actual, queue), wanted)
                    if names.queue(desired.repository, each.resource_class.name) == queue
                    else each
                    for each in actual.pools
                )
                actual = evolve(actual, pools=tuple(pools))
            case SetQueueAttributes(url=url, attributes=wanted):
                pools = (evolve(each, attributes=wanted) if each.url == url else each for each in actual.pools)
                actual = evolve(actual, pools=tuple(pools))
            case RecordPools():
                actual = evolve(actual, recorded=records.to_wire(_config(change.pools)))
            case _:
                assert_never(change)
    return actual


@frozen
class ResourcePools:
    """Keeps the queues and their record as desired."""

    name: ClassVar[str] = "resource pools"
    desired: DesiredState
    sqs: SQSClient
    dynamodb: DynamoDBClient
    metadata: Metadata
    pool: Executor
    clock: Clock
    created: dict[str, str] = field(factory=dict, init=False, eq=False)
    """URLs of queues that this run created, by name: the record does not have them yet."""

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
            pools=tuple(self.pool.map(self._observe_pool, classes, urls)),
            recorded=recorded,
            draining=tuple(each.name for each in draining),
            dropped=tuple((name, url) for name, (_, url) in leaving.items() if name not in in_use),
        )

    def plan(self, actual: Actual, now: datetime) -> Plan[PoolChange]:  # noqa: ARG002 - the protocol's shape
        """See the module's `plan`."""
        return plan(self.desired, actual)

    def predict(self, actual: Actual, changes: Sequence[PoolChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See the module's `predict`."""
        return predict(self.desired, actual, changes)

    def apply(self, changes: Sequence[PoolChange]) -> Iterator[Outcome]:
        """Create and repair queues side by side; new ones are waited for, so that this run can still record them."""
        yield from self.pool.map(self._apply_one, changes)
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
            case RecordPools():
                return attempt(
                    change, self.metadata.write, names.RESOURCE_CLASS_CONFIG_IDENTIFIER, _config(change.pools)
                )
            case _:
                assert_never(change)

    def _create(self, change: CreateQueue) -> None:
        response = self.sqs.create_queue(QueueName=change.queue, Attributes=_named(change.attributes))
        self.created[change.queue] = response["QueueUrl"]

    def _observe_pool(self, resource_class: ResourceClass, recorded_url: str) -> Pool:
        queue = names.queue(self.desired.repository, resource_class.name)
        plain = names.plain_queue(self.desired.repository, resource_class.name)
        known = self.created.get(queue) or (recorded_url if self._trusted(recorded_url, queue, plain) else "")
        if known and (found := self._attributes(known)) is not None:
            return Pool(resource_class, known, found)
        url = self._url(queue)
        if url and (found := self._attributes(url)) is not None:
            return Pool(resource_class, url, found)
        return Pool(resource_class)

    def _trusted(self, url: str, *queues: str) -> bool:
        """Take a recorded URL for one of ours only at the host that we talk to and with our name.

        Instances write to the table too, and provision talks to whatever host is recorded.
        """
        return url.startswith(f"{self.sqs.meta.endpoint_url.rstrip('/')}/") and url.rpartition("/")[2] in queues

    def _attributes(self, url: str) -> tuple[tuple[str, str], ...] | None:
        try:
            response = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[_VISIBILITY, _RETENTION])
        except errors.NotFound:
            return None
        found = response.get("Attributes", {})
        return tuple((name, found[name]) for name in (_VISIBILITY, _RETENTION) if name in found)

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


def _future_url(actual: Actual, queue: str) -> str:
    """Tell the URL that a queue will have: like those of its neighbours, recorded or there; else its name."""
    recorded = records.mapping({"value": actual.recorded}, "value")
    urls = [each.url for each in actual.pools]
    urls += [records.text(records.mapping(recorded, name), "queueUrl") or "" for name in recorded]
    return next((f"{url.rpartition('/')[0]}/{queue}" for url in urls if "/" in url), queue)


def _read(name: str, entries: Mapping[str, Any]) -> tuple[ResourceClass, str] | None:
    """Read a recorded class; None when it is not one (it then leaves the record without a word)."""
    entry = records.mapping(entries, name)
    cpu, memory, url = (
        records.number(entry, "cpu"),
        records.number(entry, "mmem"),
        records.text(entry, "queueUrl"),
    )
    return (ResourceClass(name, cpu, memory), url) if cpu and memory and url else None


def _config(
    pools: Iterator[tuple[ResourceClass, str]] | Sequence[tuple[ResourceClass, str]],
) -> dict[str, Any]:
    return {each.name: {"cpu": each.cpu, "mmem": each.memory_mib, "queueUrl": url} for each, url in pools}


def _named(pairs: tuple[tuple[str, str], ...]) -> dict[QueueAttributeNameType, str]:
    return cast("dict[QueueAttributeNameType, str]", dict(pairs))


def _shorter_retention(change: SetQueueAttributes) -> str:
    before, after = dict(change.before).get(_RETENTION, "0"), dict(change.attributes)[_RETENTION]
    if int(before) <= int(after):
        return ""
    return f"queue {change.subject}: retention is lowered from {before} s to {after} s; messages older than that go."
