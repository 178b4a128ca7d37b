"""The file of --config: what people write is taken, and what YAML reads differently is refused with the remedy."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from refresh import inputs
from refresh.errors import InputErrors
from refresh.inputs import command_line
from refresh.inputs.command_line import config_file
from tests.fakes.literals import good

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = """\
ami: ami-0123456789abcdef0
security-group-ids: [sg-01234567, sg-89abcdef]
allowed-account-ids:
  - 123456789012
  - 012345678901
max-idle-time: 420
fail-on-drift: True
actions-runner-version: 2.325.0
actions-runner-sha256: {x64: a, arm64: b}
resource-class-config:
  large: {cpu: 2, mmem: 4096}
  odd: {cpu: "2", mmem: 99999999999999999999999}
min-idle: {large: 2}
prices: {large: 0.096, xlarge: 1.10, 2xlarge: 1}
tags:
  team: build
  quoted: 'no'
pre-runner-script: |
  echo ${{ x }}
mode: plan
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], str]:
    def written(content: str | bytes) -> str:
        path = tmp_path / "pool.yml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return written


def _problems(path: str) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        config_file.read(path)
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_values_are_taken_as_people_write_them(write: Callable[[str | bytes], str]) -> None:
    """Strings, numbers, booleans, lists of ids, and mappings where an input is one."""
    assert config_file.read(write(GOOD)) == {
        "ami": "ami-0123456789abcdef0",
        "security-group-ids": "sg-01234567\nsg-89abcdef",
        "allowed-account-ids": "123456789012\n012345678901",
        "max-idle-time": "420",
        "fail-on-drift": "true",
        "actions-runner-version": "2.325.0",
        "actions-runner-sha256": "x64=a,arm64=b",
        "resource-class-config": (
            '{"large": {"cpu": 2, "mmem": 4096}, "odd": {"cpu": "2", "mmem": "99999999999999999999999"}}'
        ),
        "min-idle": '{"large": 2}',
        "prices": '{"large": "0.096", "xlarge": "1.10", "2xlarge": 1}',
        "tags": "team=build\nquoted=no",
        "pre-runner-script": "echo ${{ x }}\n",
        "mode": "plan",
    }
    assert config_file.read(write(b"\xef\xbb\xbfami: x")) == {"ami": "x"}


def test_options_override_variables_and_variables_the_file(write: Callable[[str | bytes], str]) -> None:
    """And every message names the one that was taken."""
    path = write("ami: of-the-file\nmode: plan\nrunner-user: of-the-file\ntags: {a: b}\n")
    environ = {"INPUT_RUNNER-USER": "of-the-variable"}
    read = command_line.read(["apply", "--config", path, "--ami", "of-the-option"], environ)
    assert read.environ == {
        "INPUT_AMI": "of-the-option",
        "INPUT_MODE": "apply",
        "INPUT_RUNNER-USER": "of-the-variable",
        "INPUT_TAGS": "a=b",
    }
    assert read.origins == {"runner-user": "INPUT_RUNNER_USER", "tags": f"{path}: tags"}


def test_whole_pool_can_be_in_the_file(write: Callable[[str | bytes], str]) -> None:
    """With nothing but the token outside."""
    environ = good()
    names = [name for name in (*inputs.REQUIRED, *inputs.OPTIONAL) if environ.get(f"INPUT_{name.upper()}")]
    values = {name: environ.pop(f"INPUT_{name.upper()}") for name in names if name != "github-token"}
    path = write("".join(f"{name}: {value!r}\n" for name, value in values.items()))
    assert inputs.load(command_line.read(["--config", path], environ).environ).desired == inputs.load(good()).desired


