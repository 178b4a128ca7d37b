"""Which instances are the pool's: the launch templates and the tags that prove it; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.pool import names, records

if TYPE_CHECKING:
    from refresh.pool.ec2_instances import Ec2Instance

TEMPLATE_TAG = "aws:ec2launchtemplate:id"
_FORMER_IDS_KEPT = 20
_TEMPLATE_ID = re.compile(r"lt-[0-9A-Za-z]{1,32}")


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
    template_id = instance.tags.get(TEMPLATE_TAG)
    if template_id and template_id == template_ids.current:
        return True
    tagged = instance.tags.get(names.SELF_TERMINATION_TAG) == "true" and names.INITIAL_RUN_TAG in instance.tags
    return tagged and (template_id is None or template_id in template_ids.former)
