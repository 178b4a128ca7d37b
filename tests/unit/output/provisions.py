"""Provisions that have ended, as what shows them is given them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.engine.change import Failed
from refresh.engine.report import ComponentReport
from refresh.output.provision_run import ProvisionRun, ReadyMachine
from refresh.pool.runs import CLAIMED
from refresh.provision.changes import Claim
from tests.fakes.serial import NOW
from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, RUN, record

if TYPE_CHECKING:
    from refresh.engine.change import Outcome

SHORT = "no machine is ready for 77: EC2 has none."
DOWN = errors.Unavailable("dynamodb:UpdateItem", "InternalError", "down.")
CLAIM = Claim(RUN, record(), NOW, NOW)
FAILED = Failed(CLAIM, DOWN)


def machine(number: int = 0, origin: str = CLAIMED, **changed: Any) -> ReadyMachine:
    """Give a machine that is ready."""
    facts = {"instance_type": "c7i.large", "usage_class": "on-demand", "ends_at": NOW, **changed}
    return ReadyMachine(id=IDS[number], origin=origin, **facts)


def run(
    *ready: ReadyMachine, wanted: dict[str, Any] | None = None, outcomes: tuple[Outcome, ...] = (), **fields: Any
) -> ProvisionRun:
    """Give a provision that took two and a half seconds; it is available with machines unless it failed."""
    component = ComponentReport(name="provision", outcomes=outcomes, **fields)
    return ProvisionRun(
        desired=pools.desired(**{"count": max(1, len(ready)), **(wanted or {})}),
        component=component,
        ready=ready,
        available=bool(ready) and component.error is None and not component.refusals,
        started_at=NOW - timedelta(seconds=2.5),
        finished_at=NOW,
    )
