"""A table restored from a backup: which records are out of date, and what the collector may still do by them; pure.

A restored record describes its instance at the time of the backup. Its threshold has usually passed since, although the
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
    """The restore that created the table."""

    to: datetime
    """The time of the backup: no record is newer."""
    made_at: datetime
    """When the table was created from the backup: later writes are current."""

    def covers(self, record: records.InstanceRecord) -> bool:
        """Whether a record is out of date: not written since the restore, as far as its time can be read."""
        written = records.read_moment(record.updated_at)
        return written is None or written <= self.made_at

    @property
    def out_of_date(self) -> SkipReason:
        """Return why a living instance with an outdated record is left alone."""
        return SkipReason(
            f"alive, and due only by a record that predates the restore of the table to {self._date}",
            "None was terminated. Write a later threshold into the record of each one that has a job, and terminate "
            'the others; see "When the table was lost" in docs/operations.md',
            fails=True,
        )

    @property
    def lost(self) -> SkipReason:
        """Return why a living instance is left alone that may have been recorded after the backup."""
        return SkipReason(
            f"alive, launched before the restore of the table to {self._date}, and not recorded in it",
            "None was terminated: terminate each one once its job is over",
            fails=True,
        )

    @property
    def _date(self) -> str:
        return records.wire_time(self.to)


def restore_of(description: Mapping[str, Any] | None) -> Restore | None:
    """Read the restore from DynamoDB's description of a table; None for a table that was not restored."""
    summary = (description or {}).get("RestoreSummary") or {}
    to = records.read_moment(summary.get("RestoreDateTime"))
    if to is None:
        return None
    made_at = records.read_moment((description or {}).get("CreationDateTime"))
    return Restore(to, max(to, made_at or to))


def reconsidered(
    mark: Mark, instance: Ec2Instance, restore: Restore, now: datetime, grace: timedelta
) -> CollectorChange | SkipReason | None:
    """Judge a mark again: an outdated record ends no living instance.

    An instance that EC2 has terminated, or has not known for a while, has no job to lose.
    """
    if mark.reason is Reason.VANISHED or not restore.covers(mark.record):
        return mark
    match instance.state:
        case Ec2State.TERMINATED:
            return Mark(mark.record, Reason.VANISHED, now, instance.launched_at)
        case Ec2State.SHUTTING_DOWN:
            return None
        case Ec2State.UNKNOWN:
            return mark if now - restore.made_at > grace else None
        case _:
            return restore.out_of_date
