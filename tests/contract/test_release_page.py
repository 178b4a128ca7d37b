"""docs/release.md is right about the calls of a release, its report, and the inputs that its workflows use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from refresh.output.release_report import serialized
from tests import pages
from tests.simulation.door_invariants import watched
from tests.simulation.door_worlds import build, write_settings

PAGE = (Path(__file__).parents[2] / "docs" / "release.md").read_text()


@pytest.mark.parametrize(
    ("row", "world", "original_modes"),
    [
        ("nothing", "nothing to release", True),
        ("up to 10 machines", "three running", True),
        ("the same, with `original-modes: false`", "three running", False),
        ("up to 100 machines that end", "failed provision", True),
    ],
)
def test_page_has_the_calls_of_a_release(row: str, world: str, *, original_modes: bool) -> None:
    stage, desired = build(world)
    if not original_modes:
        write_settings(stage.pool, original_modes=False)
    watched(stage, desired)
    calls = stage.pool.account.calls
    github = sum(each.startswith("github:") for each in calls)
    (shown,) = re.findall(rf"^\| {re.escape(row)} \| (\d+).* \| (\d+).* \|$", PAGE, re.MULTILINE)
    assert shown == (str(len(calls) - github), str(github))


def test_report_on_the_page_has_the_members_of_a_report() -> None:
    stage, desired = build("one running")
    written = json.loads("".join(serialized(watched(stage, desired))))
    (shown,) = map(json.loads, pages.blocks(PAGE, "json"))
    assert list(shown) == list(written)
    assert [list(each) for each in shown["machines"]] == [list(each) for each in written["machines"]]
    assert list(shown["release"]) == list(written["release"])
    assert (shown["status"], shown["release"]["status"]) == (written["status"], written["release"]["status"])
