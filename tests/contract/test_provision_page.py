"""docs/provision.md is right about the calls of a provision and about its report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from refresh.output.provision_report import serialized
from tests import pages
from tests.faults.provisioning import ended, pool, ready

PAGE = (Path(__file__).parents[2] / "docs" / "provision.md").read_text()


@pytest.mark.parametrize(
    ("row", "warm", "count"), [("1 ready machine", 1, 1), ("5 ready machines", 5, 5), ("10 new machines", 0, 10)]
)
def test_page_has_the_calls_of_a_provision(row: str, warm: int, count: int) -> None:
    stage = pool()
    for _ in range(warm):
        ready(stage)
    assert ended(stage, count=count).available
    calls = stage.pool.account.calls
    acts = next(number for number, each in enumerate(calls) if each in {"dynamodb:UpdateItem", "ec2:CreateFleet"})
    looks = calls[acts:].count("dynamodb:BatchGetItem")
    assert re.findall(rf"^\| {re.escape(row)} \| (\d+)", PAGE, re.MULTILINE) == [str(len(calls) - looks)]


def test_report_on_the_page_has_the_members_of_a_report() -> None:
    stage = pool()
    ready(stage)
    written = json.loads("".join(serialized(ended(stage))))
    (shown,) = map(json.loads, pages.blocks(PAGE, "json"))
    assert list(shown) == list(written)
    assert [list(each) for each in shown["machines"]] == [list(each) for each in written["machines"]]
    assert list(shown["provision"]) == list(written["provision"])
    assert (shown["status"], shown["provision"]["status"]) == (written["status"], written["provision"]["status"])
