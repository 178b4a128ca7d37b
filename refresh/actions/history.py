"""`refresh-action status --since`: shows what the pool did, from what its table has of it, and writes nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from textwrap import wrap
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.actions.status import NO_POOL
from refresh.dynamodb import history
from refresh.output import history_chart, history_figures, history_report
from refresh.output.pool_table import aligned
from refresh.pool import names, records
from refresh.pool.history_summary import Summary, summarize
from refresh.reconciler import prefetch
from refresh.text import enumerated, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from refresh.desired import DesiredState
    from refresh.ports import Clients, Clock

WIDTH = 80


@frozen
class Look:
    """What a pool did in a time."""

    repository: str
    region: str
    at: datetime
    since: timedelta
    prices: tuple[tuple[str, Decimal], ...]
    summary: Summary | None
    """None if the state table does not exist."""

    @property
    def exists(self) -> bool:
        """Whether there is a pool."""
        return self.summary is not None

    def lines(self) -> Iterator[str]:
        """Yield the lines for a person, at most 80 characters each but for long names."""
        yield f"{self.repository} in {self.region}, {lasting(self.since)} until {records.wire_time(self.at)}"
        summary = self.summary
        if summary is None:
            yield NO_POOL
            return
        if not summary.builds and not summary.classes:
            yield "nothing: no build asked for a machine, and no machine lived"
            return
        figures = list(history_figures.figures(summary))
        width = max(len(name) for name, _ in figures)
        for name, text in figures:
            yield from wrap(f"{name:{width}}  {text}", WIDTH, subsequent_indent=" " * (width + 2))
        if summary.builds:
            yield ""
            yield from history_chart.lines(summary.hours)
        if summary.classes:
            yield ""
            yield from aligned(history_figures.classes(summary.classes))
        for note in _notes(summary, self.prices):
            yield ""
            yield from wrap(note, WIDTH)

    def as_json(self) -> str:
        """Return one line for a program; docs/history.schema.json describes it."""
        return json.dumps(
            {
                "repository": self.repository,
                "region": self.region,
                "at": records.wire_time(self.at),
                "history": history_report.history(self.summary) if self.summary else None,
            }
        )


def look(desired: DesiredState, clients: Clients, clock: Clock, since: timedelta) -> Look:
    """Read the history, in four calls to DynamoDB, and one more for each further megabyte of items."""
    at, table = clock.now(), names.table(desired.repository)
    exists = prefetch.describe_table(clients.dynamodb, table) is not None
    period = history.read(clients.dynamodb, table, at - since, at) if exists else None
    summary = summarize(period, dict(desired.prices)) if period else None
    return Look(str(desired.repository), desired.region, at, since, desired.prices, summary)


def _notes(summary: Summary, prices: tuple[tuple[str, Decimal], ...]) -> Iterator[str]:
    """Say what the figures do not have."""
    if missing := history_figures.unknown(summary.classes):
        yield missing
    seen = {each.resource_class for each in summary.classes}
    if unused := [name for name, _ in prices if name not in seen]:
        yield f"prices without a machine in this time: {enumerated(unused)}"
    if prices and (unpriced := sorted(seen - {name for name, _ in prices})):
        yield f"no price for {enumerated(unpriced)}: add it to --prices to see the cost"
