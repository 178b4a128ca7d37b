"""The history for programs: what the published schemas say."""

from __future__ import annotations

import json
from datetime import timedelta

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages
import pytest

from refresh.output.history_report import history
from refresh.pool.history_summary import Summary
from tests.pages import ROOT
from tests.unit.output.histories import BUSY, HOUR, summary

REPORT, HISTORY = (json.loads((ROOT / "docs" / f"{name}.schema.json").read_text()) for name in ("report", "history"))


@pytest.mark.parametrize("made", [BUSY, summary(), summary(since=30 * 24 * HOUR)])
def test_it_fits_the_schema(made: Summary) -> None:
    jsonschema.validate(history(made), {**HISTORY["$defs"]["history"], "$defs": HISTORY["$defs"]})


def test_both_schemas_describe_the_same() -> None:
    """The report and `status --since --json` have one object."""
    for name in ("history", "time", "count", "share_or_null"):
        assert REPORT["$defs"][name] == HISTORY["$defs"][name]


def test_figures_are_numbers_with_their_units() -> None:
    shown = history(BUSY)
    assert shown["wait_seconds"] == {"median": 4, "p95": 95, "longest": 95}
    assert (shown["warm_share"], shown["failed_launches"]) == (0.6667, {"capacity": 3, "never ready": 1})
    unpriced, large = shown["classes"]
    assert (unpriced["class"], unpriced["machines_without_launch"], unpriced["cost"]) == ("2xlarge", 1, None)
    assert (unpriced["hours"], unpriced["idle_share"]) == (0, None)
    assert (large["hours"], large["busy_hours"], large["idle_share"], large["cost"]) == (4, 2, 0.5, 0.384)
    assert sum(each["builds"] for each in shown["hours"]) == shown["builds"] == 6
    assert history(summary())["wait_seconds"] is None
    assert timedelta(hours=len(shown["hours"])) >= timedelta(days=1)