TRAPS = {
    "norway": ("tags: {country: no}", "tags: 'country': ", 'false; write it in quotes: "no"'),
    "octal": ("ami: 010", "ami: ", '8; write it in quotes: "010"'),
    "a number with a point": (
        "actions-runner-version: 1.10",
        "actions-runner-version: ",
        '1.1; write it in quotes: "1.10"',
    ),
    "a date": ("ami: 2024-01-01", "ami: ", 'a date; write it in quotes: "2024-01-01"'),
    "no date": ("ami: 2024-13-41", "ami: ", 'a date; write it in quotes: "2024-13-41"'),
    "sexagesimal": ("timeout: 1:30", "timeout: ", '90; write it in quotes: "1:30"'),
    "digits with _": ("ami: 4_096", "ami: ", '4096; write it in quotes: "4_096"'),
    "=": ("ami: =", "ami: ", 'write it in quotes: "="'),
    "nothing": ("ami:", "ami: ", "no value"),
    "duplicate keys": ("ami: a\nami: b", "'ami': ", "lines 1 and 2"),
    "a price in scientific notation": ("prices: {large: 9.6e-2}", "prices: ", 'write it in quotes: "9.6e-2"'),
    "duplicate classes": ("resource-class-config:\n  a: 1\n  a: 2", "resource-class-config: 'a': ", "lines 2 and 3"),
    "a key that is none": ("no: x", "line 1: ", 'false; write it in quotes: "no"'),
    "a list as a key": ("[a]: x", "line 1: ", "list"),
    "an anchor": ("ami: &x y", "line 1: ", "anchors"),
    "laughs": ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]", "line 1: ", "anchors"),
    "a tag": ("ami: !!python/object/apply:os.system [id]", "line 1: ", "python/object/apply:os..."),
    "depth": ("a: " + "[" * 50_000, "line 1: ", "nested"),
    "no mapping": ("- ami", "", "not a mapping"),
    "an empty file": ("# nothing\n", "", "not a mapping"),
    "two documents": ("ami: a\n---\nami: b\n", "line 2: ", "---"),
    "a tab": ("tags:\n\ta: b", "line 2: ", r"'\t'"),
    "a control character": ("ami: \x07", "", "#x0007"),
    "another encoding": ("ami: ü".encode("latin-1"), "", "UTF-8"),
    "a typing error": ("subnet_ids: x", "'subnet_ids': ", "subnet-ids?"),
    "something else": ("colour: x", "'colour': ", "unknown"),
    "a list for one value": ("ami: [x]", "ami: ", "list"),
    "a mapping for one value": ("ami: {x: y}", "ami: ", "mapping"),
    "an expression": ("ami: ${{ vars.AMI }}", "ami: ", "'${{ vars.AMI }}'"),
    "a tag of two lines": ('tags: {a: "b\\nc"}', "tags: 'a': ", "line break"),
    "a token": (f"github-token: ghp_{'x' * 36}\n", "github-token: ", "set GH_TOKEN "),
    "a key of an App": ("github-app-private-key: x\n", "github-app-private-key: ", "INPUT_GITHUB_APP_PRIVATE_KEY"),
}


@pytest.mark.parametrize(("content", "start", "key"), TRAPS.values(), ids=TRAPS)
def test_what_yaml_reads_differently_is_refused_with_the_remedy(
    write: Callable[[str | bytes], str], content: str | bytes, start: str, key: str
) -> None:
    (problem,) = _problems(write(content))
    assert problem.startswith(start)
    assert key in problem
    assert "ghp_" not in problem


def test_all_problems_of_a_file_are_reported_together(write: Callable[[str | bytes], str]) -> None:
    assert len(_problems(write("a: b\nami: 010\ntags: {a: no, b: yes}\n"))) == 4


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/absent/pool.yml", "No such file or directory"),
        ("/proc", "Is a directory"),
        ("/dev/zero", "larger than 1 MiB"),
        ("a\0b", "not a path"),
    ],
)
def test_unreadable_file_is_reported_with_the_reason(path: str, key: str) -> None:
    (problem,) = _problems(path)
    assert key in problem
    assert "--config" in problem


def test_missing_pyyaml_is_reported_with_the_command_that_installs_it(
    write: Callable[[str | bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no package of the action, which needs no file."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    (problem,) = _problems(write("ami: x"))
    assert problem.endswith(f"{sys.executable} -m pip install pyyaml")
