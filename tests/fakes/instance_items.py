"""The tags and items of an instance as others write them: provision its tags and record, its own agent the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refresh.pool import records

if TYPE_CHECKING:
    from datetime import datetime

EXPIRED_FOR = timedelta(minutes=5)
PROVISION_TAGS = {"AllowSelfTermination": "true", "InitialRunId": "42"}
"""The tags that provision gives an instance at its launch."""


def record(identifier: str, written_at: datetime, **changed: Any) -> records.Item:
    """Give a record that was idle and had expired when it was written; an attribute that is None is left out."""
    attributes = {
        "state": "idle",
        "runId": "",
        "threshold": records.wire_time(written_at - EXPIRED_FOR),
        "resourceClass": "large",
        "instanceType": "t3.micro",
        "usageClass": "on-demand",
        **changed,
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    return records.item(records.INSTANCE, identifier, written_at, **present)


def artifacts(identifier: str, written_at: datetime, run: str = "42") -> tuple[records.Item, records.Item]:
    """Give a heartbeat, and the signal that the runner of a run is registered."""
    return (
        records.item(records.HEARTBEAT, identifier, written_at, value="PING"),
        records.item(records.SIGNAL, identifier, written_at, value={"state": "UD_REG_OK", "runId": run}),
    )
