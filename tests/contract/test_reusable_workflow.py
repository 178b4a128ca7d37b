"""The reusable workflow: its interface, and the shell of its script's step."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "job.yml").read_text())
INPUTS = WORKFLOW[True]["workflow_call"]["inputs"]  # YAML 1.1 reads the key `on` as a boolean
JOBS = WORKFLOW["jobs"]
STEP = JOBS["job"]["steps"][-1]
HIDDEN = "kept-out-of-messages"
SYSTEM_PATH = "/usr/bin:/bin"


@frozen
class Ran:
    """What the step printed and left."""

    code: int
    printed: str
    folder: Path

    def variables(self) -> dict[str, str]:
        """Read what the script had as variables."""
        lines = (self.folder / "variables").read_bytes().decode().split("\0")
        return dict(line.split("=", 1) for line in lines if line)


def run(folder: Path, script: str, lines: str = "") -> Ran:
    """Run the step as GitHub's runner does."""
    (folder / "step.sh").write_text(STEP["run"])
    environ = {"PATH": SYSTEM_PATH, "RUNNER_TEMP": str(folder), "SCRIPT": script, "LINES_OF_SECRET": lines}
    assert set(STEP["env"]) == {"SCRIPT", "LINES_OF_SECRET"}
    assert STEP["shell"] == "bash"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(folder / "step.sh")]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return Ran(done.returncode, done.stdout + done.stderr, folder)


def test_the_inputs_of_provision_have_the_names_and_defaults_of_provision() -> None:
    (step,) = JOBS["provision"]["steps"]
    provision = yaml.safe_load((ROOT / "provision" / "action.yml").read_text())["inputs"]
    given = {"aws-region": "aws-region", "provision-role": "role-to-assume"}
    passed = {name: f"${{{{ inputs.{source} }}}}" for source, name in given.items()}
    shared = {name for name in INPUTS if name in provision} - set(given)
    assert step["with"] == {**passed, **{name: f"${{{{ inputs.{name} }}}}" for name in shared}}
    assert {name: INPUTS[name]["default"] for name in shared} == {name: provision[name]["default"] for name in shared}
    others = {"run", "release-role", *given, "checkout", "timeout-minutes", "control-runner"}
    assert set(INPUTS) - shared == others
    assert {name for name, each in INPUTS.items() if each.get("required")} == {"run", "release-role", *given}


def test_a_job_has_no_more_permissions_than_it_needs_and_the_script_no_token_of_aws() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: each["permissions"] for name, each in JOBS.items()} == {
        "provision": {"id-token": "write"},
        "job": {"contents": "read"},
        "release": {"actions": "read", "id-token": "write"},
    }


def test_the_script_runs_where_provision_says_also_on_a_hosted_runner() -> None:
    labels = JOBS["provision"]["outputs"]["labels"]
    assert labels == f"${{{{ steps.{JOBS['provision']['steps'][0]['id']}.outputs.labels }}}}"
    assert JOBS["job"]["runs-on"] == "${{ fromJSON(needs.provision.outputs.labels) }}"


def test_release_runs_for_the_same_name_unless_provision_failed() -> None:
    """A refused provision has no machines: those of its label belong to another call, which may still wait for them."""
    release = JOBS["release"]
    assert release["if"] == "${{ always() && needs.provision.result != 'failure' }}"
    assert set(release["needs"]) == {"provision", "job"}
    assert release["steps"][0]["with"]["name"] == JOBS["provision"]["steps"][0]["with"]["name"] == "${{ inputs.name }}"


@pytest.mark.shows("A31")
def test_no_input_or_secret_is_part_of_a_shell() -> None:
    steps = [step for each in JOBS.values() for step in each["steps"]]
    assert not [step for step in steps if "${{" in step.get("run", "")]


def test_the_script_runs_as_it_is_written_and_stops_at_a_failure(tmp_path: Path) -> None:
    script = "printf '%s' \"$(echo '`touch owned` $(touch owned) %s \\n')\" >written\n(exit 7)\ntouch reached"
    ran = run(tmp_path, script)
    assert ran.code == 7, ran.printed
    assert (tmp_path / "written").read_text() == "`touch owned` $(touch owned) %s \\n"
    assert not (tmp_path / "owned").exists()
    assert not (tmp_path / "reached").exists()


