"""The report: one list that is the plan, the log and the summary."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

import pytest
from attrs import frozen

from refresh import errors
from refresh.desired import Mode
from refresh.report import Change, ComponentReport, Difference, Done, Failed, Report, Skipped, problems


@frozen
class Paint(Change):
    noun: ClassVar[str] = "garden_fence"
    verb: ClassVar[str] = "paint"
    colour: str = "green"

    @property
    def subject(self) -> str:
        """Say how."""
        return self.colour


REFUSAL = errors.Rejected("paint:Fence", "NoPaint", "none left.")


def test_a_change_says_what_it_does() -> None:
    """Verb, noun and subject; no fields and no reason unless it has some."""
    assert str(Paint()) == "paint garden fence green"
    assert (Paint().differences, Paint().note) == ((), "")


def test_a_change_must_name_its_subject() -> None:
    """The base class has none."""
    with pytest.raises(NotImplementedError):
        str(Change())


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


def test_every_failure_of_a_component_is_listed() -> None:
    """The reason why it stopped first."""
    report = ComponentReport(name="fence", error=REFUSAL, outcomes=(Failed(Paint(), REFUSAL),))
    assert problems(report) == [str(REFUSAL), f"paint garden fence green: {REFUSAL}"]


def test_the_summary_has_a_row_a_component_then_failures_then_warnings() -> None:
    """In the order in which a reader needs them."""
    fence = ComponentReport(
        name="fence",
        outcomes=(Done(Paint()), Failed(Paint("red"), REFUSAL)),
        warnings=("peeling",),
        duration=timedelta(seconds=1.25),
    )
    assert Report((fence, ComponentReport(name="gate"))).markdown() == (
        "### Runner pool refresh: 1 failed\n"
        "\n"
        "| component | status | changes | seconds |\n"
        "| --- | --- | --- | --- |\n"
        "| fence | failed | paint garden fence green | 1.2 |\n"
        "| gate | as desired |  | 0.0 |\n"
        "\n"
        f"- **fence**: paint garden fence red: {REFUSAL}\n"
        "- fence: peeling\n"
    )
    assert Report(()).markdown().startswith("### Runner pool refresh: as desired\n")


def test_nothing_from_outside_can_mark_up_the_summary() -> None:
    """Record fields and error texts are written by others."""
    evil = "</td>|`x`\n[click](https://evil.example) &lt; <img src=x>"
    report = Report((ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint(evil),), warnings=(evil,)),))
    body = report.markdown().partition("| --- | --- | --- | --- |\n")[2]
    row, _, warning = body.rstrip().partition("\n\n")
    for text in (row, warning):
        assert "\n" not in text
        for markup in ("</", "<img", "`", "[click"):
            assert markup not in text
    assert row.count("|") == 5
    assert "&amp;lt;" in row


def test_long_lists_are_cut_with_their_number() -> None:
    """A summary of thousands of instances is unreadable, and above 1 MiB GitHub shows none."""
    outcomes = tuple(Done(Paint(str(number))) for number in range(5000))
    warnings = tuple(f"warning {number} " + "x" * 5000 for number in range(500))
    text = Report((ComponentReport(name="fence", outcomes=outcomes, warnings=warnings),)).markdown()
    assert "paint garden fence 19<br>and 4980 more" in text
    assert len(text.encode()) < 200 * 1024
