"""The user's script: what runs it, what it sees, and how its exit code outlives the agent."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from refresh.agent.processes import Session
from refresh.agent.script import Script
from tests.unit.agent.programs import end, program, until

if TYPE_CHECKING:
    from pathlib import Path


def _run(folder: Path, text: str) -> int | None:
    script = Script(str(folder))
    session = script.start(text)
    until(lambda: not session.running())
    return script.exit_code()


@pytest.mark.parametrize(
    ("first", "arguments"),
    [
        ("#!{shell}", ["{script}"]),
        ("#! \t {shell} \t ", ["{script}"]),
        ("#!{shell} -e", ["-e", "{script}"]),
        ("#!{shell}\t -e  -u ", ["-e  -u", "{script}"]),
    ],
)
def test_the_shell_and_option_of_the_first_line_run_it(tmp_path: Path, first: str, arguments: list[str]) -> None:
    """The rest of the line is one option, as for the kernel."""
    shell = program(tmp_path / "shell", f'printf "%s\\n" "$@" >{tmp_path}/arguments')
    assert _run(tmp_path, f"{first.format(shell=shell)}\nexit 7\n") == 0
    script = str(tmp_path / "script")
    assert (tmp_path / "arguments").read_text().splitlines() == [each.format(script=script) for each in arguments]


@pytest.mark.parametrize(
    "text", ["[[ $BASH ]] && exit 7", "# no first line of its own\nexit 7", "\n#!/bin/false\nexit 7"]
)
def test_bash_runs_a_script_that_names_no_shell(tmp_path: Path, text: str) -> None:
    assert _run(tmp_path, text) == 7


def test_it_arrives_byte_for_byte_and_needs_no_permission_to_execute(tmp_path: Path) -> None:
    """A folder may be mounted noexec."""
    text = f'#!/bin/bash\ncat "$0" >{tmp_path}/copy; exit\n\tcafé \\ \'"$`\r\n\udce9\n no end'
    assert _run(tmp_path, text) == 0
    assert (tmp_path / "copy").read_bytes() == text.encode(errors="surrogateescape")
    assert not (tmp_path / "script").stat().st_mode & 0o111


def test_it_has_the_home_of_root_no_input_and_the_agents_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/wrong")
    assert _run(tmp_path, 'echo "$HOME $PWD $(umask) $(cat)"; echo error >&2') == 0
    written = capfd.readouterr()
    assert written.err == "/root / 0022 \nerror\n"
    assert written.out == ""


@pytest.mark.parametrize(("text", "code"), [("exit 3", 3), ("kill -KILL $$", 137), ("#!/no/such/shell\n", 127)])
def test_its_failure_is_known(tmp_path: Path, text: str, code: int) -> None:
    assert _run(tmp_path, text) == code


def test_there_is_no_exit_code_while_it_runs_whatever_another_left(tmp_path: Path) -> None:
    assert _run(tmp_path, "exit 3") == 3
    script = Script(str(tmp_path))
    session = script.start("sleep 1000")
    try:
        assert script.exit_code() is None
        assert session.running()
        (tmp_path / "script.exit").touch()  # The shell creates the file before it writes the code.
        assert script.exit_code() is None
    finally:
        end(session)


_AGENT = """
import json, os, signal, sys
from refresh.agent.script import Script
print(json.dumps(Script(sys.argv[1]).start("until [[ -e $0.go ]]; do sleep 0.01; done; exit 5").to_list()), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_agent_that_was_killed_waits_for_the_same_script_and_learns_its_code(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _AGENT, str(tmp_path)]
    killed = subprocess.run(command, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own program
    assert killed.returncode == -signal.SIGKILL
    session = Session.from_list(json.loads(killed.stdout))
    assert session.running()
    (tmp_path / "script.go").touch()
    until(lambda: not session.running())
    assert Script(str(tmp_path)).exit_code() == 5


def test_programs_that_it_leaves_behind_go_on(tmp_path: Path) -> None:
    script = Script(str(tmp_path))
    session = script.start("sleep 1000 &")
    until(lambda: not session.running())
    assert script.exit_code() == 0
    assert session.alive()
    end(session)
