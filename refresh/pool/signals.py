"""What agents report: their heartbeat, how far they are with a run, and whether EC2 takes their machine back; pure.

Each agent writes one item, AGENT, whose key has its role's id and its instance's id. IAM lets an instance write that
item alone, so no job on another machine can forge it. For the original action agents also write HEARTBEAT and WS, which
every instance of the pool can write for every other. docs/table.md has the form of all three. None of them proves that
an instance is the pool's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve, field, frozen

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


@frozen(kw_only=True)
class Report:
    """What the agent of a machine has reported last."""

    signal: Signal | None = None
    """None before its first signal."""
    beat: datetime | None = None
    """When it last reported; None if it never did."""
    reclaimed_at: datetime | None = None
    """When EC2 takes the spot instance back; None while it has not said so."""
    cut_off: str = ""
    """The label of the run whose runner a restart of the machine has cut off."""


def agent_entity(role_id: str, identifier: str) -> str:
    """Return the entity in the partition key of an agent's item: `AGENT#` and what IAM calls `aws:userid`.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return f"{records.AGENT}#{role_id}:{identifier}"


def keys(role_id: str, identifiers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield entity and identifier of the items that show what these machines' agents report.

    If the role's id is unknown, these are the items that the original action reads.
    """
    for identifier in identifiers:
        if role_id:
            yield agent_entity(role_id, identifier), identifier
        else:
            yield records.HEARTBEAT, identifier
            yield records.SIGNAL, identifier


def read_reports(found: Mapping[tuple[str, str], records.Item]) -> dict[str, Report]:
    """Read the items of `keys`, by instance id."""
    reports: dict[str, Report] = {}
    for (entity, identifier), item in found.items():
        known = reports.get(identifier, Report())
        if entity == records.HEARTBEAT:
            reports[identifier] = evolve(known, beat=read_beat(item))
        elif entity == records.SIGNAL:
            reports[identifier] = evolve(known, signal=read_signal(item))
        else:
            reports[identifier] = _read_report(item)
    return reports


def _read_report(item: Mapping[str, Any]) -> Report:
    value = records.mapping(item, "value")
    state, signalled_at = records.text(value, "state"), records.read_time(records.text(value, "signalledAt") or "")
    return Report(
        signal=Signal(state, records.text(value, "runId") or "", signalled_at) if state else None,
        beat=read_beat(item),
        reclaimed_at=records.read_time(records.text(value, "reclaimedAt") or ""),
        cut_off=records.text(value, "cutOff") or "",
    )


def beating(beat: datetime | None, now: datetime) -> bool:
    """Whether the last heartbeat is recent."""
    return beat is not None and now - beat <= BEATS_WITHIN
