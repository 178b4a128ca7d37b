"""The history of a period: every page of what ended or was asked for in it, and the machines of today."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve

from refresh.dynamodb import history
from refresh.pool import records, runs
from refresh.pool.history import Period
from refresh.pool.records import InstanceRecord, wire_time
from tests.fakes.desired import TABLE
from tests.fakes.memory.account import START
from tests.unit.pool.test_history import REQUEST
from tests.unit.reconciler import pools

if TYPE_CHECKING:
    from datetime import datetime

    from tests.simulation.pool import Pool

DAY = timedelta(days=1)
SINCE = START - DAY


def _id(number: int) -> str:
    return f"i-{number:08x}"


def _ended(pool: Pool, number: int, at: datetime, **changed: Any) -> None:
    known = {"threshold": wire_time(at), "updated_at": wire_time(at), **changed}
    pool.table.put(records.history_item(InstanceRecord(id=_id(number), state="terminated", run_id="", **known), at))


def _asked(pool: Pool, label: str, at: datetime, *, answered: bool = True) -> None:
    request = evolve(REQUEST, label=label, asked_at=at)
    put = runs.conclusion(TABLE, request, runs.PROVIDED, at) if answered else runs.lease(TABLE, request, at)
    pool.table.put(put["Item"])


def _read(pool: Pool, **changed: Any) -> Period:
    return history.read(pool.clients.dynamodb, TABLE, SINCE, START, **changed)


def test_what_ended_or_was_asked_for_before_the_period_is_left_out() -> None:
    pool = pools.made()
    for number, at in enumerate((SINCE - timedelta(seconds=1), SINCE, START)):
        _ended(pool, number, at)
        _asked(pool, str(number), at)
    _asked(pool, "3", START - timedelta(hours=1), answered=False)
    period = _read(pool)
    assert (period.since, period.until) == (SINCE, START)
    assert [each.id for each in period.machines] == [_id(1), _id(2)]
    assert [each.label for each in period.builds] == ["1", "3", "2"]
    assert pool.account.calls == ["dynamodb:Query"] * 3


def test_machines_of_today_are_listed_with_ec2_s_time_of_launch_if_their_record_has_none() -> None:
    pool = pools.made()
    launched = START - timedelta(hours=3)
    pool.record(_id(1), state="idle", runId="", launchedAt=wire_time(launched))
    pool.record(_id(2), state="idle", runId="")
    pool.record(_id(3), state="asleep", runId="")
    first, second = _read(pool, launched={_id(2): START - DAY}).machines
    assert (first.launched_at, second.launched_at, second.ended_at) == (launched, START - DAY, None)
    assert _read(pool).machines[1].launched_at is None


def test_a_machine_that_is_cleaned_up_meanwhile_is_listed_once() -> None:
    pool = pools.made()
    pool.record(_id(1), state="idle", runId="")
    _ended(pool, 1, START)
    (machine,) = _read(pool).machines
    assert machine.ended_at == START


def test_every_page_is_read() -> None:
    pool = pools.made()
    for number in range(30):
        at = START - timedelta(hours=1) if number % 2 else SINCE - DAY
        item = records.history_item(InstanceRecord(id=_id(number), state="terminated", run_id="", threshold=None), at)
        pool.table.put({**item, "padding": {"S": "x" * 90_000}})
    assert len(_read(pool).machines) == 15
    assert len(pool.account.calls) > 4


def test_without_a_table_the_period_is_empty() -> None:
    pool = pools.made()
    pool.account.state.tables.clear()
    assert _read(pool) == Period(since=SINCE, until=START)
