"""Which instances are the pool's: the launch templates and the tags that prove it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, fields, frozen

from refresh.pool import records

if TYPE_CHECKING:
    from refresh.pool.ec2_instances import Ec2Instance

TEMPLATE_TAG = "aws:ec2launchtemplate:id"
SELF_TERMINATION_TAG = "AllowSelfTermination"
INITIAL_RUN_TAG = "InitialRunId"
PROTECTION_TAG = "refresh-action:protect"
_FORMER_IDS_KEPT = 20
_TEMPLATE_ID = re.compile(r"lt-[0-9A-Za-z]{1,32}")


@frozen
class InstanceTags:
    """The tags of an instance that refresh reads, a field each; EC2's other tags are not kept."""

    template_id: str | None = field(default=None, metadata={"tag": TEMPLATE_TAG})
    """Set by EC2: the launch template that the instance was launched from."""
    self_termination: str | None = field(default=None, metadata={"tag": SELF_TERMINATION_TAG})
    """Set by provision, `true`."""
    initial_run: str | None = field(default=None, metadata={"tag": INITIAL_RUN_TAG})
    """Set by provision: the run that the instance was launched for."""
    protection: str | None = field(default=None, metadata={"tag": PROTECTION_TAG})
    """Set by the pool's owner: with `true` the instance is left alone."""


TAGS: Mapping[str, str] = {each.metadata["tag"]: each.name for each in fields(InstanceTags)}
"""The field of each tag, by the tag's name. Owners cannot set these tags through the input `tags`."""


def instance_tags(tags: InstanceTags | Mapping[str, str]) -> InstanceTags:
    """Keep the tags that are read."""
    if isinstance(tags, InstanceTags):
        return tags
    return InstanceTags(**{TAGS[name]: value for name, value in tags.items() if name in TAGS})


@frozen
class TemplateIds:
    """The pool's launch template in EC2: its id now ("" if there is none) and the ids it had before."""

    current: str = ""
    former: tuple[str, ...] = ()
    unread: bool = False
    """Whether EC2 did not say which the current one is."""

    @property
    def known(self) -> tuple[str, ...]:
        """Every id that instances of this pool may carry.

        Jobs may write the former ones: a wildcard would ask EC2 for the whole account, and at a text of another
        shape it would refuse every look.
        """
        return tuple(each for each in (self.current, *self.former) if _TEMPLATE_ID.fullmatch(each))


def former_ids(recorded: Mapping[str, Any] | None, template_id: str) -> tuple[str, ...]:
    """List the ids that this pool's template had before `template_id`, the newest last."""
    value = records.mapping({"value": recorded}, "value")
    listed = value.get("formerIds", {}).get("L", [])
    known = [*(each.get("S", "") for each in listed), records.text(value, "id") or ""]
    return tuple(each for each in dict.fromkeys(known) if each and each != template_id)[-_FORMER_IDS_KEPT:]


def proven(instance: Ec2Instance, template_ids: TemplateIds) -> bool:
    """Whether EC2 itself shows that the instance is this pool's.

    Launched from the pool's template; or from one of its former ones, or without any, and tagged as provision tags.
    """
    tags = instance.tags
    if tags.template_id and tags.template_id == template_ids.current:
        return True
    tagged = tags.self_termination == "true" and tags.initial_run is not None
    return tagged and (tags.template_id is None or tags.template_id in template_ids.former)
