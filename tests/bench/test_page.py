"""docs/performance.md: what can be counted is what the benchmark counts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes import operations
from tests.fakes.world import ROOT
from tools.bench.cases import cases
from tools.bench.environments import Bare, Failed
from tools.bench.figures import chain
from tools.bench.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.xdist_group("bench"), pytest.mark.timeout(900)]
HERE = Path(sys.executable)
BARE = Bare(HERE, ROOT / "entrypoint.py", HERE, flags=())
"""This environment, which has boto3 as well."""


def _rows(page: str) -> Iterator[dict[str, str]]:
    """Yield the cells of each row of each table, by column."""
    columns: list[str] = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        columns = columns or cells if cells else []
        if cells != columns and not line.startswith("| ---"):
            yield dict(zip(columns, cells, strict=True))


LOOK = "dynamodb:BatchGetItem"
"""Reads what agents report: before a claim, and until the machines have registered."""
PAGE = (ROOT / "docs" / "performance.md").read_text()
COUNTED = ("calls", "writes", "chain")
ROWS = {row["case"]: row for row in _rows(PAGE) if row.keys() >= {"case", *COUNTED}}
"""The cells of each row by case and column."""


def _counts(case: str) -> tuple[int, ...]:
    """Return the documented calls, writes and chain of a case."""
    return tuple(int(ROWS[case][column]) for column in COUNTED)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Give the benchmark's own emulators."""
    with Stage() as started:
        yield started


@pytest.mark.parametrize(
    "title",
    [
        *("missing input", "no-op", "fresh account", "no-op, 5,000 living", "collection of 1,000"),
        *("nothing to release", "release of 1", "release of 20, no RUN item", "release of 200"),
    ],
)
def test_a_case_makes_the_documented_calls(stage: Stage, title: str) -> None:
    """A first run has more to do at once than threads, so that the chain depends on which thread is first."""
    case = next(each for each in cases() if each.name == title)
    case.run(stage, BARE, latency=None)
    calls = stage.calls()
    writes = [name for name, _ in calls if not operations.reads(name)]
    *counted, longest = _counts(title)
    assert [len(calls), len(writes)] == counted, calls
    assert abs(chain(calls) - longest) <= (title == "fresh account"), calls


@pytest.mark.parametrize("number", [1, 20])
def test_a_provision_makes_the_documented_calls(stage: Stage, number: int) -> None:
    """With one look whether the machines have registered; on a busy machine there may be more of them."""
    case = next(each for each in cases() if each.name == f"provision of {number}, warm")
    case.run(stage, BARE, latency=None)
    calls = stage.calls()
    writes = [name for name, _ in calls if not operations.reads(name)]
    more = sum(name == LOOK for name, _ in calls) - 2
    assert (len(calls) - more, len(writes), chain(calls) - more) == _counts(case.name), calls


def test_a_run_with_another_exit_code_fails_the_benchmark(stage: Stage) -> None:
    """The error has everything that the run printed."""
    stage.settle()
    with pytest.raises(Failed, match=r"exit code 2, 0 expected:\n(?s:.*)ami"):
        BARE.run(stage.world.environ(ami=""), 0)


def test_the_benchmark_prints_an_object_for_each_case_and_a_table() -> None:
    """As a process, with the few cases of --quick."""
    command = [sys.executable, "-m", "tools.bench", "--quick", "--python", sys.executable]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
    objects, _, table = printed.partition("\n\n")
    found = {each["case"]: each for each in map(json.loads, objects.splitlines())}
    assert list(found) == ["missing input", "fresh account", "no-op", "collection of 10", "yardstick"]
    assert [each["exit_code"] for each in found.values()] == [2, 0, 0, 0, 0]
    assert [each["runs"] for each in found.values()] == [1, 1, 1, 1, 4]
    assert found["collection of 10"]["calls_by_name"]["ec2:TerminateInstances"] == 1
    assert all(each["peak_mb"] > 5 for each in found.values())
    assert len(table.splitlines()) == 2 + len(found)


def test_a_run_that_changes_nothing_costs_the_same_after_any_history() -> None:
    assert _counts("no-op after 50,000 ever") == _counts("no-op") == _counts("no-op, empty pool")
    assert _counts("no-op")[1:] == (0, 3)
    assert {case.name for case in cases()} <= set(ROWS)


def test_a_provision_of_ready_machines_makes_few_calls_that_wait_for_each_other() -> None:
    """Six and one look for one machine; four of them, and the look, wait for each other for any number."""
    for number in (1, 5, 20):
        calls, _, longest = _counts(f"provision of {number}, warm")
        assert (calls - 1, longest - 1) == (5 + number, 4)


def test_a_release_makes_few_calls_that_wait_for_each_other() -> None:
    """Seven to AWS and one to GitHub; of more machines at most two for each and three more, with the same chain."""
    for number in (1, 20, 200):
        calls, _, longest = _counts(f"release of {number}")
        assert calls - 1 <= max(7, 3 + 2 * number)
        assert longest == 5
    assert _counts("nothing to release") == (4, 0, 1)
    for number in (1, 20):
        assert _counts(f"release of {number}, no RUN item") == _counts(f"release of {number}")
