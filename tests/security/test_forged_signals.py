"""A job on a runner may write heartbeats and signals of any instance: what provision makes of forged ones."""

from __future__ import annotations

import pytest
from attrs import frozen

from refresh.pool import records, signals
from tests.fakes.memory.account import Watch
from tests.faults.provisioning import of_label, pool, provide, ready, silence
from tests.simulation.doors import OTHER_RUN, RUN
from tests.simulation.stage import Stage


@frozen
class _Forges(Watch):
    """At each call, a job writes a fresh heartbeat and a signal of a machine."""

    stage: Stage
    machine: str
    signal: str
    run: str

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Write both."""
        table, now = self.stage.pool.table, self.stage.pool.account.clock.now()
        value = {"state": self.signal, "runId": self.run}
        table.put(records.item(records.HEARTBEAT, self.machine, now, value="PING"))
        table.put(records.item(records.SIGNAL, self.machine, now, value=value))


@pytest.mark.shows("A69")
def test_a_dead_machine_that_seems_ready_is_replaced_and_costs_a_minute() -> None:
    stage = pool()
    dead = ready(stage, 600)
    silence(stage, dead)
    began_at = stage.pool.account.clock.now()
    assert provide(stage, _Forges(stage, dead, signals.LEFT, "42")).available
    assert dead not in of_label(stage)
    assert (stage.pool.account.clock.now() - began_at).total_seconds() < 180


@pytest.mark.shows("A69")
@pytest.mark.parametrize("signal", [signals.REGISTRATION_FAILED, signals.SCRIPT_FAILED, signals.LEFT])
def test_forged_signals_end_no_machine_of_another_run(signal: str) -> None:
    stage = pool()
    assert provide(stage, run_id=OTHER_RUN).available
    (other,) = of_label(stage, OTHER_RUN)
    before = stage.pool.table.of(records.INSTANCE)[other]
    for run in (RUN, OTHER_RUN):
        provide(stage, _Forges(stage, other, signal, run), attempt=1 if run == RUN else 2)
    assert other in stage.pool.alive
    assert stage.pool.table.of(records.INSTANCE)[other] == before
