"""What agents report, and others report in their stead: EC2 takes spot machines back, agents are older, jobs forge."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh.pool import lifecycle, records, signals
from tests.fakes import instance_items
from tests.faults.provisioning import (
    MINUTE,
    fleets,
    give_back,
    numbers,
    of_label,
    pool,
    provide,
    ready,
    record,
    silence,
)
from tests.simulation.door_worlds import write_settings
from tests.simulation.doors import OTHER_RUN
from tests.simulation.paces import USUAL, Fault

if TYPE_CHECKING:
    from tests.simulation.stage import Stage

SPOT: dict[str, Any] = {"usage_class": "spot"}
BOOT = timedelta(seconds=USUAL.boot + USUAL.register)
"""How long a new machine takes until it is registered."""
SOON = timedelta(seconds=10)


def _taken_back(seconds: float = 0) -> Any:
    """Give the pace of a machine of which EC2 says after so many seconds that it takes it back."""
    return evolve(USUAL, fault=Fault.TAKEN_BACK, taken_back=seconds)


def _ready(stage: Stage, seconds: float = 0) -> str:
    return ready(stage, pace=_taken_back(seconds), usageClass="spot")


@pytest.mark.shows("W6")
@pytest.mark.parametrize("moment", [pytest.param("idle", id="W6-idle")])
def test_a_machine_that_ec2_takes_back_is_never_claimed(moment: str) -> None:
    stage = pool()
    machine = _ready(stage)
    before = record(stage, machine)
    assert records.text(before, "state") == moment
    assert numbers(provide(stage, **SPOT)) == (0, 1)
    assert record(stage, machine) == before


@pytest.mark.shows("W6")
@pytest.mark.parametrize("moment", [pytest.param("claimed", id="W6-claimed"), pytest.param("booting", id="W6-booting")])
def test_a_machine_that_ec2_takes_back_before_it_has_registered_is_replaced_at_once(moment: str) -> None:
    stage = pool()
    seconds = 0.7 if moment == "claimed" else 20
    if moment == "claimed":
        _ready(stage, seconds)
    else:
        stage.newcomers = [_taken_back(seconds)]
    known = set(stage.pool.alive)
    began_at = stage.pool.account.clock.now()
    run = provide(stage, **SPOT)
    lasted = stage.pool.account.clock.now() - began_at
    assert run.available
    assert lasted < timedelta(seconds=seconds) + BOOT + SOON < lifecycle.REGISTERS_WITHIN * 2
    (used,) = of_label(stage)
    assert used not in known
    assert stage.agents[used].pace.fault is None


@pytest.mark.shows("W6")
@pytest.mark.parametrize("then", [pytest.param("release", id="W6-released"), pytest.param("provide", id="W6-attempt")])
def test_a_running_machine_that_ec2_takes_back_serves_no_other_run(then: str) -> None:
    """Its release ends it, and another attempt replaces it."""
    stage = pool()
    machine = _ready(stage, 60)
    assert numbers(provide(stage, **SPOT)) == (1, 0)
    stage.pass_time(60)
    assert machine in stage.pool.alive
    if then == "release":
        give_back(stage)
    else:
        assert provide(stage, attempt=2, **SPOT).available
        assert machine not in of_label(stage)
    assert machine not in stage.pool.alive
    assert (records.text(record(stage, machine), "threshold") or "") < stage.pool.in_time(0)


def test_machines_with_older_agents_are_not_ready_and_those_of_other_runs_go_on() -> None:
    """They report only where every machine can write."""
    stage = pool(runner_role_id="")
    old = evolve(USUAL, fault=Fault.OLD)
    idle = [ready(stage, pace=old) for _ in range(3)]
    assert numbers(provide(stage, run_id=OTHER_RUN)) == (1, 0)
    (working,) = of_label(stage, OTHER_RUN)
    before = record(stage, working)
    write_settings(stage.pool, token_valid_until=stage.pool.account.clock.now() + 60 * MINUTE)
    assert numbers(provide(stage)) == (0, 1)
    assert record(stage, working) == before
    assert {records.text(record(stage, each), "state") for each in idle if each != working} == {"idle"}
    assert set(idle) <= set(stage.pool.alive)


def test_forged_reports_make_no_dead_machine_ready() -> None:
    stage = pool()
    dead = ready(stage)
    silence(stage, dead)
    stage.pass_time(20)
    for item in instance_items.artifacts(dead, stage.pool.account.clock.now(), "42", signals.LEFT):
        stage.pool.table.put(item)
    before = record(stage, dead)
    assert numbers(provide(stage)) == (0, 1)
    assert record(stage, dead) == before
    assert len(fleets(stage)) == 1
