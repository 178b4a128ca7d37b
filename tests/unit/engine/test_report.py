"""The report: one list that is the plan, the log and the summary; how a component and a run ended, in words."""

from __future__ import annotations

import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Change, Difference, Done, Failed, Skipped, Unchecked
from refresh.engine.report import ComponentReport, Report
from refresh.reconciler.garbage_collector.changes import Terminate
from tests.fakes.changes import REFUSAL, Paint
from tests.fakes.desired import desired

FENCE = ComponentReport(name="fence")
PLANNED = evolve(FENCE, mode=Mode.PLAN, planned=(Paint(),))
CHANGED = evolve(FENCE, planned=(Paint(), Paint("red")), outcomes=(Done(Paint()), Skipped(Paint("red"), "raced")))
IDLE = ComponentReport(name="gate", unchecked=Unchecked("no reason", due=False))
BLIND = ComponentReport(name="lawn", unchecked=Unchecked("fog"))
HALF = ComponentReport(name="hedge", unchecked=Unchecked("fog", wholly=False))
FAILED = ComponentReport(name="pond", error=REFUSAL)
SKIPPED = ComponentReport(name="shed", error=errors.Blocked("the pond is not ready"))
STOPPED = ComponentReport(name="well", error=errors.Interrupted("stopped"), unchecked=Unchecked("stopped"))


def test_a_change_is_described_by_verb_noun_and_subject() -> None:
    assert str(Paint()) == "paint garden fence green"
    ending = Terminate("i-00000001")
    assert (str(ending), ending.differences, ending.note) == ("terminate instance i-00000001", (), "")
    with pytest.raises(TypeError, match="subject"):
        Change()  # type: ignore[abstract] # that is the point


def test_a_difference_shows_that_nothing_is_not_an_empty_text() -> None:
    assert str(Difference("size", None, "")) == "size: (none) -> "


@pytest.mark.parametrize(
    ("report", "status", "reason"),
    [
        (FENCE, "as desired", ""),
        (evolve(FENCE, warnings=("peeling",)), "as desired", ""),
        (PLANNED, "would change 1", ""),
        (CHANGED, "changed 1", ""),
        (IDLE, "not checked", "no reason"),
        (BLIND, "not checked", "fog"),
        (HALF, "partly checked", "fog"),
        (evolve(HALF, outcomes=(Done(Paint()),)), "changed 1", "fog"),
        (evolve(BLIND, outcomes=(Done(Paint()), Failed(Paint(), REFUSAL))), "failed", "fog"),
        (evolve(BLIND, refusals=("no",)), "failed", "fog"),
        (evolve(HALF, mode=Mode.PLAN, planned=(Paint(),)), "would change 1", "fog"),
        (FAILED, "failed", ""),
        (SKIPPED, "skipped", "the pond is not ready"),
        (STOPPED, "not checked", "stopped"),
    ],
)
def test_a_component_is_as_desired_only_if_all_of_it_was_checked(
    report: ComponentReport, status: str, reason: str
) -> None:
    assert (report.status, report.reason) == (status, reason)


@pytest.mark.parametrize(
    ("reports", "status", "exit_code"),
    [
        ((FENCE, IDLE), "as desired", 0),
        ((FENCE, BLIND, IDLE), "as desired where checked; not checked: lawn", 0),
        ((FENCE, HALF), "as desired where checked; not checked: hedge", 0),
        ((CHANGED, BLIND), "changed 1; not checked: lawn", 0),
        ((PLANNED, BLIND), "would change 1; not checked: lawn", 0),
        ((evolve(PLANNED, error=REFUSAL),), "failed: fence", 1),
        ((FENCE, FAILED, SKIPPED, BLIND), "failed: pond; skipped: shed; not checked: lawn", 1),
        ((FAILED, FENCE, evolve(BLIND, refusals=("no",), unchecked=None)), "failed: pond, lawn", 1),
        ((STOPPED, FAILED), "failed: pond; not checked: well", 1),
        ((STOPPED,), "not checked: well", 1),
    ],
)
def test_a_run_is_as_desired_only_if_everything_due_was_checked(
    reports: tuple[ComponentReport, ...], status: str, exit_code: int
) -> None:
    assert (Report(reports).status, Report(reports).exit_code) == (status, exit_code)


@pytest.mark.parametrize(
    ("report", "fail_on_drift", "exit_code"),
    [(PLANNED, False, 0), (PLANNED, True, 1), (evolve(PLANNED, planned=()), True, 0), (CHANGED, True, 0)],
)
def test_only_a_dry_run_that_is_asked_to_fails_on_drift(
    report: ComponentReport, *, fail_on_drift: bool, exit_code: int
) -> None:
    assert Report((report,), desired=desired(fail_on_drift=fail_on_drift)).exit_code == exit_code
