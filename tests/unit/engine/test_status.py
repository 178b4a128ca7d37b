"""How a component and a run ended, in words: what was not looked at is never as desired."""

from __future__ import annotations

import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Done, Failed, Unchecked
from refresh.engine.report import ComponentReport, Report
from tests.fakes.changes import REFUSAL, Paint

FENCE = ComponentReport(name="fence")
IDLE = ComponentReport(name="gate", unchecked=Unchecked("no reason", due=False))
BLIND = ComponentReport(name="lawn", unchecked=Unchecked("fog"))
HALF = ComponentReport(name="hedge", unchecked=Unchecked("fog", wholly=False))
FAILED = ComponentReport(name="pond", error=REFUSAL)
SKIPPED = ComponentReport(name="shed", error=errors.Blocked("the pond is not ready"))
STOPPED = ComponentReport(name="well", error=errors.Interrupted("stopped"), unchecked=Unchecked("stopped"))


@pytest.mark.parametrize(
    ("report", "status", "reason"),
    [
        (FENCE, "as desired", ""),
        (IDLE, "not checked", "no reason"),
        (BLIND, "not checked", "fog"),
        (HALF, "partly checked", "fog"),
        (evolve(HALF, outcomes=(Done(Paint()),)), "changed 1", "fog"),
        (evolve(BLIND, outcomes=(Failed(Paint(), REFUSAL),)), "failed", "fog"),
        (evolve(BLIND, refusals=("no",)), "failed", "fog"),
        (evolve(HALF, mode=Mode.PLAN, planned=(Paint(),)), "would change 1", "fog"),
        (FAILED, "failed", ""),
        (SKIPPED, "skipped", "the pond is not ready"),
        (STOPPED, "not checked", "stopped"),
    ],
)
def test_a_component_is_as_desired_only_where_all_of_it_was_looked_at(
    report: ComponentReport, status: str, reason: str
) -> None:
    """And says why where it was not."""
    assert (report.status, report.reason) == (status, reason)


@pytest.mark.parametrize(
    ("reports", "status", "exit_code"),
    [
        ((FENCE, IDLE), "as desired", 0),
        ((FENCE, BLIND, IDLE), "as desired where checked; not checked: lawn", 0),
        ((FENCE, HALF), "as desired where checked; not checked: hedge", 0),
        ((evolve(FENCE, outcomes=(Done(Paint()),)), BLIND), "changed 1; not checked: lawn", 0),
        ((evolve(FENCE, mode=Mode.PLAN, planned=(Paint(),)), BLIND), "would change 1; not checked: lawn", 0),
        ((FENCE, FAILED, SKIPPED, BLIND), "failed: pond; skipped: shed; not checked: lawn", 1),
        ((STOPPED, FAILED), "failed: pond; not checked: well", 1),
        ((STOPPED,), "not checked: well", 1),
    ],
)
def test_a_run_is_as_desired_only_where_everything_was_looked_at_that_was_due(
    reports: tuple[ComponentReport, ...], status: str, exit_code: int
) -> None:
    """What it had no reason to look at takes nothing from that."""
    assert (Report(reports).status, Report(reports).exit_code) == (status, exit_code)
