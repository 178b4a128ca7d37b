"""The benchmark as people start it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.fakes.world import ROOT

pytestmark = [pytest.mark.xdist_group("bench"), pytest.mark.timeout(300)]
KEYS = (
    *("case", "backend", "latency_ms", "runs", "wall_s", "of_yardstick", "cpu_s", "peak_mb"),
    *("calls", "calls_by_name", "writes", "chain", "exit_code"),
)


def test_the_quick_benchmark_prints_an_object_a_case_and_a_table() -> None:
    """As a process, started as people start it; a run that changes nothing writes nothing."""
    command = [sys.executable, "-m", "tools.bench", "--quick", "--python", sys.executable]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
    objects = {each["case"]: each for each in map(json.loads, printed.partition("\n\n")[0].splitlines())}
    assert list(objects) == ["missing input", "fresh account", "no-op", "collection of 10", "yardstick"]
    assert {tuple(each) for each in objects.values()} == {KEYS}
    assert [each["exit_code"] for each in objects.values()] == [2, 0, 0, 0, 0]
    assert [each["runs"] for each in objects.values()] == [1, 1, 1, 1, 4]
    assert (objects["no-op"]["writes"], objects["missing input"]["calls"]) == (0, 0)
    assert "sqs:GetQueueAttributes" in objects["no-op"]["calls_by_name"]
    assert objects["collection of 10"]["calls_by_name"]["ec2:TerminateInstances"] == 1
    assert printed.count("\n| ") == 1 + 1 + 5
