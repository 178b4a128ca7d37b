"""The variables of /etc/environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.agent import environment
from refresh.agent.environment import SET_BY_THE_AGENT, read_environment

if TYPE_CHECKING:
    from pathlib import Path

LINES = {
    "ImageOS=ubuntu24": "ubuntu24",
    "  export\tJAVA_HOME_17_X64=/usr/lib/jvm/temurin-17  ": "/usr/lib/jvm/temurin-17",
    "XDG_CONFIG_HOME=$HOME/.config": "/home/builder/.config",
    "HOMES=${HOME}:$HOMEBREW_PREFIX:$HOME": "/home/builder:$HOMEBREW_PREFIX:/home/builder",
    "QUOTED='a \"b\" # c'  # a comment": 'a "b" # c',
    'DOUBLE="it\'s"': "it's",
    "OPEN='no end ": "no end",
    "ANCHOR=https://x/#part # a comment": "https://x/#part",
    "EMPTY=": "",
    "NOTHING= # a comment": "",
    "NUMBER=#1": "#1",
    "EQUALS=a=b": "a=b",
    "NBSP=\u00a0x\u00a0": "\u00a0x\u00a0",
    "WINDOWS=x\r": "x\r",
    "PAGE=x\x0cy\u2028z": "x\x0cy\u2028z",
    "SHELL_CODE=$(echo run) `echo run` ; echo run \\": "$(echo run) `echo run` ; echo run \\",
    "AWS_REGION=eu-north-1": "eu-north-1",
    "UID=7": "7",
    'PATH="$HOME/.local/bin:/opt/tools"': "/home/builder/.local/bin:/opt/tools:/usr/bin:/bin",
    "LAST=without an end": "without an end",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the path of the file."""
    path = tmp_path / "environment"
    monkeypatch.setattr(environment, "ENVIRONMENT_FILE", str(path))
    return path


def _read() -> dict[str, str]:
    return read_environment("/home/builder", "/usr/bin:/bin")


@pytest.mark.parametrize("line", LINES)
def test_a_value_is_read_as_a_login_reads_it_and_never_as_shell(file: Path, line: str) -> None:
    name = line.partition("=")[0].removeprefix("  export").strip()
    file.write_bytes(line.encode())
    assert _read() == {name: LINES[line]}


def test_all_lines_are_read_and_the_last_of_a_name_counts(file: Path) -> None:
    file.write_text("\n".join([*LINES, "UID=8"]))
    assert len(_read()) == len(LINES)
    assert _read()["UID"] == "8"


@pytest.mark.parametrize(
    "line", ["# HIDDEN=1", "", " ", "9LIVES=1", "no assignment", "two words=1", "=1", "exported", "É=1", "A-B=1"]
)
def test_a_line_that_assigns_nothing_is_ignored(file: Path, line: str) -> None:
    file.write_text(f"{line}\nA=1\n")
    assert _read() == {"A": "1"}


def test_the_file_cannot_set_what_the_agent_sets(file: Path) -> None:
    assert {"HOME", "USER", "LOGNAME", "RUNNER_ALLOW_RUNASROOT", "ACTIONS_RUNNER_INPUT_TOKEN"} == SET_BY_THE_AGENT
    file.write_text("".join(f"{name}=broken\nexport {name}=broken\n" for name in SET_BY_THE_AGENT))
    assert _read() == {}


def test_bytes_that_are_no_text_reach_the_runner_unchanged(file: Path) -> None:
    """But for NUL, which no variable can hold."""
    file.write_bytes(b"LATIN=caf\xe9\0!\n")
    assert _read()["LATIN"].encode(errors="surrogateescape") == b"caf\xe9!"


@pytest.mark.parametrize("is_folder", [False, True])
def test_without_a_readable_file_there_are_no_variables(file: Path, is_folder: bool) -> None:  # noqa: FBT001 - a case
    if is_folder:
        file.mkdir()
    assert _read() == {}
