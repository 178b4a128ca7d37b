"""What provision makes of forged reports: those of a job with a wider role, and those that every job can write.

The documented role lets a job write heartbeats and signals of any instance, which provision believes only while the
settings do not name the role's id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import frozen

from refresh.pool import records, signals
from tests.fakes import instance_items
from tests.fakes.memory.account import Watch
from tests.fakes.runner_role import ROLE_ID
from tests.faults.provisioning import numbers, of_label, pool, provide, ready, record, silence
from tests.simulation.doors import OTHER_RUN, RUN
from tests.simulation.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refresh.pool.records import Item

BELIEVED = pytest.mark.parametrize(
    ("role_id", "kinds"),
    [(ROLE_ID, {records.AGENT}), ("", {records.HEARTBEAT, records.SIGNAL})],
    ids=["a wider role", "the role's id unknown"],
)
"""What a job has to forge, with what the settings say of the role's id."""


@frozen
class _Forges(Watch):
    """At each call, a job writes fresh items of these kinds for a machine."""

    stage: Stage
    machine: str
    signal: str
    run: str
    kinds: set[str]

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Write them."""
        for each in self._items():
            if each["entityType"]["S"] in self.kinds:
                self.stage.pool.table.put(each)

    def _items(self) -> Iterable[Item]:
        return instance_items.reports(self.machine, self.stage.pool.account.clock.now(), self.signal, self.run)


def _dead(stage: Stage) -> str:
    """Add an idle machine whose agent has been silent for a minute."""
    dead = ready(stage, 600)
    silence(stage, dead)
    stage.pool.account.clock.sleep(60)
    return dead


@pytest.mark.shows("A69")
@BELIEVED
def test_a_dead_machine_that_seems_ready_is_replaced_and_costs_a_minute(role_id: str, kinds: set[str]) -> None:
    stage = pool(runner_role_id=role_id)
    dead = _dead(stage)
    before, began_at = record(stage, dead), stage.pool.account.clock.now()
    assert provide(stage, _Forges(stage, dead, signals.LEFT, "42", kinds)).available
    assert dead not in of_label(stage)
    assert record(stage, dead) != before
    assert (stage.pool.account.clock.now() - began_at).total_seconds() < 180


@pytest.mark.shows("A70")
def test_a_dead_machine_for_which_others_write_is_not_claimed_once_the_role_is_known() -> None:
    stage = pool()
    dead = _dead(stage)
    before = record(stage, dead)
    provided = provide(stage, _Forges(stage, dead, signals.LEFT, "42", {records.HEARTBEAT, records.SIGNAL}))
    assert numbers(provided) == (0, 1)
    assert record(stage, dead) == before


@pytest.mark.shows("A69")
@pytest.mark.parametrize("signal", [signals.REGISTRATION_FAILED, signals.SCRIPT_FAILED, signals.LEFT])
@BELIEVED
def test_forged_signals_end_no_machine_of_another_run(role_id: str, kinds: set[str], signal: str) -> None:
    stage = pool(runner_role_id=role_id)
    assert provide(stage, run_id=OTHER_RUN).available
    (other,) = of_label(stage, OTHER_RUN)
    before = record(stage, other)
    for run in (RUN, OTHER_RUN):
        provide(stage, _Forges(stage, other, signal, run, kinds), attempt=1 if run == RUN else 2)
    assert other in stage.pool.alive
    assert record(stage, other) == before
