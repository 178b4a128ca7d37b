"""The tags and items of an instance as others write them: provision its tags and record, its own agent the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refresh.pool import records, signals
from tests.fakes.runner_role import ROLE_ID

if TYPE_CHECKING:
    from datetime import datetime

EXPIRED_FOR = timedelta(minutes=5)
PROVISION_TAGS = {"AllowSelfTermination": "true", "InitialRunId": "42"}
"""The tags that provision gives an instance at its launch."""
_REPORT_LIFETIME = timedelta(days=1)


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


def artifacts(
    identifier: str, written_at: datetime, run: str = "42", state: str = signals.REGISTERED
) -> tuple[records.Item, records.Item]:
    """Give a heartbeat, and the signal that the runner of a run is registered, where the original action reads them."""
    return heartbeat(identifier, written_at), signal(identifier, written_at, state, run)


def heartbeat(identifier: str, written_at: datetime) -> records.Item:
    """Give a heartbeat where the original action reads it."""
    return records.item(records.HEARTBEAT, identifier, written_at, value="PING")


def signal(identifier: str, written_at: datetime, state: str, run: str) -> records.Item:
    """Give a signal where the original action reads it."""
    return records.item(records.SIGNAL, identifier, written_at, value={"state": state, "runId": run})


def report(  # noqa: PLR0913 - a report has that many parts
    identifier: str,
    beat: datetime,
    state: str = "",
    run: str = "",
    *,
    signalled_at: datetime | None = None,
    reclaimed_at: datetime | None = None,
    role_id: str = ROLE_ID,
) -> records.Item:
    """Give what an agent reports in the item that only it can write: when it beat last, and its last signal.

    The signal is as old as the heartbeat unless it has a time of its own; the agent has given none if `state` is "".
    """
    value = {}
    if state:
        value = {"state": state, "runId": run, "signalledAt": records.wire_time(signalled_at or beat)}
    if reclaimed_at:
        value["reclaimedAt"] = records.wire_time(reclaimed_at)
    item = records.item(records.AGENT, identifier, beat, value=value, expiresAt=records.expiry(beat + _REPORT_LIFETIME))
    return {**item, **records.key(signals.agent_entity(role_id, identifier), identifier)}


def reports(identifier: str, now: datetime, state: str, run: str, role_id: str = ROLE_ID) -> list[records.Item]:
    """Give all that an agent writes with a signal: for our doors, and for the original action."""
    return [report(identifier, now, state, run, role_id=role_id), *artifacts(identifier, now, run, state)]
