"""EC2: an instance as it describes it, and the launch templates by which it is known to be the pool's; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

from attrs import field, frozen

from refresh import errors
from refresh.pool import names, records

TEMPLATE_TAG = "aws:ec2launchtemplate:id"
_FORMER_IDS_KEPT = 20
_TEMPLATE_ID = re.compile(r"lt-[0-9A-Za-z]{1,32}")


class Ec2State(Enum):
    """The instance states of EC2, and two that it has no word for.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
    """

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    UNKNOWN = "unknown"
    OTHER = "other"
    """One that EC2 has learnt since: it counts as alive, so nothing of it is cleaned."""

    @classmethod
    def _missing_(cls, value: object) -> Ec2State:  # noqa: ARG003 - the enum's shape
        return cls.OTHER

    @property
    def alive(self) -> bool:
        """Whether it can still run a job or cost money for one."""
        return self not in (Ec2State.SHUTTING_DOWN, Ec2State.TERMINATED, Ec2State.UNKNOWN)


@frozen
class Machine:
    """An instance as EC2 describes it."""

    id: str
    state: Ec2State
    launched_at: datetime | None = None
    tags: Mapping[str, str] = field(factory=dict)

    @property
    def protected(self) -> bool:
        """Whether its owner wants it kept, to look at it."""
        return self.tags.get(names.PROTECTION_TAG) == "true"


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


@frozen
class Launched:
    """The instances that were launched from the pool's templates, and these."""

    template_ids: TemplateIds = TemplateIds()
    machines: Mapping[str, Machine] = field(factory=dict)
    unlisted: errors.Unavailable | None = None
    """Why EC2 did not list them; None where it did."""


def former_ids(recorded: Mapping[str, Any] | None, template_id: str) -> tuple[str, ...]:
    """List the ids that this pool's template had before `template_id`, the newest last."""
    value = records.mapping({"value": recorded}, "value")
    listed = value.get("formerIds", {}).get("L", [])
    known = [*(each.get("S", "") for each in listed), records.text(value, "id") or ""]
    return tuple(each for each in dict.fromkeys(known) if each and each != template_id)[-_FORMER_IDS_KEPT:]
