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

LINK = "[42](https://github.com/octo/widgets/actions/runs/42)"
AGED = Ended(id="i-00000001", reason="aged", state="idle", resource_class="large", steps=("marked", "terminated"))
EXPIRED = evolve(AGED, id="i-00000002", reason="expired", state="running", run_id="42", overdue=timedelta(minutes=5))


def _instance(number: int, **more: Any) -> InstanceSnapshot:
    return InstanceSnapshot(**{"id": f"i-{number:08x}", "state": "idle", "ec2_state": "running", **more})


def _page(*components: ComponentReport, **more: Any) -> str:
    times = {"started_at": NOW - timedelta(seconds=2.5), "finished_at": NOW}
    return job_summary.markdown(Report(components, **{"desired": desired(), **times, **more}))


def _section(text: str, start: str) -> list[str]:
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(start))
    return lines[first : first + lines[first:].index("")]


@pytest.mark.parametrize(("minutes", "words"), [(34, "expires in 34 min"), (-34, "expired 34 min ago")])
def test_the_page_begins_with_status_pool_and_the_life_of_the_token(minutes: int, words: str) -> None:
    pool = PoolSnapshot(token_expires_at=NOW + timedelta(minutes=minutes))
    status, _, facts = _page(ComponentReport(name="fence"), pool=pool).splitlines()[:3]
    assert status == "### ✅ Runner pool refresh: as desired"
    assert facts == f"octo/widgets · eu-west-1 · apply · 2.5 s · registration token {words}"
    assert job_summary.markdown(Report(())).startswith(f"{status}\n")


def test_a_component_is_a_row_with_how_it_ended() -> None:
    text = _page(
        ComponentReport(name="a"),
        ComponentReport(name="b", outcomes=(Done(Paint()),), duration=timedelta(seconds=1.25)),
        ComponentReport(name="c", mode=Mode.PLAN, planned=(Paint(),)),
        ComponentReport(name="d", error=REFUSAL),
        ComponentReport(name="e", unchecked=Unchecked("nothing was due", due=False)),
        ComponentReport(name="f", unchecked=Unchecked("f|og")),
        ComponentReport(name="g", error=errors.Blocked("d is not ready")),
    )
    assert _section(text, "| component")[2:] == [
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


def test_the_pool_is_shown_by_class_and_by_instance() -> None:
    first = _instance(1, resource_class="large", launched_at=NOW, threshold=NOW + timedelta(minutes=5))
    text = _page(pool=PoolSnapshot(instances=(first, _instance(5, run_id="4|2"))))
    assert _section(text, "#### The pool after the run: 2 instances")
    assert _section(text, "| class")[1:] == [
        "| --- | ---: | ---: | ---: | ---: |",
        "| (none) | 1 | 1 |  |  |",
        "| large | 1 | 1 | 0 s | 0 s |",
    ]
    assert _section(text, "| instance")[2:] == [
        "| i-00000005 | idle | running |  | 4&#124;2 |  |  |",
        "| i-00000001 | idle | running | large |  | 0 s ago | in 5 min |",
    ]
    assert "after the run: 0 instances" in _page(pool=PoolSnapshot(instances=()))
    assert "The pool" not in _page()


def test_a_plan_is_an_open_diff_and_changes_that_were_made_are_folded() -> None:
    planned = _page(ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint("long"),), following=(Paint("red"),)))
    assert _section(planned, "```diff") == [
        "```diff",
        "# fence",
        "! paint garden fence long",
        "      colour: (none) -> long",
        "        -old",
        "        +new",
        "    then paint garden fence red",
        "```",
    ]
    assert "<details open><summary>1 change planned<" in planned
    made = _page(ComponentReport(name="fence", outcomes=(Done(Paint()), Done(Terminate("i-00000002")))))
    assert "<details><summary>1 change made<" in made


def test_ended_instances_and_jobs_that_were_cut_off_come_first() -> None:
    """A run is linked where the record names it by its number."""
    forged = evolve(EXPIRED, id="i-00000003", run_id="javascript:alert(1)", reason="")
    ended, cut_off = _page(ComponentReport(name="a"), ended=(AGED, EXPIRED, forged)).splitlines()[4:6]
    assert ended == "- **3 instances ended**: 1 aged, 1 expired, 1 no reason recorded"
    assert cut_off.startswith("- **2 jobs cut off** ")
    assert cut_off.endswith(f": run {LINK}, javascript&#58;alert(1)")
    assert "job" not in _page(ended=(AGED,))
    assert "- **1 job cut off** (ended while `running`)\n" in _page(ended=(evolve(EXPIRED, run_id=""),))


def test_a_plan_begins_with_the_instances_that_would_be_ended() -> None:
    planned = ComponentReport(name="garbage collector", mode=Mode.PLAN, planned=(Terminate("i-00000002"),))
    text = _page(planned, touched=(EXPIRED, evolve(AGED, steps=("cleaned",))))
    assert "- **1 instance would be ended**: 1 expired" in text
    assert "- **1 job would be cut off**" in text
    assert "2 instances that would change" in text
    assert "```diff" not in text


