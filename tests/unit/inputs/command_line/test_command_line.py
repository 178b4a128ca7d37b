"""The command line: commands, options, variables and tokens, as the environment that GitHub would have made of them."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from datetime import timedelta
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from refresh import inputs
from refresh.actions import terminal, watch
from refresh.errors import InputErrors
from refresh.inputs import command_line, provision, release
from refresh.inputs.command_line import options, version, wording
from refresh.inputs.table import PROVISION, REFRESH, RELEASE, SECRETS
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from refresh.workflow.shutdown import Shutdown
from tests.fakes import canaries
from tests.fakes.literals import good, good_provision, good_release
from tests.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path


OPTIONS = options.of_action(REFRESH)


def test_all_inputs_but_secrets_and_old_names_are_options() -> None:
    """A token would show in the list of processes."""
    assert [*OPTIONS] == [name for name in (*inputs.REQUIRED, *inputs.OPTIONAL) if name not in SECRETS]
    assert [*options.of_action(RELEASE)] == [each.name for each in release.INPUTS if each.name not in SECRETS]
    assert [*options.of_action(PROVISION)] == [each.name for each in provision.INPUTS if not each.replaced_by]


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_option_is_as_good_as_the_variable_and_overrides_it(command: str) -> None:
    given = good()
    arguments = [command, f"--repository={given.pop('GITHUB_REPOSITORY')}"]
    for name in OPTIONS:
        if value := given.pop(f"INPUT_{name.upper()}", None):
            arguments += [f"--{name}", value]
            given[f"INPUT_{name.upper()}"] = "replaced"
    read = command_line.read(arguments, given)
    assert inputs.load(read.environ).desired == inputs.load({**good(), "INPUT_MODE": command}).desired


def test_provision_has_options_of_its_own_and_takes_a_mode() -> None:
    """As good as the variables that a step gets."""
    typed = ["provision", "--repository=octo/widgets", "--aws-region=eu-west-1", "--run-id=88", "--name=tests"]
    own = {"GITHUB_RUN_ID": "77", "GH_TOKEN": canaries.PAT}
    read = command_line.read([*typed, "--count=3", "--usage-class=any", "--mode=plan"], own)
    assert (read.name, read.action) == ("provision", PROVISION)
    given = {"INPUT_RUN_ID": "88", "INPUT_NAME": "tests", "INPUT_COUNT": "3", "INPUT_USAGE_CLASS": "any"}
    wanted = provision.load(good_provision(**given, INPUT_MODE="plan")).desired
    loaded = provision.load(read.environ)
    assert (loaded.desired, loaded.warnings) == (wanted, ())  # it has no use for the token
    assert "GH_TOKEN" not in options.of_command("provision").format_help()
    assert "GH_TOKEN" in options.of_command("release").format_help()


def test_release_has_options_of_its_own_and_takes_a_mode() -> None:
    """As good as the variables that a step gets."""
    typed = ["release", "--repository=octo/widgets", "--aws-region=eu-west-1", "--run-id=88", "--name=*"]
    read = command_line.read([*typed, "--reuse=false", "--force=true", "--mode=plan"], {"GITHUB_RUN_ID": "77"})
    assert (read.name, read.action) == ("release", RELEASE)
    given = {"INPUT_RUN_ID": "88", "INPUT_NAME": "*", "INPUT_REUSE": "false", "INPUT_FORCE": "true"}
    wanted = release.load(good_release(**given, INPUT_MODE="plan")).desired
    assert release.load(read.environ).desired == wanted


def test_release_takes_from_a_file_of_the_pool_what_it_needs(tmp_path: Path) -> None:
    """The file has the inputs of refresh as well, and an App that release does not use."""
    path = tmp_path / "pool.yml"
    path.write_text("repository: octo/widgets\nami: ami-01234567\ngithub-app-id: 1\nname: tests\n")
    read = command_line.read(["release", "--config", str(path)], {"GH_TOKEN": "a"})
    assert read.environ == {
        "GH_TOKEN": "a",
        "INPUT_REPOSITORY": "octo/widgets",
        "INPUT_NAME": "tests",
        "INPUT_GITHUB_TOKEN": "a",
    }
    with pytest.raises(InputErrors, match="'name': unknown input"):
        command_line.read(["plan", "--config", str(path)], {})


@pytest.mark.parametrize(("name", "action"), [("plan", REFRESH), ("apply", REFRESH), ("status", REFRESH)])
def test_other_commands_are_those_of_refresh(name: str, action: str) -> None:
    assert command_line.read([name], {}).action == action


def test_mode_decides_where_there_is_no_command() -> None:
    assert command_line.read(["--mode", "plan"], {}).environ["INPUT_MODE"] == "plan"
    assert command_line.read(["--ami", "x"], {"INPUT_MODE": "plan"}).environ["INPUT_MODE"] == "plan"
    assert "INPUT_MODE" not in command_line.read(["--ami", "x"], {}).environ
    assert command_line.read(["apply"], {"INPUT_MODE": "plan"}).environ["INPUT_MODE"] == "apply"


def test_files_and_commands_of_a_step_are_left_alone() -> None:
    """A command that is typed in a workflow is read in the log; the report goes where it is wanted."""
    step = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "/o", "GITHUB_STEP_SUMMARY": "/s", "HOME": "/h"}
    read = command_line.read(["plan", "--report-directory", "/somewhere", "--json"], step)
    assert read.environ == {
        "HOME": "/h",
        "GITHUB_WORKSPACE": "/somewhere",
        "INPUT_MODE": "plan",
        "INPUT_LOG_FORMAT": "json",
    }


ENTERPRISE = {"GITHUB_API_URL": "https://ghe.example.com/api/v3"}


@pytest.mark.parametrize(
    ("given", "token", "origin"),
    [
        ({"GH_TOKEN": "a", "GITHUB_TOKEN": "b"}, "a", "GH_TOKEN"),
        ({"GH_TOKEN": " ", "GITHUB_TOKEN": "b"}, "b", "GITHUB_TOKEN"),
        ({"GH_TOKEN": "a", "INPUT_GITHUB_TOKEN": "c"}, "c", "INPUT_GITHUB_TOKEN"),
        ({"GH_TOKEN": "a", "GITHUB_API_URL": "https://api.octo.ghe.com"}, "a", "GH_TOKEN"),
        ({"GH_TOKEN": "a", **ENTERPRISE}, None, None),
        ({"GH_TOKEN": "a", "GITHUB_API_URL": "https://api.github.com.evil.example"}, None, None),
        ({"GH_ENTERPRISE_TOKEN": "d", **ENTERPRISE}, "d", "GH_ENTERPRISE_TOKEN"),
        ({"GH_ENTERPRISE_TOKEN": "d"}, None, None),
        ({"GH_TOKEN": "a", "INPUT_GITHUB_APP_ID": "1"}, None, None),
    ],
)
def test_token_is_the_one_that_gh_would_take(given: dict[str, str], token: str | None, origin: str | None) -> None:
    """A token of github.com is sent to no other server, and an App needs none."""
    read = command_line.read(["plan"], given)
    assert read.environ.get("INPUT_GITHUB_TOKEN") == token
    assert read.origins.get("github-token") == origin


def test_status_is_shown_once_or_every_ten_seconds() -> None:
    assert command_line.read(["status"], {}).interval is None
    assert command_line.read(["status", "--watch"], {}).interval == timedelta(seconds=10)
    assert command_line.read(["status", "--watch", "--interval", "1m"], {}).interval == timedelta(minutes=1)


def test_history_is_asked_for_with_a_duration() -> None:
    assert command_line.read(["status"], {}).since is None
    found = command_line.read(["status", "--since", "24h", "--prices", '{"large": 0.096}'], {})
    assert (found.since, found.environ["INPUT_PRICES"]) == (timedelta(days=1), '{"large": 0.096}')


@pytest.mark.parametrize("name", ["plan", "apply", "release", "status"])
def test_help_has_every_option_with_its_words_and_default(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.read([name, "--help"], {})
    printed = " ".join(capfd.readouterr().out.split())
    assert ended.value.code == 0
    inputs = options.of_action(options.action(name))
    shown = ["repository", "aws-region", "prices", "log-format"] if name == "status" else inputs
    assert all(f"--{option} {'|'.join(inputs[option].words) or 'VALUE'} " in printed for option in shown)
    assert "[text]" in printed
    assert ("GH_TOKEN" in printed) is (name != "status")


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["plan", "--github-token", "x"], "--github-token x"),
        (["apply", "--am", "ami-1"], "--am ami-1"),
        (["plna"], "'plna'; did you mean plan?"),
        (["xyz"], "'xyz'"),
        (["plan", "--mode", "apply"], "--mode apply"),
        (["status", "--ami", "x"], "--ami x"),
        (["release", "--ami", "x"], "--ami x"),
        (["plan", "--run-id", "1"], "--run-id 1"),
        (["relaese"], "did you mean release?"),
        (["status", "--interval", "5s"], "--watch"),
        (["status", "--watch", "--interval", "1s"], "2s to 1h"),
        (["status", "--since", "59m"], "--since: a duration of 1h to 30d expected, not '59m'; write 2h or 7d"),
        (["status", "--since", "31d"], "--since: a duration of 1h to 30d expected"),
        (["status", "--since", "24"], "not '24'"),
        (["status", "--since", "24h", "--watch"], "leave --watch out"),
        (["status", "--prices", '{"large": 1}'], "--prices needs --since"),
        (["plan", "--since", "24h"], "--since 24h"),
    ],
)
def test_unknown_and_contradictory_options_are_refused(
    arguments: list[str], key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.read(arguments, {})
    assert ended.value.code == 2
    assert key in capfd.readouterr().err


def test_version_is_that_of_the_clone_or_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    with pytest.raises(SystemExit) as ended:
        command_line.read(["--version"], {})
    assert (ended.value.code, capfd.readouterr().out) == (0, f"refresh-action {wanted}\n")
    monkeypatch.setattr(version, "_SETTINGS", tmp_path / "absent")
    monkeypatch.setattr(metadata, "version", lambda name: f"{name} 9")
    assert version.version() == "refresh-action 9"


def test_words_for_a_workflow_are_in_the_program() -> None:
    """A message that is reworded would otherwise no longer be put into a terminal's words."""
    sources = [path.read_text() for path in (ROOT / "refresh").rglob("*.py") if path.parent.name != "command_line"]
    program = re.sub(r'"\s*f?"', "", "\n".join(sources)).replace("{each.variable}", "INPUT_X")
    assert [words for words in wording.WORDS if not re.search(words.replace("(.*)", ".*"), program)] == []


