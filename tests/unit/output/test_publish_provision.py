"""What a provision prints: a line a machine, annotations, its sums; and the files that it writes."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from refresh.desired import Mode
from refresh.inputs import provision as inputs
from refresh.output import provision_report, publish_provision
from refresh.provision.changes import Launch
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from tests.unit.output import provisions
from tests.unit.output.provisions import CLAIM, FAILED, SHORT, machine
from tests.unit.provision.pools import IDS, desired, fleet

if TYPE_CHECKING:
    from pathlib import Path

    from refresh.output.provision_run import ProvisionRun


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the variables of a job, with the files that it may write."""
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    return {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path), **files}


def _ended(environ: dict[str, str], run: ProvisionRun) -> tuple[int, str]:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        code = publish_provision.ending(Commands(environ, RedactingStream(stream)), run)
    return code, stream.getvalue()


def test_each_machine_is_a_line(environ: dict[str, str]) -> None:
    code, printed = _ended(environ, provisions.run(machine(), machine(1, ends_at=None, instance_type="")))
    assert code == 0
    assert [sum(each in line and "::" not in line for line in printed.splitlines()) for each in IDS[:2]] == [1, 1]
    assert "until" in next(line for line in printed.splitlines() if IDS[0] in line)
    assert "until" not in next(line for line in printed.splitlines() if IDS[1] in line)


def test_outputs_summary_and_report_are_written(environ: dict[str, str], tmp_path: Path) -> None:
    _ended(environ, provisions.run(machine()))
    assert (tmp_path / "GITHUB_OUTPUT").read_text().count("\ntrue\n") == 1
    assert IDS[0] in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert json.loads((tmp_path / provision_report.FILE).read_text())["available"] is True


@pytest.mark.parametrize(
    ("fields", "level", "code"),
    [
        ({"refusals": (SHORT,)}, "error", 1),
        ({"refusals": (SHORT,), "wanted": {"if_unavailable": "ubuntu-latest"}}, "warning", 0),
    ],
)
def test_what_is_missing_is_an_error_unless_the_jobs_can_start(
    environ: dict[str, str], fields: dict[str, Any], level: str, code: int
) -> None:
    ended, printed = _ended(environ, provisions.run(**fields))
    assert ended == code
    assert (f"::{level} " in printed, "::error " in printed) == (True, code == 1)
    assert SHORT in printed


def test_a_failure_that_cost_nothing_is_a_warning(environ: dict[str, str]) -> None:
    _, printed = _ended(environ, provisions.run(machine(), outcomes=(FAILED,)))
    assert "::error" not in printed
    assert "::warning" in printed


def test_a_dry_run_prints_its_changes(environ: dict[str, str]) -> None:
    code, printed = _ended(environ, provisions.run(mode=Mode.PLAN, planned=(CLAIM,), following=(Launch(fleet()),)))
    assert code == 0
    assert f"claim instance {IDS[0]}" in printed
    assert "launch fleet 1 on-demand" in printed


def test_the_beginning_names_what_is_asked_for_and_the_warnings_of_the_inputs(environ: dict[str, str]) -> None:
    stream = io.StringIO()
    commands = Commands(environ, RedactingStream(stream))
    given = inputs.ProvisionInputs(desired(count=3), None, ("a warning",), ("a notice",))  # type: ignore[arg-type]
    with contextlib.redirect_stdout(stream):
        publish_provision.beginning(commands, given)
        commands.show_annotations()
    printed = stream.getvalue()
    assert [each in printed for each in ("octo/widgets", "large", "a warning", "a notice")] == [True] * 4
