"""Machines that provision gives up: back to the pool, or ended, and no others."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh.dynamodb import door_settings
from refresh.pool import names, records
from refresh.provision import giving_back
from refresh.provision.changes import GiveUp
from tests.fakes.serial import Serial
from tests.simulation.doors import clients_of
from tests.unit.provision import pools
from tests.unit.provision.pools import ROLE, RUN, Reporting, attributes, warm, world

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport
    from tests.simulation.pool import Pool


POLL = "dynamodb:BatchGetItem"


def _give_up(pool: Pool, *changes: GiveUp, **wanted: Any) -> list[ComponentReport]:
    item = pool.table.of(records.SETTINGS)[names.SETTINGS_IDENTIFIER]
    settings = door_settings.read(pools.desired(), item, "provision")
    pool.account.calls.clear()
    return giving_back.give_up(
        pools.desired(**wanted), settings, clients_of(pool), pool.account.clock, Serial(), lambda: False, changes
    )


def _mine(pool: Pool, state: str = "running", **changed: Any) -> str:
    return warm(pool, state=state, **{"runId": RUN, **changed})


@pytest.mark.parametrize(
    ("state", "back", "reuse", "ends"),
    [
        ("running", True, True, False),
        ("claimed", True, True, False),
        ("created", True, True, True),
        ("running", True, False, True),
        ("claimed", True, False, True),
        ("running", False, True, True),
        ("claimed", False, True, True),
        ("created", False, True, True),
    ],
)
def test_a_machine_goes_back_if_it_works_and_may_be_used_again(
    state: str, *, back: bool, reuse: bool, ends: bool
) -> None:
    pool = world().pool
    machine, other = _mine(pool, state), _mine(pool, "running")
    (report,) = _give_up(pool, GiveUp(machine, back=back, why=""), reuse=reuse)
    assert not report.failed
    assert (machine in pool.alive, attributes(pool, machine)["runId"]) == (not ends, "")
    assert attributes(pool, other)["state"] == "running"


def test_both_kinds_are_given_up_at_once() -> None:
    pool = world().pool
    good, bad = _mine(pool, "claimed"), _mine(pool, "claimed")
    reports = _give_up(pool, GiveUp(good, back=True, why=""), GiveUp(bad, back=False, why=""))
    assert (len(reports), good in pool.alive, bad in pool.alive) == (2, True, False)


@pytest.mark.parametrize("back", [True, False])
def test_what_ec2_takes_back_ends_and_the_reason_says_so(*, back: bool) -> None:
    pool = world(runner_role_id=ROLE).pool
    machine = _mine(pool)
    Reporting(pool, {machine: pool.account.clock.now() + timedelta(minutes=2)}).at(0, POLL, "before")
    (report,) = _give_up(pool, GiveUp(machine, back=back, why=""))
    assert machine not in pool.alive
    assert pool.account.calls.count(POLL) == 1
    assert str(report.done[0].facts["reason"]).startswith("EC2 takes it back at ")


@pytest.mark.parametrize("changed", [{"runId": "88"}, {"state": "terminated"}, {"runId": "88", "lastRunId": RUN}])
def test_a_machine_that_is_not_the_label_s_any_more_is_left_alone(changed: dict[str, Any]) -> None:
    pool = world().pool
    machine = _mine(pool, **changed)
    before = attributes(pool, machine)
    (report,) = _give_up(pool, GiveUp(machine, back=False, why=""))
    assert (report.outcomes, attributes(pool, machine)) == ((), before)
    assert machine in pool.alive
