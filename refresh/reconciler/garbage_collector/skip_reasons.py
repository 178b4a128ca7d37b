"""What the collector leaves alone although something may be due, and what its owner can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import names
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Iterable


@frozen
class SkipReason:
    """Why an instance is left alone although something may be due, and what its owner can do."""

    problem: str
    remedy: str
    fails: bool = False
    """Whether the run fails for it."""

    def about(self, ids: Iterable[str]) -> str:
        """Say it of some instances."""
        return f"{enumerated(ids)}: {self.problem}. {self.remedy}."


UNPROVEN = SkipReason(
    "the record names an instance that EC2 does not show to be of this pool",
    "Nothing was done to it. Find out who wrote the record: jobs on a runner can",
)
PROTECTED = SkipReason(
    f"it is due to end but tagged {names.PROTECTION_TAG}=true",
    "Remove the tag when you are done with it",
)
UNREADABLE_THRESHOLD = SkipReason(
    "its threshold cannot be read", "It never expires by itself: correct or delete the record"
)
WITHOUT_THRESHOLD = SkipReason(
    "it has no threshold and EC2 does not know it", "It never expires by itself: delete the record"
)
ENDLESS = SkipReason(
    "it is alive, older than max-instance-age and has no threshold, so it would stay for ever",
    "End it by hand, or write a threshold into its record",
    fails=True,
)
UNREADABLE_FOR_EVER = SkipReason(
    "it is alive and older than max-instance-age, and its record or its threshold cannot be read, so it would stay for "
    "ever",
    "End it by hand, or correct the record",
    fails=True,
)
FAR_THRESHOLD = SkipReason(
    "it is alive and older than max-instance-age, and its threshold is further away than any run may last",
    "Find out who wrote it (a job can), and end the instance by hand or correct the record",
    fails=True,
)
UNDATED = SkipReason("EC2 does not know it and its mark has no readable time", "Delete the record")
UNRECORDED = SkipReason(
    "launched from this pool's template, recorded nowhere, and more than max-unexpected-terminations allows",
    "None was touched. Find out why (a deleted record, an emptied table); raise the limit for one run to end them",
    fails=True,
)
EMPTIED = SkipReason(
    "alive, while the table holds no instance record at all",
    "None was touched: the table looks emptied. Restore it, or end the instances by hand",
    fails=True,
)
