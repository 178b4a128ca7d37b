"""What the collector judges: EC2's instances and the table's records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from attrs import field, frozen

from refresh import errors
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance
from refresh.pool.ownership import TemplateIds
from refresh.reconciler.garbage_collector.restores import Restore


@frozen
class Actual:
    """EC2's instances by id, read before the records."""

    instances: Mapping[str, Ec2Instance] = field(factory=dict)
    records: tuple[records.InstanceRecord | records.Unreadable, ...] = ()
    template_ids: TemplateIds = TemplateIds()  # noqa: RUF009 - it is frozen
    skew: timedelta = timedelta()
    """How far AWS's clock is ahead of this machine's."""
    restore: Restore | None = None
    """The restore that the table comes from; None if it was not restored."""
    unlisted: errors.Unavailable | None = None
    """Why EC2 did not list the pool's instances, so that only recorded ones are known; None if it did."""
    unanswered: frozenset[str] = frozenset()
    """Recorded ids for which EC2 gave no answer."""
