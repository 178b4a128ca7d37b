"""Bash's check of a script, which reads it and runs nothing of it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from refresh.inputs import bash
from tests.unit.inputs.bad_inputs import environ, load, problems, row

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "pre-runner-script"


@pytest.mark.shows("B75")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B75", "quote", {NAME: "true\necho 'never closed\n"}, "line 2: "),
        row("B75", "if", {NAME: "if true; then\n  echo\n"}, "line 3: "),
        row("B75", "bracket", {NAME: "f() {\n  )\n}\n"}, "line 2: syntax error near unexpected token `)'"),
        row("B75", "word", {NAME: "case x in\na hunter2\nesac\n"}, "line 2: "),
    ],
)
def test_syntax_error_is_reported_with_its_line_and_no_word_of_the_script(given: Mapping[str, str], key: str) -> None:
    """Every launch would fail with it; a word of it may be a password."""
    (problem,) = problems(environ(given))
    assert problem.startswith(f"{NAME}: is not valid bash: {key}")
    assert "hunter2" not in problem
    assert "never closed" not in problem


def test_nothing_of_a_script_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the check, by a file that the job's environment names, or by an option that the script sets."""
    evil = tmp_path / "evil"
    evil.write_text(f"touch {tmp_path}/owned\n")
    monkeypatch.setenv("BASH_ENV", str(evil))
    monkeypatch.setenv("ENV", str(evil))
    script = f"set +n\nshopt -s extglob\ntouch {tmp_path}/owned\n: $(touch {tmp_path}/owned) `touch {tmp_path}/owned`\n"
    assert bash.check(script) == bash.Findings()
    assert bash.check(f"{script}(").error
    assert [*tmp_path.iterdir()] == [evil]


@pytest.mark.shows("B75")
@pytest.mark.parametrize("what", [row("B75", each, each) for each in ("macos", "no-bash", "broken", "slow", "killed")])
def test_script_is_taken_where_bash_cannot_check_it(what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(*command: Any, **_: Any) -> Any:
        if what == "slow":
            raise subprocess.TimeoutExpired(command, 10)
        return subprocess.CompletedProcess(command, -9, b"", b"line 1: killed")

    match what:
        case "macos":
            monkeypatch.setattr("platform.system", lambda: "Darwin")
        case "no-bash":
            monkeypatch.setattr(bash, "_BASH", tmp_path / "bash")
        case "broken":
            monkeypatch.setattr(bash, "_BASH", tmp_path)
        case _:
            monkeypatch.setattr("subprocess.run", run)
    assert load(pre_runner_script="(").desired.pre_runner_script == "("


@pytest.mark.parametrize(("printed", "error"), [(b"", "a syntax error"), (b"bash: syntax error: x", "syntax error: x")])
def test_error_without_a_line_is_reported(printed: bytes, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some versions print it at the end of a script."""
    monkeypatch.setattr("subprocess.run", lambda *_, **__: subprocess.CompletedProcess([], 2, b"", printed))
    assert bash.check("(").error == error
