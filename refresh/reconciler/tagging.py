"""DynamoDB, SQS and EC2: the owner's tags on what refresh makes; only those keys are compared and repaired.

What else is on a resource, and what is no longer asked for, is left alone: others tag it too.
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from refresh.desired import Tags
from refresh.report import Change, Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@frozen
class TagResource(Change):
    """Set those tags of a resource that differ."""

    noun: ClassVar[str] = "tags"
    verb: ClassVar[str] = "set"
    done: ClassVar[str] = "set"
    resource: str
    """Its kind and name, for people."""
    address: str
    """What its API calls it by: an ARN, a URL or an id."""
    tags: Tags
    # It takes no part in equality: tags are read back late.
    before: Tags = field(eq=False)

    @property
    def subject(self) -> str:
        return f"of {self.resource}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        present = dict(self.before)
        return tuple(Difference(key, present.get(key), value) for key, value in self.tags)


def due(resource: str, address: str, wanted: Tags, found: Tags) -> tuple[TagResource, ...]:
    """Plan the tags of a resource that exists: one change for all that differ, or none."""
    present = dict(found)
    differing = tuple((key, value) for key, value in wanted if present.get(key) != value)
    return (TagResource(resource, address, differing, found),) if differing else ()


def merged(found: Tags, tags: Tags) -> Tags:
    """Give the tags that a resource has once some are set."""
    return tuple(sorted({**dict(found), **dict(tags)}.items()))


def written(tags: Tags) -> list[Any]:
    """Write tags as DynamoDB and EC2 take them, each of whose stubs has a type of its own for it."""
    return [{"Key": key, "Value": value} for key, value in tags]


def read(listed: Iterable[Any], wanted: Tags) -> Tags:
    """Read tags as DynamoDB and EC2 list them: those with keys that are wanted."""
    return chosen({each["Key"]: each["Value"] for each in listed}, wanted)


def chosen(found: Mapping[str, str], wanted: Tags) -> Tags:
    """Keep the tags whose keys are wanted."""
    return tuple((key, found[key]) for key, _ in wanted if key in found)
