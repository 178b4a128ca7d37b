"""DynamoDB, SQS and EC2: the owner's tags on what refresh makes; only those keys are compared and repaired.

What else is on a resource, and what is no longer asked for, is left alone: others tag it too.
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from refresh import errors
from refresh.desired import Tags
from refresh.engine.change import Change, Difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


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


@frozen
class Found:
    """The tags of a resource whose keys are wanted, or why they could not be read."""

    tags: Tags = ()
    unread: str = ""

    def after(self, tags: Tags) -> Found:
        """Give what there is once some are set."""
        return Found(tuple(sorted({**dict(self.tags), **dict(tags)}.items())))


def look(wanted: Tags, read: Callable[[], Mapping[str, str]]) -> Found:
    """Read a resource's tags, where some are wanted; that they cannot be read must stop nothing else.

    A resource that was made a moment ago, with its tags, may not be known yet to who lists them: the next run looks.
    """
    if not wanted:
        return Found()
    try:
        found = read()
    except errors.NotFound:
        return Found(wanted)
    except errors.CredentialsExpired:
        raise
    except errors.ApiError as error:
        return Found(unread=str(error))
    return Found(tuple((key, found[key]) for key, _ in wanted if key in found))


def due(resource: str, address: str, wanted: Tags, found: Found) -> tuple[TagResource, ...]:
    """Plan the tags of a resource that exists: one change for all that differ, or none."""
    if found.unread:
        return ()
    present = dict(found.tags)
    differing = tuple((key, value) for key, value in wanted if present.get(key) != value)
    return (TagResource(resource, address, differing, found.tags),) if differing else ()


def refusals(resource: str, found: Found) -> tuple[str, ...]:
    """Say what was not compared; the run fails for it."""
    return (f"the tags of {resource} were not compared: {found.unread}",) if found.unread else ()


def written(tags: Tags) -> list[Any]:
    """Write tags as DynamoDB and EC2 take them, each of whose stubs has a type of its own for it."""
    return [{"Key": key, "Value": value} for key, value in tags]


def by_key(listed: Iterable[Any]) -> Mapping[str, str]:
    """Read tags as DynamoDB and EC2 list them."""
    return {each.get("Key", ""): each.get("Value", "") for each in listed}
