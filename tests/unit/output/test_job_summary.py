"""The job's summary page: what it shows, and that nothing from outside marks it up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Done, Failed, Postponed, Unchecked
from refresh.engine.report import ComponentReport, Report
from refresh.output import job_summary
from refresh.pool.snapshot import Ended, InstanceSnapshot, PoolSnapshot
from refresh.reconciler.garbage_collector.changes import Terminate
from refresh.workflow.commands import SUMMARY_LIMIT
from tests.fakes.changes import REFUSAL, Paint
from tests.fakes.desired import desired
from tests.fakes.serial import NOW


def _instance(number: int, state: str = "idle", **more: Any) -> InstanceSnapshot:
    return InstanceSnapshot(id=f"i-{number:08x}", state=state, ec2_state="running", **more)


def _report(*components: ComponentReport, **more: Any) -> Report:
    times = {"started_at": NOW - timedelta(seconds=2.5), "finished_at": NOW}
    return Report(components, **{"desired": desired(), **times, **more})


def _section(text: str, start: str) -> list[str]:
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(start))
    return lines[first : first + lines[first:].index("")]


def test_the_page_begins_with_the_state_of_things() -> None:
    """Status, whose pool, and for how long instances can register."""
    left = timedelta(minutes=34)
    text = job_summary.markdown(_report(ComponentReport(name="fence"), pool=PoolSnapshot(token_expires_at=NOW + left)))
    assert text.splitlines()[:3] == [
        "### ✅ Runner pool refresh: as desired",
        "",
        "octo/widgets · eu-west-1 · apply · 2.5 s · registration token expires in 34 min",
    ]
    late = job_summary.markdown(_report(pool=PoolSnapshot(token_expires_at=NOW - left)))
    assert "registration token expired 34 min ago" in late
    assert job_summary.markdown(Report(())).startswith("### ✅ Runner pool refresh: as desired\n")


def test_a_component_is_a_row_with_how_it_ended() -> None:
    """As desired, changed, would change, failed."""
    text = job_summary.markdown(
        _report(
            ComponentReport(name="a"),
            ComponentReport(name="b", outcomes=(Done(Paint()),), duration=timedelta(seconds=1.25)),
            ComponentReport(name="c", mode=Mode.PLAN, planned=(Paint(),)),
            ComponentReport(name="d", error=REFUSAL),
            ComponentReport(name="e", unchecked=Unchecked("nothing was due", due=False)),
            ComponentReport(name="f", unchecked=Unchecked("f|og")),
            ComponentReport(name="g", error=errors.Blocked("d is not ready")),
        )
    )
    assert _section(text, "| component") == [
        "| component | status | seconds |",
        "| --- | --- | ---: |",
        "| a | ✅ as desired | 0.0 |",
        "| b | 🔧 changed 1 | 1.2 |",
        "| c | 📝 would change 1 | 0.0 |",
        "| d | ❌ failed | 0.0 |",
        "| e | 💤 not checked: nothing was due | 0.0 |",
        "| f | ⚠️ not checked: f&#124;og | 0.0 |",
        "| g | ❌ skipped: d is not ready | 0.0 |",
    ]
    assert text.startswith("### ❌ Runner pool refresh: failed: d; skipped: g; not checked: f\n")
    assert f"- ❌ **d**: {job_summary.cell(str(REFUSAL))}" in text


def test_the_pool_is_shown_by_class_and_instance_by_instance() -> None:
    """In tables, without a chart."""
    hour = timedelta(hours=1)
    instances = (
        _instance(1, resource_class="large", launched_at=NOW - hour, threshold=NOW + timedelta(minutes=5)),
        _instance(5, "unrecorded", run_id="4|2"),
    )
    text = job_summary.markdown(_report(pool=PoolSnapshot(instances=instances)))
    assert _section(text, "#### The pool after the run: 2 instances")
    assert _section(text, "| class") == [
        "| class | idle | unrecorded | all | median age | oldest |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| (none) | 0 | 1 | 1 |  |  |",
        "| large | 1 | 0 | 1 | 60 min | 60 min |",
    ]
    assert _section(text, "| instance") == [
        "| instance | state | EC2 | class | run | launched | threshold |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| i-00000001 | idle | running | large |  | 60 min ago | in 5 min |",
        "| i-00000005 | unrecorded | running |  | 4&#124;2 |  |  |",
    ]
    assert "mermaid" not in text
    assert "The pool after the run: 0 instances" in job_summary.markdown(_report(pool=PoolSnapshot(instances=())))
    assert "The pool" not in job_summary.markdown(_report())


def test_a_plan_is_shown_open_with_what_follows_and_a_done_change_folded() -> None:
    """In the colours of a diff."""
    planned = ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint("long"),), following=(Paint("red"),))
    assert _section(job_summary.markdown(_report(planned)), "```diff") == [
        "```diff",
        "# fence",
        "! paint garden fence long",
        "      colour: (none) -> long",
        "        -old",
        "        +new",
        "    then paint garden fence red",
        "```",
    ]
    assert "<details open><summary>1 change planned<" in job_summary.markdown(_report(planned))
    done = ComponentReport(name="fence", outcomes=(Done(Paint()),))
    assert "<details><summary>1 change made<" in job_summary.markdown(_report(done))


_EXPIRED = Ended(
    id="i-00000002",
    reason="expired",
    state="running",
    resource_class="large",
    run_id="42",
    overdue=timedelta(minutes=5),
    steps=("marked", "terminated"),
)
_AGED = Ended(id="i-00000001", reason="aged", state="idle", resource_class="large", steps=("marked", "terminated"))


def test_the_page_says_first_what_was_ended_and_whose_job_was_cut_off() -> None:
    """Before the components; the runs are linked where a record names one by its number."""
    forged = evolve(_EXPIRED, id="i-00000003", run_id="javascript:alert(1)", reason="")
    text = job_summary.markdown(_report(ComponentReport(name="a"), ended=(_AGED, _EXPIRED, forged)))
    link = "[42](https://github.com/octo/widgets/actions/runs/42)"
    assert text.splitlines()[4:6] == [
        "- **3 instances ended**: 1 aged, 1 expired, 1 no reason recorded",
        f"- **2 jobs cut off** (ended while `running`): run {link}, javascript&#58;alert(1)",
    ]
    assert "job" not in job_summary.markdown(_report(ended=(_AGED,)))
    assert "- **1 job cut off** (ended while `running`)\n" in job_summary.markdown(
        _report(ended=(evolve(_EXPIRED, run_id=""),))
    )


def test_each_instance_has_one_row_whatever_was_done_to_it() -> None:
    """Those whose job was cut off come first; long tables are folded."""
    stray = Ended(id="i-00000003", reason="unrecorded", state="", steps=("adopted",))
    text = job_summary.markdown(_report(touched=(_AGED, _EXPIRED, stray)))
    assert "<details open><summary>3 instances changed<" in text
    link = "[42](https://github.com/octo/widgets/actions/runs/42)"
    assert _section(text, "| instance")[2:] == [
        f"| i-00000002 | expired | running (job cut off) | 5 min | large | {link} | marked, terminated |",
        "| i-00000001 | aged | idle |  | large |  | marked, terminated |",
        "| i-00000003 | unrecorded | (unrecorded) |  |  |  | adopted |",
    ]
    assert "| 42 |" in job_summary.markdown(_report(touched=(_EXPIRED,), desired=desired(run_url="")))
    assert "<details><summary>21 instances changed<" in job_summary.markdown(_report(touched=(_AGED,) * 21))


def test_a_plan_says_first_what_would_be_ended() -> None:
    """And what only would be cleaned up is none of it."""
    planned = ComponentReport(name="garbage collector", mode=Mode.PLAN, planned=(Terminate("i-00000002"),))
    cleaned = Ended(id="i-00000009", reason="expired", state="idle", steps=("cleaned",))
    text = job_summary.markdown(_report(planned, touched=(_EXPIRED, cleaned)))
    assert "- **1 instance would be ended**: 1 expired" in text
    assert "- **1 job would be cut off**" in text
    assert "2 instances that would change" in text
    assert "```diff" not in text


def test_the_page_says_what_remains() -> None:
    """Left for the next run, not begun, and not yet read back."""
    component = ComponentReport(
        name="fence",
        planned=(Paint("red"), Paint("blue")),
        outcomes=(Postponed(Paint("red")), Done(Paint("green"))),
        pending=(Paint("green"),),
    )
    assert _section(job_summary.markdown(_report(component)), "- **fence**") == [
        "- **fence**: left for the next run: paint garden fence red",
        "- **fence**: not begun: paint garden fence blue",
        "- **fence**: acknowledged by AWS, not yet read back: paint garden fence green",
    ]
    assert "fence**" not in job_summary.markdown(_report(evolve(component, mode=Mode.PLAN)))


def test_warnings_and_notes_come_last() -> None:
    """By component."""
    text = job_summary.markdown(_report(ComponentReport(name="fence", warnings=("peeling",), notes=("locked",))))
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
        pool=PoolSnapshot(instances=instances),
        ended=ended,
        touched=ended,
    )
    text = job_summary.markdown(report)
    assert text.count("4800 more are in the report file.") == 3
    assert "\n*301 more are in the report file.*" in text
    assert "\n*300 more are in the report file.*" in text
    assert "paint garden fence: 4950 more" in text
    assert len(text.encode()) < 2 * SUMMARY_LIMIT
    many = tuple(
        ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint("long"),) * 40, following=()) for _ in range(20)
    )
    assert "more are in the report file." in job_summary.markdown(_report(*many))


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


@pytest.mark.shows("A53")
@given(EVIL)
def test_nothing_from_outside_can_mark_up_a_cell(text: str) -> None:
    """Record fields and error texts are written by others."""
    cell = job_summary.cell(text)
    assert not any(character in cell for character in "|`<>[]*_~@!$\\\n\r\u2028")
    assert "://" not in cell
    assert all(found.isdigit() for found in (each.partition(";")[0][1:] for each in cell.split("&")[1:]))


@given(EVIL)
def test_nothing_from_outside_can_end_the_list_of_changes(text: str) -> None:
    """The fence is longer than any run of backticks inside."""
    lines = job_summary.markdown(_report(ComponentReport(name="fence", outcomes=(Done(Paint(text)),)))).splitlines()
    opening = next(number for number, line in enumerate(lines) if line.endswith("diff") and line.startswith("```"))
    fence = lines[opening].removesuffix("diff")
    closing = next(n for n in range(opening + 1, len(lines)) if lines[n].strip().startswith(fence))
    assert lines[closing : closing + 3] == [fence, "", "</details>"]
    assert not any(lines[closing + 3 :])


@pytest.mark.parametrize("text", ["a b", "octo/widgets", "it is 5 min, (ok); 10% + 3 = 'x' \"y\"?", "é", "is: so"])
def test_plain_words_stay_as_they_are(text: str) -> None:
    """People read them."""
    assert job_summary.cell(text) == text
