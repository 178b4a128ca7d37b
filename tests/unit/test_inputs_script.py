"""The script that runs on the instance: taken byte for byte, and refused where it could not run or would leak."""

from __future__ import annotations

import bisect
import random
import re
import string
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from refresh import user_data
from refresh.inputs import bash
from tests.fakes import canaries
from tests.fakes.literals import good
from tests.unit.bad_inputs import environ, load, problems, row, told

if TYPE_CHECKING:
    from pathlib import Path

NAME = "pre-runner-script"
NO_BASH = "is not valid bash"


@pytest.mark.parametrize(
    "script",
    [
        row("70", "line", "cat <<EOF\nEOF\n"),
        row("70", "alone", "EOF\n"),
        row("71", "crlf", "true\r\n"),
        row("72", "no-final-newline", "true"),
        row("72", "indented", "  true\n\n\n"),
        row("73", "bash", "#!/bin/bash\n"),
        row("73", "env", "#!/usr/bin/env bash\ntrue\n"),
        row("73", "zsh", "#!/bin/zsh\n"),
        row("73", "later", "true\n#cloud-config\n"),
        row("75", "extglob", "shopt -s extglob\nrm -f !(a|b)\n"),
        row("75", "unknown-command", "no-such-command --at-all\n"),
        row("75", "open-document", "cat <<EOF\nnever closed"),
        row("75", "not-run", "exit 7\n"),
    ],
)
def test_a_script_is_kept_byte_for_byte(script: str) -> None:
    """It travels as base64, so nothing in it can end it."""
    assert load(pre_runner_script=script).desired.pre_runner_script == script


@pytest.mark.parametrize(
    "script",
    [row("72", "blank", " \n\t"), row("72", "empty", ""), row("72", "mark-alone", "\ufeff"), row("72", "crlf", "\r\n")],
)
def test_a_script_of_white_space_is_none(script: str) -> None:
    """The default holds."""
    assert load(pre_runner_script=script) == load()


@pytest.mark.parametrize(
    ("script", "expected"),
    [row("71", "crlf", "true\r\n", "pre-runner-script: has CRLF line ends; bash will see them.")],
)
def test_line_ends_of_windows_are_mentioned(script: str, expected: str) -> None:
    """What bash makes of them is rarely what was meant."""
    assert load(pre_runner_script=script).warnings == (expected,)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        row("73", "cloud-config", "#cloud-config\n", "a bash script expected"),
        row("73", "python", "#!/usr/bin/python3\n", "a bash script expected, not '#!/usr/bin/python3'"),
        row("73", "env", "#!/usr/bin/env python3\n", "a bash script expected"),
        row("73", "mark", "\ufeff#cloud-config\n", "a bash script expected"),
    ],
)
def test_what_is_no_shell_is_told(value: str, expected: str) -> None:
    """Bash would run it all the same."""
    told(NAME, value, expected)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        row("75", "quote", "true\necho 'never closed\n", NO_BASH),
        row("75", "if", "if true; then\n  echo\n", NO_BASH),
        row("75", "crlf", "if true; then\r\n  echo\r\nfi\r\n", NO_BASH),
        row("75", "bracket", "f() {\n  )\n}\n", NO_BASH),
    ],
)
def test_a_script_that_bash_cannot_read_is_told_without_repeating_it(script: str, expected: str) -> None:
    """Every launch would fail with it."""
    (problem,) = problems(environ({NAME: script}))
    assert problem == f"{NAME}: {expected}; correct what `bash -n` says of it"


def test_nothing_of_a_script_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the check, not by a file that the job's environment names, nor by an option that the script sets."""
    evil = tmp_path / "evil"
    evil.write_text(f"touch {tmp_path}/owned\n")
    monkeypatch.setenv("BASH_ENV", str(evil))
    monkeypatch.setenv("ENV", str(evil))
    script = f"set +n\nshopt -s extglob\ntouch {tmp_path}/owned\n: $(touch {tmp_path}/owned) `touch {tmp_path}/owned`\n"
    assert not bash.refuses(script)
    assert bash.refuses(f"{script}(")
    assert list(tmp_path.iterdir()) == [evil]


@pytest.mark.parametrize("what", [row("75", each, each) for each in ("macos", "no-bash", "broken", "slow", "killed")])
def test_where_bash_cannot_be_asked_a_script_is_taken_as_it_is(
    what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The instance has one of its own."""

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


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        row("76", "alone", f"curl -H 'Authorization: {canaries.PAT}'", "holds the github-token"),
        row("76", "unreadable", f"echo '{canaries.PAT}", "holds the github-token"),
        row("76", "other-problem", f"#!/usr/bin/python3 {canaries.PAT}", "holds the github-token"),
    ],
)
def test_a_script_with_the_token_in_it_is_refused(script: str, expected: str) -> None:
    """User data can be read by everyone on the instance."""
    told_of = problems(environ({NAME: script}))
    assert told_of[0].startswith(f"{NAME}: {expected}")
    assert not any("CANARY" in each for each in told_of)


def _fits(script: str) -> bool:
    try:
        user_data.render(user_data.Settings.at_their_longest("eu-west-1", "octo-widgets-ci-table", script))
    except user_data.TooLarge:
        return False
    return True


@pytest.mark.parametrize("expected", [row("74", "noise", "above the limit of 16384")])
def test_user_data_that_ec2_takes_is_taken_and_one_byte_more_is_refused_by_how_much(expected: str) -> None:
    """Compressed where it must be, judged with every header value at its longest and hard to compress."""
    script = "#" + "".join(random.Random(7).choices(string.printable[:94], k=20_000))  # noqa: S311 - no secret
    longest = bisect.bisect_left(range(len(script)), 1, key=lambda length: not _fits(script[:length])) - 1
    assert 9_000 < longest < 13_000
    assert load(pre_runner_script=script[:longest]).desired.pre_runner_script == script[:longest]
    (problem,) = problems(environ({NAME: script[: longest + 1]}))
    assert expected in problem
    found = re.search(r"has (\d+) bytes and (\d+) when compressed, (\d+) above the limit of 16384; shorten", problem)
    assert found
    size, packed, excess = map(int, found.groups())
    assert size > packed
    assert 0 < excess == packed - user_data.SIZE_LIMIT < 8


def test_a_script_is_not_measured_without_a_repository() -> None:
    """Its size depends on the table's name; the missing repository is the problem to tell."""
    given = good(**{"INPUT_PRE-RUNNER-SCRIPT": "#" * 20_000})
    del given["GITHUB_REPOSITORY"]
    assert len(problems(given)) == 1
