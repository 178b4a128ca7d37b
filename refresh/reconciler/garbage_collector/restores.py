"""A table that was restored from a backup: which of its records are out of date, and what may be done by them; pure.

A restored record says how an instance was at the time of the backup. Its threshold has usually passed since, while the
instance may be running another job by now.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_RestoreSummary.html
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.pool import records
from refresh.pool.ec2_instances import Ec2State
from refresh.reconciler.garbage_collector.changes import Mark, Reason
from refresh.reconciler.garbage_collector.skip_reasons import SkipReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.pool.ec2_instances import Ec2Instance
    from refresh.reconciler.garbage_collector.changes import CollectorChange


@frozen
class Restore:
    """The restore that the table comes from."""

    to: datetime
    """The time of the backup: every record was at most this old."""
    made_at: datetime
    """When the table was made from it: nothing was written to it before."""

    def covers(self, record: records.InstanceRecord) -> bool:
        """Whether a record was not written since; one without a readable time proves nothing."""
        written = records.read_moment(record.updated_at)
        return written is None or written <= self.made_at

    @property
    def out_of_date(self) -> SkipReason:
        """Give the reason to leave a living instance alone: its record was not written since."""
        return SkipReason(
            f"alive and due to end only by a record that is older than the restore of the table to {self._told}",
            "None was touched: write a later threshold into the record of each one that has a job, and end the others "
            'by hand; see "When the table was lost" in docs/operations.md',
            fails=True,
        )

    @property
    def lost(self) -> SkipReason:
        """Give the reason to leave a living instance alone that may have been recorded after the backup."""
        return SkipReason(
            f"alive, launched before the table was restored to {self._told} and not recorded in it",
            "None was touched: end each by hand once its job is over",
            fails=True,
        )

    @property
    def _told(self) -> str:
        return records.wire_time(self.to)


def restore_of(description: Mapping[str, Any] | None) -> Restore | None:
    """Read from DynamoDB's description of a table from what it was restored; None for a table that was not."""
    summary = (description or {}).get("RestoreSummary") or {}
    to = records.read_moment(summary.get("RestoreDateTime"))
    if to is None:
        return None
    made_at = records.read_moment((description or {}).get("CreationDateTime"))
    return Restore(to, max(to, made_at or to))


def reconsidered(
    mark: Mark, instance: Ec2Instance, restore: Restore, now: datetime, grace: timedelta
) -> CollectorChange | SkipReason | None:
    """Judge again what is due by its record: no living instance ends by an outdated one.

    What EC2 has ended, or has not known for a while, has no job to lose.
    """
    if mark.reason is Reason.VANISHED or not restore.covers(mark.record):
        return mark
    match instance.state:
        case Ec2State.TERMINATED:
            return Mark(mark.record, Reason.VANISHED, now)
        case Ec2State.SHUTTING_DOWN:
            return None
        case Ec2State.UNKNOWN:
            return mark if now - restore.made_at > grace else None
        case _:
            return restore.out_of_date
