"""What can be done to the queues and their record."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from refresh.desired import ResourceClass, Tags
from refresh.engine.change import Change, Difference
from refresh.engine.tagging import TagResource


@frozen
class CreateQueue(Change):
    """Create a queue; it is no error if it exists with these attributes."""

    noun: ClassVar[str] = "queue"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    sign: ClassVar[str] = "+"
    queue: str
    attributes: tuple[tuple[str, str], ...]
    tags: Tags = ()

    @property
    def subject(self) -> str:
        return self.queue

    @property
    def differences(self) -> tuple[Difference, ...]:
        tags = ((f"tag {key}", value) for key, value in self.tags)
        return tuple(Difference(name, None, value) for name, value in (*self.attributes, *tags))


@frozen
class SetQueueAttributes(Change):
    """Set a queue's attributes."""

    noun: ClassVar[str] = "queue"
    verb: ClassVar[str] = "set attributes of"
    done: ClassVar[str] = "attributes_set"
    url: str
    # Not compared: SQS reads attributes back late, and not all at once.
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


PoolChange = CreateQueue | SetQueueAttributes | TagResource | RecordPools
