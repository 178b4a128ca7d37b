"""Proof that an instance is the pool's: launch templates and tags; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, fields, frozen

from refresh.pool import records

if TYPE_CHECKING:
    from refresh.pool.ec2_instances import Ec2Instance

TEMPLATE_TAG = "aws:ec2launchtemplate:id"
VERSION_TAG = "aws:ec2launchtemplate:version"
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
    template_version: str | None = field(default=None, metadata={"tag": VERSION_TAG})
    """Set by EC2: the version of that template."""
    self_termination: str | None = field(default=None, metadata={"tag": SELF_TERMINATION_TAG})
    """Set by provision, `true`."""
    initial_run: str | None = field(default=None, metadata={"tag": INITIAL_RUN_TAG})
    """Set by provision: the run that the instance was launched for."""
    protection: str | None = field(default=None, metadata={"tag": PROTECTION_TAG})
    """Set by the pool's owner: with `true` the instance is left alone."""


TAGS: Mapping[str, str] = {each.metadata["tag"]: each.name for each in fields(InstanceTags)}
"""The field of each tag, by the tag's name. Owners cannot set these tags through the input `tags`."""


def instance_tags(tags: InstanceTags | Mapping[str, str]) -> InstanceTags:
    """Keep the tags that refresh reads."""
    if isinstance(tags, InstanceTags):
        return tags
    return InstanceTags(**{TAGS[name]: value for name, value in tags.items() if name in TAGS})


@frozen
class TemplateIds:
    """The pool's launch template in EC2: its current id ("" for none) and its former ids."""

    current: str = ""
    former: tuple[str, ...] = ()
    unread: bool = False
    """Whether EC2 did not report the current id."""

    @property
    def known(self) -> tuple[str, ...]:
        """Every id that instances of this pool may have.

        Jobs can write the former ids: a wildcard would match the whole account, and EC2 would refuse a request with a
        text of another form.
        """
        return tuple(each for each in (self.current, *self.former) if _TEMPLATE_ID.fullmatch(each))


def former_ids(recorded: Mapping[str, Any] | None, template_id: str) -> tuple[str, ...]:
    """List the ids of this pool's template before `template_id`, the newest last."""
    value = records.mapping({"value": recorded}, "value")
    listed = value.get("formerIds", {}).get("L", [])
    known = [*(each.get("S", "") for each in listed), records.text(value, "id") or ""]
    return tuple(each for each in dict.fromkeys(known) if each and each != template_id)[-_FORMER_IDS_KEPT:]


def proven(instance: Ec2Instance, template_ids: TemplateIds) -> bool:
    """Whether EC2 itself shows that the instance is this pool's.

    It was launched from the pool's template, or has provision's tags and was launched from a former one or none.
    """
    tags = instance.tags
    if tags.template_id and tags.template_id == template_ids.current:
        return True
    tagged = tags.self_termination == "true" and tags.initial_run is not None
    return tagged and (tags.template_id is None or tags.template_id in template_ids.former)
