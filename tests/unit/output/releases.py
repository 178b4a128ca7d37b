"""Releases that have ended, as what shows them is given them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.engine.change import Done
from refresh.engine.report import ComponentReport
from refresh.output.release_run import ReleaseRun
from refresh.release.changes import GiveBack, Offer, Reason, Retire, Terminate
from tests.fakes.serial import NOW
from tests.unit.release import pools
from tests.unit.release.pools import IDS, RUN, record

if TYPE_CHECKING:
    from refresh.engine.change import Change, Outcome
    from refresh.pool.records import InstanceRecord

RACED = "another process changed the record first"
REFUSED = errors.Rejected("ec2:TerminateInstances", "OperationNotPermitted", "it is protected.")
DOWN = errors.Unavailable("sqs:SendMessageBatch", "InternalError", "down.")


def give_back(number: int = 0, **changed: Any) -> GiveBack:
    """Give the change of a machine that goes back."""
    return GiveBack(RUN, record(number, **changed), NOW, NOW + pools.IDLE_TIME)


def retire(number: int = 0, reason: Reason = Reason.NEVER_RAN, **changed: Any) -> Retire:
    """Give the first step of an end."""
    return Retire(RUN, record(number, **{"state": "claimed", **changed}), NOW, reason)


def taken_back(number: int = 0) -> Retire:
    """Give the first step of an end of a machine that EC2 has taken back."""
    return Retire(RUN, record(number, usage_class="spot"), NOW, Reason.TAKEN_BACK, NOW)


def terminate(number: int = 0, reason: Reason | None = None) -> Terminate:
    """Give the second step of an end."""
    return Terminate(IDS[number], RUN, reason)


def offer(number: int = 0) -> Offer:
    """Give a message."""
    given: InstanceRecord = pools.released(number)
    return Offer(given, NOW)


def done(*changes: Change) -> tuple[Outcome, ...]:
    """Give the outcomes of changes that were made."""
    return tuple(map(Done, changes))


def run(*outcomes: Outcome, wanted: dict[str, Any] | None = None, **fields: Any) -> ReleaseRun:
    """Give a release that took two and a half seconds."""
    component = ComponentReport(name="release", outcomes=outcomes, **fields)
    began = NOW - timedelta(seconds=2.5)
    return ReleaseRun(desired=pools.desired(**(wanted or {})), component=component, started_at=began, finished_at=NOW)


MIXED = done(give_back(0), retire(1), terminate(1), give_back(2, usage_class="spot"), offer(0), offer(2))
"""Two machines back in the pool, and one ended."""
