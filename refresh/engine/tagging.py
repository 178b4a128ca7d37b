"""DynamoDB, SQS and EC2: the owner's tags on the resources of the pool; only these keys are compared and set.

Other tags of a resource, and those no longer wanted, are left alone: other tools tag it too.
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
    """Kind and name of the resource, for people."""
    address: str
    """How its API identifies it: an ARN, a URL or an id."""
    tags: Tags
    # Not compared: tags are read back late.
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
    """The wanted tags that a resource has, or why they could not be read."""

    tags: Tags = ()
    unread: str = ""

    def after(self, tags: Tags) -> Found:
        """Return the tags after some are set."""
        return Found(tuple(sorted({**dict(self.tags), **dict(tags)}.items())))


def look(wanted: Tags, read: Callable[[], Mapping[str, str]]) -> Found:
    """Read a resource's tags if some are wanted; an error here must not stop the component.

    The tags of a resource that was created a moment ago may not be listed yet: the next run checks them.
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
    """Plan one change for all tags of an existing resource that differ, or none."""
    if found.unread:
        return ()
    present = dict(found.tags)
    differing = tuple((key, value) for key, value in wanted if present.get(key) != value)
    return (TagResource(resource, address, differing, found.tags),) if differing else ()


def refusals(resource: str, found: Found) -> tuple[str, ...]:
    """Report unread tags; the run fails for them."""
    return (f"the tags of {resource} were not compared: {found.unread}",) if found.unread else ()


def written(tags: Tags) -> list[Any]:
    """Write tags as DynamoDB and EC2 take them; the stubs of each have their own type."""
    return [{"Key": key, "Value": value} for key, value in tags]


def by_key(listed: Iterable[Any]) -> Mapping[str, str]:
    """Read tags as DynamoDB and EC2 list them."""
    return {each.get("Key", ""): each.get("Value", "") for each in listed}
