"""The summary page of a release: its facts, and that nothing from outside marks it up."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.desired import Mode, Role
from refresh.engine.change import Failed
from refresh.output import release_summary
from refresh.output.markdown import ROWS
from refresh.output.release_run import ReleaseRun
from refresh.pool.records import wire_time
from refresh.release.changes import Reason
from tests.fakes.serial import NOW
from tests.unit.output import releases
from tests.unit.output.releases import DOWN, MIXED, give_back, retire, taken_back, terminate
from tests.unit.release.pools import IDS, RUN

REASON = Reason.NEVER_RAN.value


def _lines(*outcomes: Any, **fields: Any) -> list[str]:
    return release_summary.markdown(releases.run(*outcomes, **fields)).splitlines()


@pytest.mark.parametrize(
    ("run", "status", "sign"),
    [
        (releases.run(), "nothing to release", "✅"),
        (releases.run(*MIXED), "2 released, 1 ended", "🔧"),
        (releases.run(*releases.done(retire())), "1 ended", "🔧"),
        (releases.run(refusals=("no",)), "failed", "❌"),
        (releases.run(*MIXED, error=DOWN), "failed; 2 released; 1 ended", "❌"),
        (releases.run(mode=Mode.PLAN, planned=(give_back(), retire(1))),
         "1 would be released, 1 would be ended", "📝"),
        (releases.run(mode=Mode.PLAN), "nothing to release", "📝"),
    ],
)  # fmt: skip
def test_the_page_begins_with_what_became_of_the_machines(run: ReleaseRun, status: str, sign: str) -> None:
    assert release_summary.status(run) == status
    first = release_summary.markdown(run).splitlines()[0]
    assert first.startswith(f"### {sign} ")
    assert first.endswith(f": {status}")


def test_the_pool_the_label_and_the_access_are_named() -> None:
    wanted = {"name": "gpu", "role": Role(arn="arn:aws:iam::123456789012:role/x", session_name="s")}
    facts = _lines(wanted=wanted)[2].split(" · ")
    assert facts[:3] == ["octo/widgets", "eu-west-1", "apply"]
    assert facts[4:] == ["label 77-gpu", "2.5 s"]
    assert "role/x" in facts[3]


def test_each_machine_is_a_row_with_its_work_and_its_result() -> None:
    lines = _lines(*MIXED, *releases.done(terminate(3, Reason.UNRECORDED)))
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| i-")]
    assert rows[0] == [IDS[0], RUN, "large", "c7i.large", "on-demand", "10 min", "released"]
    assert rows[1][5:] == ["", f"ended: {REASON}"]
    assert rows[3] == [IDS[3], RUN, "", "", "", "", f"ended: {Reason.UNRECORDED.value}"]


def test_what_cut_off_a_job_stands_in_the_row_of_its_machine() -> None:
    changes = releases.done(evolve(give_back(), cut_off=True), taken_back(1))
    results = [line.strip("| ").split(" | ")[-1] for line in _lines(*changes) if line.startswith("| i-")]
    assert results[0].startswith("released: a restart of the machine cut off its job")
    assert results[1].startswith("ended: EC2 took it back at 2026-01-31T09")


def test_types_are_summed_where_there_are_several() -> None:
    lines = _lines(*MIXED, *releases.done(terminate(3, Reason.UNRECORDED)))
    start = lines.index("| type | usage | machines | worked |")
    assert lines[start + 2 : start + 5] == [
        "| (not recorded) |  | 1 | 0 min |",
        "| c7i.large | on-demand | 2 | 10 min |",
        "| c7i.large | spot | 1 | 10 min |",
    ]
    assert any(line.startswith("| type |") for line in _lines(*MIXED))
    assert not any(line.startswith("| type |") for line in _lines(*releases.done(give_back(), give_back(1))))


def test_the_number_of_machines_and_their_work_stand_above_the_table() -> None:
    (line,) = [line for line in _lines(*MIXED) if line.startswith("- **")]
    assert [part in line for part in ("3 machines", "2 released", "20 min")] == [True] * 3
    long = give_back(updated_at=wire_time(NOW - timedelta(hours=10)))
    assert any(line.startswith("- **") and "600 min" in line for line in _lines(*releases.done(long)))
    (idle,) = [line for line in _lines(*releases.done(retire())) if line.startswith("- **")]
    assert [part in idle for part in ("1 machine**", "min")] == [True, False]


@pytest.mark.parametrize(("seconds", "shown"), [(1, "1 s"), (59, "59 s"), (60, "1 min"), (600, "10 min")])
def test_less_than_a_minute_of_work_is_shown_in_seconds(seconds: int, shown: str) -> None:
    worked = give_back(updated_at=wire_time(NOW - timedelta(seconds=seconds)))
    assert any(f"after {shown} of work" in line for line in _lines(*releases.done(worked)))


def test_errors_warnings_and_notes_are_listed() -> None:
    lines = _lines(Failed(give_back(), DOWN), refusals=("a job",), warnings=("a warning",), notes=("a note",))
    assert sum(line.startswith("- ❌ ") for line in lines) == 2
    assert lines[lines.index("#### Warnings") + 2] == "- a warning"
    assert lines[lines.index("#### Notes") + 2] == "- a note"
    assert "#### Notes" not in _lines(warnings=("a warning",))


def test_texts_from_records_mark_nothing_up() -> None:
    hostile = "`|\n@octo <b> [x](https://x)"
    change = give_back(resource_class=hostile, instance_type=hostile, usage_class=hostile)
    page = release_summary.markdown(
        releases.run(*releases.done(change, give_back(1)), warnings=(hostile,), notes=(hostile,), refusals=(hostile,))
    )
    assert [each in page for each in ("`", "@octo", "<b>", "](", "https://x")] == [False] * 5
    assert len([line for line in page.splitlines() if line.startswith(f"| {IDS[0]} |")]) == 1


def test_a_long_table_is_cut_with_the_number_of_the_others() -> None:
    changes = [give_back(id=f"i-{number:08x}") for number in range(ROWS + 7)]
    lines = _lines(*releases.done(*changes))
    assert sum(line.startswith("| i-") for line in lines) == ROWS
    assert any(re.search(r"\b7 more", line) for line in lines)