def test_message_names_an_input_as_its_user_gave_it() -> None:
    speak = wording.rewording({"ami": "pool.yml: ami"})
    titles = {title: speak(title, "is wrong")[0] for title in ("ami", "tags", "refresh", "GITHUB_REPOSITORY")}
    assert titles == {
        "ami": "pool.yml: ami",
        "tags": "--tags",
        "refresh": "refresh",
        "GITHUB_REPOSITORY": "GITHUB_REPOSITORY",
    }
    assert speak("GITHUB_REPOSITORY", "is required; x") == ("--repository", "is required; x")
    assert speak("GITHUB_RUN_ID", "is required; x") == ("--run-id", "is required; x")
    assert speak("GITHUB_RUN_ID", "not the id of a workflow run")[0] == "GITHUB_RUN_ID"


def test_defect_of_a_look_is_not_swallowed(capfd: pytest.CaptureFixture[str]) -> None:
    out = RedactingStream(sys.stdout)
    with pytest.raises(ZeroDivisionError):
        watch._shown(ZeroDivisionError(), Commands({}, out), out, same_screen=False)
    assert capfd.readouterr().out == ""


def test_help_is_shown_where_nothing_is_typed_and_nothing_given(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run by accident would end instances."""
    for name in [name for name in os.environ if name.startswith("INPUT_")]:
        monkeypatch.delenv(name)
    out, err = RedactingStream(sys.stdout), RedactingStream(sys.stderr)
    assert terminal.main([], out, err, Shutdown()) == 2
    assert "refresh-action plan|apply|provision|release|status [options]" in capfd.readouterr().out
