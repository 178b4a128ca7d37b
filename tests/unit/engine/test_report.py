"""The report: one list that is the plan, the log and the summary."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from refresh.desired import Mode
from refresh.engine.change import Change, Difference, Done, Failed, Skipped
from refresh.engine.report import ComponentReport, Report
from refresh.reconciler.garbage_collector.changes import Terminate
from refresh.text import enumerated, lasting
from tests.fakes.changes import REFUSAL, Paint
from tests.fakes.desired import desired


def test_a_change_says_what_it_does() -> None:
    """Verb, noun and subject; no fields and no reason unless it has some."""
    assert str(Paint()) == "paint garden fence green"
    ending = Terminate("i-00000001")
    assert (str(ending), ending.differences, ending.note) == ("terminate instance i-00000001", (), "")


def test_a_change_must_name_its_subject() -> None:
    """One that does not cannot even be made."""
    with pytest.raises(TypeError, match="subject"):
        Change()  # type: ignore[abstract] # that is the point


def test_a_difference_shows_both_sides() -> None:
    """Nothing is not an empty text."""
    assert str(Difference("size", None, "")) == "size: (none) -> "


@pytest.mark.parametrize(
    ("report", "status", "failed"),
    [
        (ComponentReport(name="fence"), "as desired", False),
        (ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint(), Paint("red"))), "would change 2", False),
        (ComponentReport(name="fence", outcomes=(Done(Paint()), Skipped(Paint("red"), "raced"))), "changed 1", False),
        (ComponentReport(name="fence", outcomes=(Done(Paint()), Failed(Paint("red"), REFUSAL))), "failed", True),
        (ComponentReport(name="fence", error=REFUSAL), "failed", True),
        (ComponentReport(name="fence", warnings=("peeling",)), "as desired", False),
    ],
)
def test_the_exit_code_is_1_exactly_if_something_failed(report: ComponentReport, status: str, *, failed: bool) -> None:
    """A lost race and a warning are no failures."""
    assert (report.status, report.failed) == (status, failed)
    assert Report((ComponentReport(name="other"), report)).exit_code == int(failed)


def test_a_dry_run_fails_on_drift_only_where_it_is_asked_to() -> None:
    """And apply never does."""
    drifted = ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint(),))
    assert Report((drifted,), desired=desired()).exit_code == 0
    assert Report((drifted,), desired=desired(fail_on_drift=True)).exit_code == 1
    assert Report((evolve(drifted, planned=()),), desired=desired(fail_on_drift=True)).exit_code == 0
    assert Report((evolve(drifted, mode=Mode.APPLY),), desired=desired(fail_on_drift=True)).exit_code == 0


@pytest.mark.parametrize(
    ("component", "status"),
    [
        (ComponentReport(name="fence"), "as desired"),
        (ComponentReport(name="fence", outcomes=(Done(Paint()),)), "changed 1"),
        (ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint(),)), "would change 1"),
        (ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint(),), error=REFUSAL), "failed: fence"),
    ],
)
def test_a_run_is_summed_up_in_a_few_words(component: ComponentReport, status: str) -> None:
    """A failure counts for more than a change."""
    assert Report((component,)).status == status


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_a_duration_is_told_in_its_largest_unit(seconds: int, told: str) -> None:
    """Nobody reads 604800 seconds."""
    assert lasting(timedelta(seconds=seconds)) == told


def test_every_component_that_failed_is_named() -> None:
    """In the order of the components."""
    failed = [ComponentReport(name=name, error=REFUSAL) for name in ("fence", "gate")]
    assert Report((failed[0], ComponentReport(name="lawn"), failed[1])).status == "failed: fence, gate"


def test_what_was_planned_and_done_is_told_as_done() -> None:
    """Only a dry run tells of what would be."""
    done = ComponentReport(name="fence", planned=(Paint(), Paint("red")), outcomes=(Done(Paint()),))
    assert Report((done,)).status == "changed 1"


@pytest.mark.parametrize(("number", "more"), [(10, ""), (11, " and 1 more")])
def test_of_many_names_the_first_ten_are_told(number: int, more: str) -> None:
    """And how many there are besides."""
    listed = [f"i-{each}" for each in range(number)]
    assert enumerated(listed) == ", ".join(listed[:10]) + more
