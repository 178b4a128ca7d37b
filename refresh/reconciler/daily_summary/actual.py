"""When the summary of a day was shown last, and what it says if this run shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from refresh.pool.history_summary import Summary


@frozen
class Actual:
    """The stored date, and what this run read because it shows the summary."""

    stored: Mapping[str, Any] | None = None
    """The value of the item in DynamoDB's low-level form; None without one."""
    history: Summary | None = None
    """None if this run does not show the summary, or could not read it."""
    unread: str = ""
    """Why this run could not read what it has to show."""
