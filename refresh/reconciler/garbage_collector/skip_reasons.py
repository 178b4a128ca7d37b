"""Why the collector leaves an instance alone that may be due, and what the pool's owner can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import ownership
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterable


@frozen
class SkipReason:
    """A problem and its remedy."""

    problem: str
    remedy: str
    fails: bool = False
    """Whether the run fails."""

    def about(self, ids: Iterable[str]) -> str:
        """Return the message about these instances."""
        return f"{enumerated(ids)}: {self.problem}. {self.remedy}."


UNPROVEN = SkipReason(
    "EC2 does not show that the instance belongs to this pool",
    "It was left alone. Find out who wrote its record: jobs on a runner can",
)
PROTECTED = SkipReason(
    f"due to end, but tagged {ownership.PROTECTION_TAG}=true",
    "It was left alone: remove the tag when you no longer need the instance",
)
UNREADABLE_THRESHOLD = SkipReason("its threshold cannot be read", "It never expires: correct or delete the record")
WITHOUT_THRESHOLD = SkipReason(
    "its record has no threshold, and EC2 does not know the instance", "It never expires: delete the record"
)
ENDLESS = SkipReason(
    "alive and older than max-instance-age, and its record has no threshold, so it would never end",
    "Terminate it, or write a threshold into its record",
    fails=True,
)
UNREADABLE_FOR_EVER = SkipReason(
    "alive and older than max-instance-age, and its record or threshold cannot be read, so it would never end",
    "Terminate it, or correct the record",
    fails=True,
)
FAR_THRESHOLD = SkipReason(
    "alive and older than max-instance-age, and its threshold exceeds the longest possible run",
    "Find out who wrote it (a job can), then terminate the instance or correct the record",
    fails=True,
)
UNDATED = SkipReason("EC2 does not know the instance, and its mark has no readable time", "Delete the record")
UNRECORDED = SkipReason(
    "launched from this pool's template but not recorded, and more than max-unexpected-terminations allows",
    "None was terminated. Find out why (a deleted record, an emptied table); to terminate them, raise the limit for "
    "one run",
    fails=True,
)
EMPTIED = SkipReason(
    "alive, but the table has no instance records",
    "None was terminated, because the table seems to have been emptied. Restore it, or terminate the instances",
    fails=True,
)
