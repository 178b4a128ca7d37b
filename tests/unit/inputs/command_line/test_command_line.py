"""The command line: commands, options, variables and tokens, as the environment that GitHub would have made of them."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from datetime import timedelta
from importlib import metadata
from pathlib import Path

import pytest

from refresh import inputs
from refresh.actions import terminal
from refresh.inputs import command_line
from refresh.inputs.command_line import options, version, wording
from refresh.inputs.table import SECRETS
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from refresh.workflow.shutdown import Shutdown
from tests.fakes.literals import good
from tests.pages import ROOT


def test_every_input_is_an_option_but_for_secrets_and_the_original_s_names() -> None:
    """A token would show in the list of processes."""
    assert [*options.INPUTS] == [name for name in (*inputs.REQUIRED, *inputs.OPTIONAL) if name not in SECRETS]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_an_option_is_as_good_as_the_variable(command: str) -> None:
    """And takes its place, whichever way it was spelt."""
    given = good()
    arguments = [command, f"--repository={given.pop('GITHUB_REPOSITORY')}"]
    for name in options.INPUTS:
        if value := given.pop(f"INPUT_{name.upper()}", None):
            arguments += [f"--{name}", value]
            given[f"INPUT_{name.upper()}"] = "replaced"
    read = command_line.read(arguments, given)
    assert inputs.load(read.environ).desired == inputs.load({**good(), "INPUT_MODE": command}).desired


def test_without_a_command_the_mode_decides_as_for_the_action() -> None:
    """What schedulers call today goes on working."""
    assert command_line.read(["--mode", "plan"], {}).environ["INPUT_MODE"] == "plan"
    assert command_line.read(["--ami", "x"], {"INPUT_MODE": "plan"}).environ["INPUT_MODE"] == "plan"
    assert "INPUT_MODE" not in command_line.read(["--ami", "x"], {}).environ
    assert command_line.read(["apply"], {"INPUT_MODE": "plan"}).environ["INPUT_MODE"] == "apply"


def test_a_step_s_files_and_commands_are_left_alone() -> None:
    """Whoever types a command in a workflow reads it in the log; the report goes where it is wanted."""
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "/o", "GITHUB_STEP_SUMMARY": "/s", "HOME": "/h"}
    read = command_line.read(["plan", "--report-directory", "/somewhere", "--json"], environ)
    assert read.environ == {
        "HOME": "/h",
        "GITHUB_WORKSPACE": "/somewhere",
        "INPUT_MODE": "plan",
        "INPUT_LOG_FORMAT": "json",
    }


@pytest.mark.parametrize(
    ("environ", "token", "origin"),
    [
        ({"GH_TOKEN": "a", "GITHUB_TOKEN": "b"}, "a", "GH_TOKEN"),
        ({"GH_TOKEN": " ", "GITHUB_TOKEN": "b"}, "b", "GITHUB_TOKEN"),
        ({"GH_TOKEN": "a", "INPUT_GITHUB_TOKEN": "c"}, "c", "INPUT_GITHUB_TOKEN"),
        ({"GH_TOKEN": "a", "GITHUB_API_URL": "https://api.octo.ghe.com"}, "a", "GH_TOKEN"),
        ({"GH_TOKEN": "a", "GITHUB_API_URL": "https://ghe.example.com/api/v3"}, None, None),
        ({"GH_TOKEN": "a", "GITHUB_API_URL": "https://api.github.com.evil.example"}, None, None),
        (
            {"GH_ENTERPRISE_TOKEN": "d", "GITHUB_API_URL": "https://ghe.example.com/api/v3"},
            "d",
            "GH_ENTERPRISE_TOKEN",
        ),
        ({"GH_ENTERPRISE_TOKEN": "d"}, None, None),
        ({"GH_TOKEN": "a", "INPUT_GITHUB_APP_ID": "1"}, None, None),
    ],
)
def test_the_token_is_the_one_that_gh_would_take(
    environ: dict[str, str], token: str | None, origin: str | None
) -> None:
    """A token of github.com is sent to no other server, and an App needs none."""
    read = command_line.read(["plan"], environ)
    assert read.environ.get("INPUT_GITHUB_TOKEN") == token
    assert read.origins.get("github-token") == origin


def test_status_is_watched_every_ten_seconds_unless_asked() -> None:
    """And looked at once without --watch."""
    assert command_line.read(["status"], {}).interval is None
    assert command_line.read(["status", "--watch"], {}).interval == timedelta(seconds=10)
    assert command_line.read(["status", "--watch", "--interval", "1m"], {}).interval == timedelta(minutes=1)


@pytest.mark.parametrize("name", ["plan", "apply", "status"])
def test_help_has_every_option_with_its_choices(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """And where the token comes from."""
    with pytest.raises(SystemExit) as ended:
        command_line.read([name, "--help"], {})
    printed = " ".join(capfd.readouterr().out.split())
    assert ended.value.code == 0
    shown = ["repository", "aws-region", "log-format"] if name == "status" else options.INPUTS
    assert all(f"--{option} {'|'.join(options.INPUTS[option].words) or 'VALUE'} " in printed for option in shown)
    assert ("GH_TOKEN" in printed) is (name != "status")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["plan", "--github-token", "x"], "unrecognized arguments: --github-token x"),
        (["apply", "--am", "ami-1"], "unrecognized arguments: --am ami-1"),
        (["plna"], "unknown command 'plna'; did you mean plan? (plan, apply and status are known)"),
        (["xyz"], "unknown command 'xyz' (plan, apply and status are known)"),
        (["plan", "--mode", "apply"], "--mode apply contradicts the command plan; leave the option out"),
        (["status", "--ami", "x"], "unrecognized arguments: --ami x"),
        (["status", "--interval", "5s"], "--interval needs --watch"),
        (["status", "--watch", "--interval", "1s"], "--interval: a duration of 2s to 1h expected; write 420"),
    ],
)
def test_unknown_options_are_refused(arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]) -> None:
    """With exit code 2, as bad input is."""
    with pytest.raises(SystemExit) as ended:
        command_line.read(arguments, {})
    assert ended.value.code == 2
    assert told in capfd.readouterr().err


def test_the_version_is_that_of_the_clone_or_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One of them is there."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    with pytest.raises(SystemExit) as ended:
        command_line.read(["--version"], {})
    assert (ended.value.code, capfd.readouterr().out) == (0, f"refresh-action {wanted}\n")
    monkeypatch.setattr(version, "_SETTINGS", tmp_path / "absent")
    monkeypatch.setattr(metadata, "version", lambda name: f"{name} 9")
    assert version.version() == "refresh-action 9"


def test_words_for_a_workflow_are_said_by_the_program() -> None:
    """A message that is reworded would not be put into a terminal's words any more."""
    sources = [path.read_text() for path in (ROOT / "refresh").rglob("*.py") if path.parent.name != "command_line"]
    program = re.sub(r'"\s*f?"', "", "\n".join(sources)).replace("{each.variable}", "INPUT_X")
    program = program.replace('"\n            ', "")
    missing = [words for words in wording.WORDS if not re.search(words.replace("(.*)", ".*"), program)]
    assert missing == []


