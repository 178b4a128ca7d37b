"""Signals and heartbeats of instances: what they say of the registration on GitHub, and whether the agent works; pure.

The agent writes both; docs/table.md has their form. Jobs can write them as well, so neither proves that an instance is
the pool's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from refresh.pool import records

BOOTED = "UD_OK"
REGISTERED = "UD_REG_OK"
LEFT = "UD_REMOVE_REG_REMOVE_RUN_OK"
SCRIPT_FAILED = "UD_FAILED"
REGISTRATION_FAILED = "UD_REG_FAILED"
_FAILED = "_FAILED"

BEATS_WITHIN = timedelta(seconds=15)
"""How old the last heartbeat of a working agent may be; it writes one every 5 seconds."""
SIGNAL_LIFETIME = timedelta(days=1)
"""How long a signal is kept; an older one is absent."""


@frozen
class Signal:
    """The last signal of an agent: the state that it reports, and for which label."""

    state: str
    run_id: str = ""
    at: datetime | None = field(default=None, eq=False)
    """When it was written; None if that cannot be read."""

    def registered_for(self, label: str) -> bool:
        """Whether the runner is registered with the label."""
        return self == Signal(REGISTERED, label)

    def failed_for(self, label: str) -> bool:
        """Whether the agent has failed at what the label needs."""
        return self.run_id == label and self.state.endswith(_FAILED)


def read_signal(item: Mapping[str, Any]) -> Signal:
    """Read a WS item; one that cannot be read has the state ""."""
    value = records.mapping(item, "value")
    at = records.read_time(records.text(item, "updatedAt") or "")
    return Signal(records.text(value, "state") or "", records.text(value, "runId") or "", at)


def read_beat(item: Mapping[str, Any]) -> datetime | None:
    """Read when a HEARTBEAT item was written."""
    return records.read_time(records.text(item, "updatedAt") or "")


def beating(beat: datetime | None, now: datetime) -> bool:
    """Whether the last heartbeat is recent."""
    return beat is not None and now - beat <= BEATS_WITHIN
