"""The summary page of a provision: its facts, and that nothing from outside marks it up."""

from __future__ import annotations

import re
from typing import Any

import pytest

from refresh.desired import Mode, Role
from refresh.output import provision_summary
from refresh.output.markdown import ROWS
from refresh.output.provision_run import ProvisionRun
from refresh.pool.runs import HELD, LAUNCHED
from refresh.provision.changes import Launch
from tests.unit.output import provisions
from tests.unit.output.provisions import CLAIM, DOWN, FAILED, SHORT, machine
from tests.unit.provision.pools import IDS, fleet

HOSTED = {"if_unavailable": "ubuntu-latest"}


def _lines(*ready: Any, **fields: Any) -> list[str]:
    return provision_summary.markdown(provisions.run(*ready, **fields)).splitlines()


@pytest.mark.parametrize(
    ("run", "status", "sign"),
    [
        (provisions.run(machine()), "1 of 1 ready (1 warm)", "✅"),
        (
            provisions.run(machine(0, LAUNCHED), machine(1, HELD), machine(2), wanted={"count": 4}),
            "3 of 4 ready (1 held before, 1 warm, 1 new)",
            "✅",
        ),
        (provisions.run(refusals=(SHORT,)), "failed; 0 of 1 ready", "❌"),
        (provisions.run(refusals=(SHORT,), wanted=HOSTED), "not available, ubuntu-latest instead", "⚠️"),
        (provisions.run(mode=Mode.PLAN), "planned", "📝"),
        (provisions.run(mode=Mode.PLAN, error=DOWN), "failed", "📝"),
    ],
)
def test_the_page_begins_with_what_is_ready(run: ProvisionRun, status: str, sign: str) -> None:
    assert provision_summary.status(run) == status
    first = provision_summary.markdown(run).splitlines()[0]
    assert first.startswith(f"### {sign} ")
    assert first.endswith(f": {status}")


def test_the_pool_the_label_and_the_access_are_named() -> None:
    wanted = {"name": "gpu", "role": Role(arn="arn:aws:iam::123456789012:role/x", session_name="s")}
    facts = _lines(machine(), wanted=wanted)[2].split(" · ")
    assert facts[:3] == ["octo/widgets", "eu-west-1", "apply"]
    assert facts[4:] == ["label 77-gpu", "class large", "2.5 s"]


def test_each_machine_is_a_row() -> None:
    rows = [line for line in _lines(machine(0), machine(1, LAUNCHED, ends_at=None)) if line.startswith("| i-")]
    assert rows[0] == f"| {IDS[0]} | c7i.large | on-demand | warm | 2026-01-31T09&#58;05&#58;00Z |"
    assert rows[1].endswith("| new |  |")


def test_what_did_no_harm_is_a_warning() -> None:
    """The jobs can start: an error would send people looking for what is wrong."""
    for run in (provisions.run(machine(), outcomes=(FAILED,), warnings=("slow",)),
                provisions.run(refusals=(SHORT,), error=DOWN, wanted=HOSTED)):  # fmt: skip
        shown = provision_summary.shown(run)
        assert (shown.failed, len(shown.warnings)) == (False, 2)
        assert "❌" not in provision_summary.markdown(run)
    assert provision_summary.shown(provisions.run(refusals=(SHORT,), wanted=HOSTED)).warnings == (
        f"{SHORT} The jobs run on ubuntu-latest instead, as if-unavailable says.",
    )


def test_a_machine_that_ec2_takes_back_is_named_although_the_jobs_can_start() -> None:
    assert any(line.endswith("EC2 takes it back") for line in _lines(machine(), notes=("EC2 takes it back",)))


@pytest.mark.parametrize("fields", [{}, {"mode": Mode.PLAN, "wanted": HOSTED}])
def test_what_stops_the_jobs_stays_an_error(fields: dict[str, Any]) -> None:
    run = provisions.run(refusals=(SHORT,), error=DOWN, **fields)
    assert provision_summary.shown(run) == run.component
    assert sum(line.startswith("- ❌ ") for line in provision_summary.markdown(run).splitlines()) == 2


def test_a_dry_run_lists_its_changes_and_what_they_lead_to() -> None:
    page = "\n".join(_lines(mode=Mode.PLAN, planned=(CLAIM,), following=(Launch(fleet(2)),)))
    assert f"claim instance {IDS[0]}" in page
    assert "launch fleet 2 on-demand" in page


def test_texts_from_records_mark_nothing_up() -> None:
    hostile = "`|\n@octo <b> [x](https://x)"
    page = "\n".join(_lines(machine(instance_type=hostile, usage_class=hostile), warnings=(hostile,)))
    assert [each in page for each in ("`", "@octo", "<b>", "](", "https://x")] == [False] * 5


def test_a_long_table_is_cut_with_the_number_of_the_others() -> None:
    lines = _lines(*(machine(number % 100) for number in range(ROWS + 7)))
    assert sum(line.startswith("| i-") for line in lines) == ROWS
    assert any(re.search(r"\b7 more", line) for line in lines)
