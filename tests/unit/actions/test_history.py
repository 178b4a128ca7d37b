"""`status --since` in words: what it reads, and what it says of a pool of which little is known."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages

from refresh.actions.history import Look, look
from refresh.actions.status import NO_POOL
from refresh.pool import records, runs
from refresh.pool.history_summary import Summary
from tests.fakes.serial import NOW
from tests.pages import ROOT
from tests.simulation import worlds
from tests.unit.output.histories import BUSY, DAY, PRICES, build, machine, summary

COLUMNS = 80
SCHEMA = json.loads((ROOT / "docs" / "history.schema.json").read_text())


def _look(made: Summary | None, **prices: Decimal) -> Look:
    return Look("o/r", "eu-west-1", NOW, DAY, tuple(prices.items()), made)


def test_figures_chart_and_table_fit_80_columns() -> None:
    title, *rest = _look(BUSY, **PRICES).lines()
    assert title == f"o/r in eu-west-1, 24 h until {records.wire_time(NOW)}"
    assert rest[0] == "builds           6 (3 provided, 1 on hosted runners, 1 failed, 1 without an"
    assert {line.split("  ")[0] for line in rest} > {"served warm", "waits", "failed launches", "jobs cut off"}
    assert "builds per hour, UTC" in rest
    assert rest.count("# served warm, + with a launch, ! neither") == 1
    assert max(map(len, rest)) <= COLUMNS


def test_long_figures_go_on_in_the_same_column() -> None:
    many = tuple(machine(f"class-{number}") for number in range(12))
    lines = [*_look(summary(machines=(machine(), *many)), **PRICES).lines()]
    (first,) = (number for number, line in enumerate(lines) if line.startswith("machine hours"))
    assert lines[first + 1].startswith(" " * len("machine hours  "))
    assert max(map(len, lines)) <= COLUMNS


def test_what_the_costs_do_not_have_is_said() -> None:
    both = summary(machines=(machine(), machine("2xlarge")))
    text = "\n".join(_look(both, large=Decimal(1), lage=Decimal(1)).lines())
    assert "prices without a machine in this time: lage" in text
    assert "no price for 2xlarge: add it to --prices to see the cost" in text
    assert "price" not in "\n".join(_look(summary(machines=(machine(),), prices={})).lines())


def test_a_quiet_pool_and_a_missing_one_say_so() -> None:
    assert [*_look(summary()).lines()][1:] == ["nothing: no build asked for a machine, and no machine lived"]
    assert [*_look(None).lines()][1:] == [NO_POOL]
    assert json.loads(_look(None).as_json())["history"] is None
    assert ([_look(made).exists for made in (summary(), None)]) == [True, False]


def test_builds_without_machines_have_no_table() -> None:
    lines = [*_look(summary(build())).lines()]
    assert (lines[1], lines[-1][-4:]) == ("builds          1 (all provided)", "00 |")
    assert not [line for line in lines if line.startswith("class ")]


def test_json_fits_its_schema() -> None:
    for made in (BUSY, summary(), None):
        jsonschema.validate(json.loads(_look(made).as_json()), SCHEMA)


def test_history_is_read_in_four_calls_without_a_write_and_a_missing_table_in_one() -> None:
    pool = worlds.build("up to date")
    asked_at = pool.account.clock.now() - timedelta(hours=1)
    value = {"result": runs.PROVIDED, "claimed": 1, "askedAt": records.wire_time(asked_at)}
    pool.table.put(records.item(records.RUN, "7", asked_at, value=value))
    pool.account.calls.clear()
    found = look(pool.desired, pool.clients, pool.account.clock, DAY)
    assert found.summary
    assert found.summary.builds == 1
    assert pool.account.calls == ["dynamodb:DescribeTable", *["dynamodb:Query"] * 3]
    assert pool.account.writes == []
    none = worlds.build("empty account")
    assert look(none.desired, none.clients, none.account.clock, DAY).summary is None
    assert none.account.calls == ["dynamodb:DescribeTable"]