def test_the_lines_of_the_secret_are_variables_of_the_script_and_are_masked(tmp_path: Path) -> None:
    given = {
        "TOKEN": "a=b=c",
        "QUOTED": '"it\'s" $(touch owned) `touch owned` \\n',
        "PERCENT": "100%25 %0A",
        "SPACED": "  two  ",
        "EMPTY": "",
        # Those of the step's own shell.
        **dict.fromkeys(("number", "line", "name", "value", "SCRIPT", "LINES_OF_SECRET"), "theirs"),
    }
    lines = "\n\n".join(f"{name}={value}" for name, value in given.items())
    ran = run(tmp_path, "env -0 >variables", lines.replace("\n\n", "\r\n \n"))
    assert ran.code == 0, ran.printed
    assert {name: value for name, value in ran.variables().items() if name in given} == given
    assert not (tmp_path / "owned").exists()
    masks = [f"::add-mask::{value.replace('%', '%25')}" for value in given.values() if value]
    assert ran.printed.splitlines() == masks


def test_without_a_secret_the_script_has_no_variable_of_the_step(tmp_path: Path) -> None:
    ran = run(tmp_path, "env -0 >variables")
    assert (ran.code, ran.printed) == (0, "")
    assert set(ran.variables()) <= {"PATH", "RUNNER_TEMP", "PWD", "SHLVL", "_"}


@pytest.mark.parametrize(
    "line", [HIDDEN, f"={HIDDEN}", f"1A={HIDDEN}", f"A B={HIDDEN}", f"A=\r{HIDDEN}", f"export A={HIDDEN}"]
)
def test_a_line_that_is_no_variable_is_refused_by_its_number_alone(tmp_path: Path, line: str) -> None:
    ran = run(tmp_path, "touch reached", f"FIRST=1\n{line}\n")
    assert ran.code == 2
    assert "::error title=environment::the secret environment, line 2: not NAME=value" in ran.printed
    assert HIDDEN not in ran.printed
    assert not (tmp_path / "reached").exists()


@pytest.mark.parametrize(
    "name",
    ["PATH", "GITHUB_ENV", "GITHUB_TOKEN", "LD_PRELOAD", "BASH_ENV", "ENV", "RUNNER_TEMP", "ACTIONS_ID", "IFS", "UID"],
)
def test_a_name_that_controls_the_runner_or_the_shell_is_refused(tmp_path: Path, name: str) -> None:
    ran = run(tmp_path, "touch reached", f"{name}={HIDDEN}")
    assert ran.code == 2
    assert f"line 1: {name} is a variable of GitHub's runner or of the shell" in ran.printed
    assert HIDDEN not in ran.printed
    assert not (tmp_path / "reached").exists()


def test_each_variable_of_bash_is_refused_or_arrives_as_it_is(tmp_path: Path) -> None:
    """Some have a value of their own, and bash runs commands that stand in what others are given."""
    bash = subprocess.run(["bash", "-c", "compgen -v"], env={}, capture_output=True, text=True, check=True)  # noqa: S607
    given = "a[$(touch owned)]"
    for name in {*bash.stdout.split(), "OPTIND", "RANDOM"}:
        ran = run(tmp_path, "env -0 >variables", f"{name}={given}")
        assert ran.code == 2 or ran.variables().get(name) == given, name
        assert not (tmp_path / "owned").exists(), name


def test_the_page_has_every_refused_name() -> None:
    (patterns,) = re.findall(r"case \$name in\n(.*?)\)\n", STEP["run"], re.DOTALL)
    refused = {each.removesuffix("*") for each in re.findall(r"\w+[*]?", patterns)}
    page = (ROOT / "docs" / "reusable-workflow.md").read_text()
    (paragraph,) = re.findall(r"^Names that control .*?(?=GitHub's CLI)", page, re.DOTALL | re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", paragraph)) == refused