def test_an_input_is_named_as_its_user_gave_it() -> None:
    """By its option, its variable or its line in the file."""
    speak = wording.spoken({"ami": "pool.yml: ami"})
    assert speak("ami", "is wrong") == ("pool.yml: ami", "is wrong")
    assert speak("tags", "is wrong") == ("--tags", "is wrong")
    assert speak("refresh", "is wrong") == ("refresh", "is wrong")
    assert speak("GITHUB_REPOSITORY", "is required; GitHub sets it, elsewhere set it") == (
        "--repository",
        "is required; GitHub sets it, elsewhere set it",
    )
    assert speak("GITHUB_REPOSITORY", "owner/name expected")[0] == "GITHUB_REPOSITORY"


def test_a_defect_of_a_look_is_not_swallowed(capfd: pytest.CaptureFixture[str]) -> None:
    """It is told as any other."""
    out = RedactingStream(sys.stdout)
    with pytest.raises(ZeroDivisionError):
        terminal._shown(ZeroDivisionError(), Commands({}, out), out, same_screen=False)
    assert capfd.readouterr().out == ""


def test_nothing_typed_and_nothing_given_shows_the_help(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run by accident would end instances."""
    for name in [name for name in os.environ if name.startswith("INPUT_")]:
        monkeypatch.delenv(name)
    out, err = RedactingStream(sys.stdout), RedactingStream(sys.stderr)
    assert terminal.main([], out, err, Shutdown()) == 2
    assert "refresh-action plan|apply|status [options]" in capfd.readouterr().out
