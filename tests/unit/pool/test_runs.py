"""What `release` reads of a RUN item: machines go back to the pool unless `provision` was asked otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from refresh.pool import records, runs
from refresh.pool.runs import ProvisionedRun
from tests.fakes.serial import NOW

LABEL = "4711-build"


@pytest.mark.parametrize(
    ("value", "reuse"),
    [
        ({"M": {"reuse": {"BOOL": False}}}, False),
        ({"M": {"reuse": {"BOOL": True}}}, True),
        ({"M": {}}, True),
        ({"M": {"reuse": {"S": "false"}}}, True),
        ({"S": "broken"}, True),
        (None, True),
    ],
)
def test_machines_are_reused_unless_the_item_says_no(value: Any, *, reuse: bool) -> None:
    """A broken item ends no machine."""
    item = {**records.item(records.RUN, LABEL, NOW), **({"value": value} if value else {})}
    assert runs.from_item(item) == ProvisionedRun(label=LABEL, reuse=reuse)


def test_what_is_read_is_a_member_of_the_value() -> None:
    assert runs.VALUE[runs.REUSE] == "BOOL"
