"""The job's summary page: what it shows, and that nothing from outside marks it up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh import errors, summary
from refresh.desired import Mode
from refresh.pool import Ended, InstanceNow, PoolNow
from refresh.report import ComponentReport, Done, Failed, Report
from refresh.runner import SUMMARY_LIMIT
from tests.fakes.changes import REFUSAL, Paint
from tests.fakes.desired import desired
from tests.fakes.serial import NOW


def _instance(number: int, state: str = "idle", **more: Any) -> InstanceNow:
    return InstanceNow(id=f"i-{number:08x}", state=state, ec2_state="running", **more)


def _report(*components: ComponentReport, **more: Any) -> Report:
    times = {"started_at": NOW - timedelta(seconds=2.5), "finished_at": NOW}
    return Report(components, **{"desired": desired(), **times, **more})


def _section(text: str, start: str) -> list[str]:
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(start))
    return lines[first : first + lines[first:].index("")]


def test_the_page_begins_with_the_state_of_things() -> None:
    """Status, whose pool, and until when instances can register."""
    text = summary.markdown(_report(ComponentReport(name="fence"), pool=PoolNow(token_expires_at=NOW)))
    assert text.splitlines()[:3] == [
        "### ✅ Runner pool refresh: as desired",
        "",
        "octo/widgets · eu-west-1 · apply · 2.5 s · registration token until 2026-01-31T09:05:00Z",
    ]
    assert summary.markdown(Report(())).startswith("### ✅ Runner pool refresh: as desired\n")


def test_a_component_is_a_row_with_how_it_ended() -> None:
    """As desired, changed, would change, failed."""
    text = summary.markdown(
        _report(
            ComponentReport(name="a"),
            ComponentReport(name="b", outcomes=(Done(Paint()),), duration=timedelta(seconds=1.25)),
            ComponentReport(name="c", mode=Mode.PLAN, planned=(Paint(),)),
            ComponentReport(name="d", error=REFUSAL),
        )
    )
    assert _section(text, "| component") == [
        "| component | status | seconds |",
        "| --- | --- | ---: |",
        "| a | ✅ as desired | 0.0 |",
        "| b | 🔧 changed 1 | 1.2 |",
        "| c | 📝 would change 1 | 0.0 |",
        "| d | ❌ failed | 0.0 |",
    ]
    assert text.startswith("### ❌ Runner pool refresh: failed: d\n")
    assert f"- **d**: {summary.cell(str(REFUSAL))}" in text


def test_the_pool_is_counted_by_state_and_class_with_its_ages() -> None:
    """And drawn."""
    hour = timedelta(hours=1)
    instances = (
        _instance(1, resource_class="large", launched_at=NOW - hour),
        _instance(2, resource_class="large", launched_at=NOW - 5 * hour),
        _instance(3, "running", resource_class="large"),
        _instance(4, "terminated", resource_class="xlarge", launched_at=NOW - 48 * hour),
        _instance(5, "unrecorded"),
    )
    text = summary.markdown(_report(pool=PoolNow(instances=instances)))
    assert _section(text, "```mermaid") == [
        "```mermaid",
        "pie showData",
        "  title Instances by state",
        '  "running" : 1',
        '  "idle" : 2',
        '  "ending" : 1',
        '  "unrecorded" : 1',
        "```",
    ]
    assert _section(text, "| class") == [
        "| class | running | idle | ending | unrecorded | all | median age | oldest |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| (none) | 0 | 0 | 0 | 1 | 1 |  |  |",
        "| large | 1 | 2 | 0 | 0 | 3 | 5 h | 5 h |",
        "| xlarge | 0 | 0 | 1 | 0 | 1 | 2 d | 2 d |",
    ]
    assert "5 instances" in text
    assert "mermaid" not in summary.markdown(_report(pool=PoolNow(instances=())))
    assert "The pool" not in summary.markdown(_report())


def test_a_plan_is_shown_open_with_what_follows_and_a_done_change_folded() -> None:
    """In the colours of a diff."""
    planned = ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint("long"),), following=(Paint("red"),))
    assert _section(summary.markdown(_report(planned)), "```diff") == [
        "```diff",
        "# fence",
        "! paint garden fence long",
        "      colour: (none) -> long",
        "        -old",
        "        +new",
        "    then paint garden fence red",
        "```",
    ]
    assert "<details open><summary>1 changes planned" in summary.markdown(_report(planned))
    done = ComponentReport(name="fence", outcomes=(Done(Paint()),))
    assert "<details><summary>1 changes made" in summary.markdown(_report(done))


def test_what_was_ended_is_told_with_reason_state_overdue_class_and_run() -> None:
    """Linked, where the record names a run by its number."""
    first = Ended(id="i-00000001", reason="expired", state="running", resource_class="large", run_id="42")
    ended = (
        evolve(first, overdue=timedelta(minutes=5)),
        evolve(first, reason="unrecorded", state="", run_id="javascript:alert(1)"),
    )
    rows = _section(summary.markdown(_report(ended=ended)), "| instance")
    assert rows[2:] == [
        "| i-00000001 | expired | running | 5 min | large | [42](https://github.com/octo/widgets/actions/runs/42) |",
        "| i-00000001 | unrecorded | (unrecorded) |  | large | javascript&#58;alert(1) |",
    ]
    assert "| 42 |" in summary.markdown(_report(ended=ended, desired=desired(run_url="")))


def test_warnings_and_notes_come_last() -> None:
    """By component."""
    text = summary.markdown(_report(ComponentReport(name="fence", warnings=("peeling",), notes=("locked",))))
    assert text.rstrip().endswith("#### Warnings\n\n- fence: peeling\n\n#### Notes\n\n- fence: locked")


def test_long_lists_are_cut_with_their_number_and_stay_below_the_limit() -> None:
    """Above 1 MiB GitHub shows nothing at all."""
    outcomes = tuple(Done(Paint(str(number))) for number in range(5000))
    failures = tuple(Failed(Paint("x" * 900 + str(each)), errors.Rejected("a", str(each))) for each in range(500))
    warnings = tuple(f"warning {number} " + "|" * 5000 for number in range(500))
    ended = tuple(Ended(id=f"i-{each:08x}", reason="expired", state="idle") for each in range(5000))
    instances = tuple(_instance(each, resource_class=f"class {each}") for each in range(5000))
    report = _report(
        ComponentReport(name="fence", outcomes=outcomes + failures, warnings=warnings),
        pool=PoolNow(instances=instances),
        ended=ended,
    )
    text = summary.markdown(report)
    assert text.count("4800 more are in the report file.") == 2
    assert text.count("300 more are in the report file.") == 2
    assert "paint garden fence: 4950 more" in text
    assert len(text.encode()) < 2 * SUMMARY_LIMIT
    many = tuple(
        ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint("long"),) * 40, following=()) for _ in range(20)
    )
    assert "more are in the report file." in summary.markdown(_report(*many))


EVIL = st.lists(
    st.one_of(
        st.sampled_from(
            ["|", "`", "```", "~~~", "<img src=x>", "</details>", "[x](http://e)", "\n", "#", "*", "_", "@a"]
        ),
        st.sampled_from(
            ["&lt;", "$$", "::error::", "##[error]", "- ", "1. ", "\r", "\u2028", "\\", "!", "http://e", "--"]
        ),
        st.text(max_size=4),
    ),
    max_size=10,
).map("".join)


@given(EVIL)
def test_nothing_from_outside_can_mark_up_a_cell(text: str) -> None:
    """Record fields and error texts are written by others."""
    cell = summary.cell(text)
    assert not any(character in cell for character in "|`<>[]*_~@!$\\\n\r\u2028")
    assert "://" not in cell
    assert all(found.isdigit() for found in (each.partition(";")[0][1:] for each in cell.split("&")[1:]))


@given(EVIL)
def test_nothing_from_outside_can_end_the_list_of_changes(text: str) -> None:
    """The fence is longer than any run of backticks inside."""
    lines = summary.markdown(_report(ComponentReport(name="fence", outcomes=(Done(Paint(text)),)))).splitlines()
    opening = next(number for number, line in enumerate(lines) if line.endswith("diff") and line.startswith("```"))
    fence = lines[opening].removesuffix("diff")
    closing = next(n for n in range(opening + 1, len(lines)) if lines[n].strip().startswith(fence))
    assert lines[closing : closing + 3] == [fence, "", "</details>"]
    assert not any(lines[closing + 3 :])


@pytest.mark.parametrize("text", ["a b", "octo/widgets", "it is 5 min, (ok); 10% + 3 = 'x' \"y\"?", "é", "is: so"])
def test_plain_words_stay_as_they_are(text: str) -> None:
    """People read them."""
    assert summary.cell(text) == text
