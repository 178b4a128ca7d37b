"""A pool with a minimum of machines that wait, whose agents work between the runs of refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from refresh.pool import names, records
from refresh.reconciler.warm_pool import WarmPool
from tests.fakes.memory.account import Watch
from tests.reports import component
from tests.simulation.invariants import watched
from tests.simulation.stage import Stage
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport, Report
    from tests.simulation.pool import Pool

EVERY = 600
"""Seconds between two runs."""


@define
class WarmWorld:
    """A pool with a minimum, and its agents."""

    pool: Pool
    stage: Stage = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Let agents live."""
        self.stage = Stage(self.pool)

    def refresh(self, **changes: Any) -> Report:
        """Run once, every call checked, then let the agents see what has changed."""
        report = watched(self.pool, Watch(), **changes)
        self.stage.catch_up()
        return report

    def later(self, seconds: float = EVERY, **changes: Any) -> ComponentReport:
        """Let time pass, run once, and give what the warm pool has done."""
        self.pass_time(seconds)
        return component(self.refresh(**changes), WarmPool.name)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with agents that look every minute at least."""
        while seconds > 0:
            self.stage.pass_time(min(seconds, 60))
            seconds -= 60

    @property
    def launched(self) -> list[str]:
        """The ids of all machines that were launched to wait, whatever has become of them."""
        instances = self.pool.account.state.instances
        return [each for each, found in instances.items() if found.tags["InitialRunId"].startswith("warm-")]

    def waiting(self) -> list[str]:
        """List the ids of living machines that are idle, and that no run had."""
        found = self.pool.table.of(records.INSTANCE)
        return [
            each
            for each in self.pool.alive
            if each in found
            and records.text(found[each], "state") == records.IDLE
            and found[each].get("freshFor") == found[each]["threshold"]
        ]

    def untracked(self) -> list[str]:
        """List the ids of living machines without a record."""
        return [each for each in self.pool.alive if each not in self.pool.table.of(records.INSTANCE)]

    def item(self) -> dict[str, Any]:
        """Give the value of the item, in DynamoDB's low-level form."""
        found: dict[str, Any] = self.pool.table.of(records.METADATA)[names.WARM_POOL_IDENTIFIER]["value"]["M"]
        return found


def world(**desired: Any) -> WarmWorld:
    """Give a pool that is up to date, with a minimum of two of a class."""
    pool = build("up to date")
    pool.desired = evolve(pool.desired, **{"min_idle": (("large", 2),), **desired})
    return WarmWorld(pool)


def ready(**desired: Any) -> WarmWorld:
    """Give a pool whose minimum waits."""
    made = world(**desired)
    made.refresh()
    made.later()
    return made
