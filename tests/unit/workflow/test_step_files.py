"""The files that GitHub gives a step: the summary, the outputs, and the workspace for the report."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refresh.workflow import commands
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream

MARKS = ["one<<", "two=", "ghadelimiter_", "\n", "\r", "\u2028", "\x85", " "]
TEXTS = st.lists(st.one_of(st.sampled_from(MARKS), st.text(max_size=5)), max_size=8).map("".join)


def _commands(**environ: object) -> Commands:
    to = Commands({name: str(value) for name, value in environ.items()}, RedactingStream(io.StringIO()))
    to.mask("s3cret-value")
    return to


def test_summary_and_outputs_are_appended_without_secrets(tmp_path: Path) -> None:
    summary, output = tmp_path / "summary", tmp_path / "output"
    for path in (summary, output):
        path.write_text("before=1\n")
    to = _commands(GITHUB_STEP_SUMMARY=summary, GITHUB_OUTPUT=output)
    to.summarise("the s3cret-value é\n")
    to.write_outputs({"token": "the s3cret-value"})
    assert summary.read_text() == "before=1\nthe *** é\n"
    assert _values(output.read_text()) == {"before": "1", "token": "the ***"}


@pytest.mark.shows("F28")
def test_a_summary_that_is_too_large_is_cut_at_a_line(tmp_path: Path) -> None:
    """Above 1 MiB GitHub shows nothing of it."""
    path = tmp_path / "summary.md"
    _commands(GITHUB_STEP_SUMMARY=path).summarise("é" * 50 + "\n" + "line\n" * 400_000)
    content = path.read_text()
    assert len(content.encode()) < 1024 * 1024
    assert content.rpartition("line\n\n")[2].startswith("Cut: ")


def _values(content: str) -> dict[str, str]:
    """Read an outputs file as GitHub's runner does: `name=value`, or `name<<delimiter`, lines, delimiter."""
    values: dict[str, str] = {}
    lines = iter(content.split("\n"))
    for line in filter(None, lines):
        name, found, delimiter = line.partition("<<")
        if found:
            value = list(iter(lines.__next__, delimiter))
            values[name] = "\n".join(value)
        else:
            name, _, values[name] = line.partition("=")
    return values


@given(st.lists(TEXTS, min_size=2, max_size=2))
def test_no_output_can_forge_another_one(texts: list[str]) -> None:
    given_ = dict(zip(("one", "two"), texts, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output"
        _commands(GITHUB_OUTPUT=path).write_outputs(given_)
        content = path.read_bytes().decode()
    assert _values(content) == {name: value.encode(errors="replace").decode() for name, value in given_.items()}


@pytest.mark.shows("A50")
def test_the_report_replaces_a_link_and_leaves_no_other_file(tmp_path: Path) -> None:
    elsewhere, workspace = tmp_path / "elsewhere", tmp_path / "workspace"
    elsewhere.write_text("untouched")
    workspace.mkdir()
    report = workspace / commands.REPORT_FILE
    report.symlink_to(elsewhere)
    assert _commands(GITHUB_WORKSPACE=workspace).write_report(['{"a": ', '"s3cret-value"}']) == commands.REPORT_FILE
    assert report.read_text() == '{"a": "***"}'
    assert report.stat().st_mode & 0o777 == 0o644, "later steps may run as another user"
    assert elsewhere.read_text() == "untouched"
    report.unlink()
    report.mkdir()
    assert _commands(GITHUB_WORKSPACE=workspace).write_report(["{}"]) == ""
    assert [*workspace.iterdir()] == [report]


@pytest.mark.shows("B85")
@pytest.mark.parametrize(
    ("variable", "path", "expected"),
    [
        pytest.param("GITHUB_OUTPUT", "", "", id="85-unset"),
        pytest.param("GITHUB_OUTPUT", ".", "GITHUB_OUTPUT: .: the outputs ", id="85-directory"),
        # Root may write to any file but the kernel's own.
        pytest.param("GITHUB_OUTPUT", "/proc/version", "GITHUB_OUTPUT: /proc/version: ", id="85-read-only"),
        ("GITHUB_STEP_SUMMARY", "/proc/missing/x", "GITHUB_STEP_SUMMARY: /proc/missing/x: "),
        ("GITHUB_WORKSPACE", "/proc/missing", "report: /proc/missing/refresh-report.json: "),
    ],
)
def test_a_file_that_cannot_be_written_is_a_warning_and_the_run_goes_on(
    variable: str, path: str, expected: str
) -> None:
    """On a laptop there is no such file, and nothing is said of it."""
    raw = io.StringIO()
    to = Commands({variable: path} if path else {}, RedactingStream(raw))
    to.summarise("x")
    to.write_outputs({"a": "b"})
    assert to.write_report(["{}"]) == ""
    to.line("goes on")
    *warnings, last = raw.getvalue().splitlines()
    assert last == "goes on"
    assert [each[: len(expected) + 9] for each in warnings] == ([f"warning: {expected}"] if expected else [])
