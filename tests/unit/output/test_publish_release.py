"""What a release prints: a line a machine, annotations, its sums; and the files that it writes."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from refresh.desired import Mode
from refresh.engine.change import Failed
from refresh.inputs import release as inputs
from refresh.output import publish_release, release_report
from refresh.workflow import log
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from tests.unit.output import releases
from tests.unit.output.releases import DOWN, MIXED, give_back, terminate
from tests.unit.release.pools import IDS, RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ENVIRON = {
    "GITHUB_REPOSITORY": "octo/widgets",
    "GITHUB_RUN_ID": RUN,
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


def _printed(use: Callable[[Commands], object], environ: Mapping[str, str] | None = None, *,
             as_json: bool = False) -> list[str]:  # fmt: skip
    raw = io.StringIO()
    log.configure(as_json=as_json)
    try:
        with contextlib.redirect_stdout(raw):
            use(Commands(environ or {}, RedactingStream(raw), as_json=as_json))
    finally:
        log.configure(as_json=False)
    return [line.strip() for line in raw.getvalue().splitlines()]


def _ended(*outcomes: Any, environ: Mapping[str, str] | None = None, as_json: bool = False, **fields: Any) -> list[str]:
    run = releases.run(*outcomes, **fields)

    def ending(commands: Commands) -> None:
        code = publish_release.ending(commands, run.desired, run.component, run.started_at, run.finished_at)
        assert code == run.exit_code

    return _printed(ending, environ, as_json=as_json)


def test_a_release_begins_with_its_pool_its_label_and_what_is_wrong_with_the_inputs() -> None:
    given = inputs.load({**ENVIRON, "INPUT_NAME": "gpu", "INPUT_NAMME": "x"})
    started, *annotated = _printed(lambda commands: publish_release.beginning(commands, given))
    assert started.split()[:2] == ["release.started", "octo/widgets"]
    assert [fact in started for fact in ("eu-west-1", "apply", "77-gpu")] == [True] * 3
    assert [line.partition(": inputs: ")[0] for line in annotated] == ["warning"] * len(given.warnings)
    assert annotated


def test_each_machine_is_a_line_with_what_is_known_of_it() -> None:
    lines = _ended(*MIXED, *releases.done(terminate(3)), Failed(give_back(4), DOWN))
    assert lines[0].startswith("release: failed; 2 released; 2 ended (2.5 s)")
    machines = [line for line in lines if line.startswith("machine.")]
    assert [line.split()[:2] for line in machines] == [
        ["machine.released", IDS[0]],
        ["machine.ended", IDS[1]],
        ["machine.released", IDS[2]],
        ["machine.ended", IDS[3]],
        ["machine.failed", IDS[4]],
    ]
    assert [fact in machines[0] for fact in ("large", "c7i.large", "on-demand", "10 min", "reason")] == [True] * 4 + [
        False
    ]
    assert "type" not in machines[3]
    assert str(DOWN) in machines[4]


def test_a_release_ends_with_its_sums() -> None:
    (line,) = [line for line in _ended(*MIXED) if line.startswith("release.finished")]
    assert line.split()[1:] == ["released:", "2", "ended:", "1", "messages:", "2", "machine_minutes:", "20"]


@pytest.mark.parametrize(
    ("fields", "noticed"),
    [
        ({}, True),
        ({"notes": ("ended before",)}, True),
        ({"warnings": ("left alone",)}, False),
        ({"refusals": ("a job needs it",)}, False),
        ({"error": DOWN}, False),
        ({"mode": Mode.PLAN}, True),
        ({"mode": Mode.PLAN, "planned": (give_back(),)}, False),
    ],
)
def test_nothing_to_release_is_a_notice_with_the_label(fields: dict[str, Any], *, noticed: bool) -> None:
    """A machine that was left alone may still have it."""
    lines = _ended(wanted={"name": "*"}, **fields)
    assert sum(line.startswith("notice: ") and f"{RUN}-*" in line for line in lines) == noticed


def test_a_plan_says_what_would_become_of_each_machine() -> None:
    (line,) = [line for line in _ended(mode=Mode.PLAN, planned=(give_back(),)) if line.startswith("machine.")]
    assert line.split()[:1] == ["machine.planned"]
    assert "result: released" in line


def test_messages_for_machines_of_an_earlier_release_are_no_nothing() -> None:
    lines = _ended(*releases.done(releases.offer()))
    assert not any(line.startswith("notice: ") for line in lines)
    assert any("1 message sent" in line for line in lines)


def test_a_long_text_from_a_record_is_cut_in_the_line_of_its_machine() -> None:
    (line,) = [line for line in _ended(*releases.done(give_back(instance_type="x" * 5000))) if "x" * 9 in line]
    assert len(line) < 600


def test_problems_are_annotated() -> None:
    lines = _ended(refusals=("a job",), warnings=("a warning",), notes=("a note",))
    assert [line for line in lines if ": release: " in line] == [
        "notice: release: a note",
        "warning: release: a warning",
        "error: release: a job",
    ]


def test_lines_for_programs_are_objects() -> None:
    lines = [json.loads(line) for line in _ended(*MIXED, as_json=True)]
    assert [line["event"] for line in lines] == [
        "machine.released",
        "machine.ended",
        "machine.released",
        "component.finished",
        "release.finished",
    ]


def test_summary_outputs_and_report_are_written(tmp_path: Path) -> None:
    summary, outputs = tmp_path / "summary", tmp_path / "outputs"
    environ = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs), "GITHUB_WORKSPACE": str(tmp_path)}
    lines = _ended(*MIXED, environ={**environ, "GITHUB_ACTIONS": "true"}, notes=("a note",))
    assert IDS[1] in summary.read_text()
    assert f"\n{release_report.FILE}\n" in outputs.read_text()
    assert json.loads((tmp_path / release_report.FILE).read_text())["exit_code"] == 0
    assert lines[-1].startswith("::notice title=release::")
