"""The one change: show the summary of a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from attrs import field, frozen

from refresh.engine.change import Change


@frozen
class ShowSummary(Change):
    """Write the date, so that no other run shows the same, and show what the pool did in the last 24 hours."""

    noun: ClassVar[str] = "daily_summary"
    verb: ClassVar[str] = "show"
    done: ClassVar[str] = "shown"
    day: date
    """The day, in UTC, on which the summary is due."""
    before: Mapping[str, Any] | None = field(default=None, eq=False)
    """The stored value in DynamoDB's low-level form."""

    @property
    def subject(self) -> str:
        return f"of {self.day.isoformat()}"

    @property
    def note(self) -> str:
        return "what the pool did in 24 hours"
