"""DynamoDB: once a day, what the pool did in 24 hours, in the summary of the run.

Runs know of each other by an item with the day of the last summary. The run whose conditional write of it succeeds
reads the history and shows it; a run at any other time makes no call for it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, frozen

from refresh import errors
from refresh.engine.change import Done
from refresh.engine.component import attempt
from refresh.engine.registration import Item, Registration
from refresh.engine.shared_read import LazyRead
from refresh.pool import names, records
from refresh.pool.permissions import STATE_TABLE, Needs
from refresh.reconciler.daily_summary import observe, policy
from refresh.reconciler.daily_summary.actual import Actual
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.state_table import StateTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome, Plan
    from refresh.pool.history_summary import Summary
    from refresh.reconciler.daily_summary.changes import ShowSummary
    from refresh.reconciler.dependencies import Dependencies


@frozen
class DailySummary:
    """Shows what the pool did, in one run a day."""

    name: ClassVar[str] = "daily summary"
    desired: DesiredState
    metadata: MetadataItems
    history: LazyRead[Summary]
    """Reads the history once this run has to show it."""

    def observe(self) -> Actual:
        """Return the stored day; the history as well once this run has written the day. Without the input, nothing."""
        if self.desired.daily_summary is None:
            return Actual()
        actual = Actual(self.metadata.read(names.DAILY_SUMMARY_IDENTIFIER).get("value"))
        if not self.history.begun:
            return actual
        try:
            return evolve(actual, history=self.history())
        except errors.ApiError as error:
            return evolve(actual, unread=policy.unread(error))

    def plan(self, actual: Actual, now: datetime) -> Plan[ShowSummary]:
        """See `policy.plan`."""
        return policy.plan(self.desired, actual, now)

    def apply(self, changes: Sequence[ShowSummary]) -> Iterator[Outcome]:
        """Write the day, and start to read; if another run was first, that one shows it."""
        for change in changes:
            written, condition = change.day.isoformat(), policy.unchanged(change.before)
            outcome = attempt(change, self.metadata.write, names.DAILY_SUMMARY_IDENTIFIER, written, condition)
            if isinstance(outcome, Done):
                self.history.begin()
            yield outcome

    def predict(self, actual: Actual, changes: Sequence[ShowSummary], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """Return the day after these changes."""
        return evolve(actual, stored=records.to_wire(changes[-1].day.isoformat())) if changes else actual


COMPONENT: Registration[Dependencies] = Registration(
    name=DailySummary.name,
    kept_in="an item of the table",
    keeps="the day of the last summary of 24 hours; with `daily-summary`",
    changes="writes it, reads the history and adds it to the summary of the run",
    checked="the first run after `daily-summary`",
    calls={
        "dynamodb:Query": Needs(
            "once a day: the records, their history and what runs asked for", STATE_TABLE, only_with="daily-summary"
        ),
    },
    items=(
        Item(
            names.DAILY_SUMMARY_IDENTIFIER,
            "S",
            "the day of the last daily summary, in UTC: `2026-01-31`; only with `daily-summary`",
            "refresh alone",
        ),
    ),
    after=(StateTable.name, GarbageCollector.name),
    build=lambda given: DailySummary(
        given.desired,
        given.prefetch.metadata,
        LazyRead(
            given.executor,
            partial(observe.read, given.desired, given.clients.dynamodb, given.collected, given.clock),
        ),
    ),
)
