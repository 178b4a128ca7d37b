"""What agents report is read by key, and only from the items that others cannot write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh.dynamodb import reports
from refresh.pool.signals import LEFT, Signal
from tests.fakes.desired import TABLE
from tests.fakes.serial import Serial
from tests.unit.provision.pools import IDS, ROLE, Reporting, warm, world

if TYPE_CHECKING:
    from refresh.pool.signals import Report
    from tests.simulation.pool import Pool

READ = "dynamodb:BatchGetItem"


def _reports(pool: Pool, role_id: str, *identifiers: str) -> dict[str, Report]:
    pool.account.calls.clear()
    dynamodb = cast("Any", pool.dynamodb)
    return reports.read(dynamodb, pool.account.clock, Serial(), TABLE, role_id, identifiers)


@pytest.mark.parametrize("role_id", ["", ROLE])
def test_the_reports_of_these_machines_take_one_call_and_no_query(role_id: str) -> None:
    pool = world().pool
    machine, other = warm(pool), warm(pool)
    Reporting(pool).at(0, READ, "before")
    found = _reports(pool, role_id, machine, IDS[9])
    assert pool.account.calls == [READ]
    assert set(found) == {machine}
    assert (found[machine].signal, bool(found[machine].beat)) == (Signal(LEFT, "42"), True)
    assert other not in found


@pytest.mark.parametrize(("number", "calls"), [(0, 0), (1, 1), (100, 1), (101, 2)])
def test_without_machines_nothing_is_read_and_otherwise_a_hundred_in_a_call(number: int, calls: int) -> None:
    pool = world().pool
    assert not _reports(pool, ROLE, *IDS[:number])
    assert pool.account.calls == [READ] * calls


def test_the_items_of_others_are_no_reports_where_the_role_is_known() -> None:
    """Every instance can write HEARTBEAT and WS for every other."""
    pool = world().pool
    machine = warm(pool)
    assert _reports(pool, ROLE, machine) == {}
    assert set(_reports(pool, "", machine)) == {machine}
