"""The command line: every input but the secret one, as an option."""

from __future__ import annotations

import pytest

from refresh import command_line, inputs
from refresh.inputs.reader import SECRETS
from tests.fakes.literals import good


def test_every_input_is_an_option_but_for_secrets_and_the_original_s_names() -> None:
    """A token would show in the list of processes."""
    assert [*command_line.DESCRIPTIONS] == [
        name for name in (*inputs.REQUIRED, *inputs.OPTIONAL) if name not in SECRETS
    ]


def test_an_option_is_as_good_as_the_variable() -> None:
    """And takes its place, whichever way it was spelt."""
    before = good()
    options = [option for name in command_line.DESCRIPTIONS if (option := before.pop(f"INPUT_{name.upper()}", None))]
    assert options
    given = good()
    arguments = [f"--repository={given.pop('GITHUB_REPOSITORY')}"]
    for name in command_line.DESCRIPTIONS:
        if value := given.pop(f"INPUT_{name.upper()}", None):
            arguments += [f"--{name}", value]
            given[f"INPUT_{name.upper()}"] = "replaced"
    environ = command_line.environ(arguments, given)
    assert inputs.load(environ).desired == inputs.load(good()).desired


def test_the_report_goes_where_it_is_wanted() -> None:
    """Outside GitHub there is no workspace."""
    assert command_line.environ(["--report-directory", "/somewhere"], {})["GITHUB_WORKSPACE"] == "/somewhere"


def test_help_tells_of_everything(capfd: pytest.CaptureFixture[str]) -> None:
    """And where the token goes."""
    with pytest.raises(SystemExit) as ended:
        command_line.environ(["--help"], {})
    printed = capfd.readouterr().out
    assert ended.value.code == 0
    assert all(f"--{name} " in printed for name in command_line.DESCRIPTIONS)
    assert "INPUT_GITHUB_TOKEN" in printed


@pytest.mark.parametrize("arguments", [["--github-token", "x"], ["--am", "ami-1"], ["plan"]])
def test_what_is_no_option_is_refused(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """With exit code 2, as bad input is."""
    with pytest.raises(SystemExit) as ended:
        command_line.environ(arguments, {})
    assert ended.value.code == 2
    assert "error: " in capfd.readouterr().err