def test_an_abandoned_instance_ends_with_its_mark_and_nobody_s_job_is_cut_off() -> None:
    """Its run is linked, whichever of the run's labels it has."""
    abandoned = evolve(EXPIRED, reason="abandoned", run_id="42-gpu_x", overdue=None, steps=("marked",))
    text = _page(ended=(abandoned,), touched=(abandoned,))
    assert "- **1 instance ended**: 1 abandoned" in text
    assert "cut off" not in text
    link = "[42-gpu&#95;x](https://github.com/octo/widgets/actions/runs/42)"
    assert f"| i-00000002 | abandoned | running |  | large | {link} | marked |" in text
    planned = ComponentReport(name="abandoned runs", mode=Mode.PLAN, planned=(Terminate("i-00000002"),))
    text = _page(planned, touched=(abandoned, evolve(abandoned, id="i-00000003", steps=("cleaned",))))
    assert "- **1 instance would be ended**: 1 abandoned" in text


def test_each_instance_has_one_row_those_with_a_cut_off_job_first() -> None:
    text = _page(touched=(AGED, EXPIRED, Ended(id="i-00000003", reason="unrecorded", state="", steps=("adopted",))))
    assert "<details open><summary>3 instances changed<" in text
    assert _section(text, "| instance")[2:] == [
        f"| i-00000002 | expired | running (job cut off) | 5 min | large | {LINK} | marked, terminated |",
        "| i-00000001 | aged | idle |  | large |  | marked, terminated |",
        "| i-00000003 | unrecorded | (unrecorded) |  |  |  | adopted |",
    ]
    assert "| 42 |" in _page(touched=(EXPIRED,), desired=desired(run_url=""))
    assert "<details><summary>21 instances changed<" in _page(touched=(AGED,) * 21)


def test_what_is_still_due_is_listed_unless_it_is_only_planned() -> None:
    component = ComponentReport(
        name="fence",
        planned=(Paint("red"), Paint("blue")),
        outcomes=(Postponed(Paint("red")), Done(Paint("green"))),
        pending=(Paint("green"),),
    )
    lines = _section(_page(component), "- **fence**")
    assert [line.split()[-1] for line in lines] == ["red", "blue", "green"]
    assert len({line.split(": ")[1] for line in lines}) == 3
    assert "fence**" not in _page(evolve(component, mode=Mode.PLAN))


def test_warnings_and_notes_come_last() -> None:
    text = _page(ComponentReport(name="fence", warnings=("peeling",), notes=("locked",)))
    assert text.rstrip().endswith("#### Warnings\n\n- fence: peeling\n\n#### Notes\n\n- fence: locked")


def test_long_lists_are_cut_with_their_number_and_stay_below_the_limit() -> None:
    """Above 1 MiB GitHub shows nothing at all."""
    outcomes = tuple(Done(Paint(str(number))) for number in range(5000))
    failures = tuple(Failed(Paint("x" * 900 + str(each)), errors.Rejected("a", str(each))) for each in range(500))
    ended = tuple(Ended(id=f"i-{each:08x}", reason="expired", state="idle") for each in range(5000))
    text = _page(
        ComponentReport(name="fence", outcomes=outcomes + failures, warnings=("|" * 5000,) * 500),
        pool=PoolSnapshot(instances=tuple(_instance(each, resource_class=f"class {each}") for each in range(5000))),
        ended=ended,
        touched=ended,
    )
    assert [text.count(f"\n*{more} more ") for more in (4800, 301, 300)] == [3, 1, 1]
    assert "paint garden fence: 4950 more" in text
    assert len(text.encode()) < 2 * SUMMARY_LIMIT
    many = ComponentReport(name="fence", mode=Mode.PLAN, planned=(Paint("long"),) * 40)
    assert "\n*2220 more " in _page(*[many] * 20)


MARKUP = ["|", "`", "```", "~~~", "<img>", "</details>", "[x](http://e)", "#", "*", "_", "@a", "&lt;", "$$", "\\", "!"]
EVIL = st.lists(
    st.one_of(
        st.sampled_from([*MARKUP, "::error::", "##[error]", "- ", "1. ", "\n", "\r", "\u2028"]), st.text(max_size=4)
    ),
    max_size=10,
).map("".join)


@pytest.mark.shows("A53")
@given(EVIL)
def test_nothing_from_outside_can_mark_up_a_cell(text: str) -> None:
    cell = job_summary.cell(text)
    assert not any(character in cell for character in "|`<>[]*_~@!$\\\n\r\u2028")
    assert "://" not in cell
    assert all(found.isdigit() for found in (each.partition(";")[0][1:] for each in cell.split("&")[1:]))


@given(EVIL)
def test_nothing_from_outside_can_end_the_list_of_changes(text: str) -> None:
    """The fence is longer than any run of backticks inside."""
    lines = _page(ComponentReport(name="fence", outcomes=(Done(Paint(text)),))).splitlines()
    opening = next(number for number, line in enumerate(lines) if line.endswith("diff") and line.startswith("```"))
    fence = lines[opening].removesuffix("diff")
    closing = next(n for n in range(opening + 1, len(lines)) if lines[n].strip().startswith(fence))
    assert lines[closing : closing + 3] == [fence, "", "</details>"]
    assert not any(lines[closing + 3 :])


@pytest.mark.parametrize("text", ["octo/widgets", "it is 5 min, (ok); 10% + 3 = 'x' \"y\"?", "é", "is: so"])
def test_plain_words_are_not_escaped(text: str) -> None:
    assert job_summary.cell(text) == text
