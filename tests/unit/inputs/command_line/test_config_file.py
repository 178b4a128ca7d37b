"""The file of --config: what people write is taken, and what YAML reads differently is refused with the remedy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refresh import inputs
from refresh.errors import InputErrors
from refresh.inputs import command_line
from refresh.inputs.command_line import config_file
from tests.fakes.literals import good

if TYPE_CHECKING:
    from collections.abc import Callable

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
tags:
  team: build
  quoted: 'no'
pre-runner-script: |
  echo ${{ x }}
mode: plan
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], str]:
    """Give what writes a file, which gives its path."""

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
        "tags": "team=build\nquoted=no",
        "pre-runner-script": "echo ${{ x }}\n",
        "mode": "plan",
    }


def test_options_come_before_variables_and_variables_before_the_file(write: Callable[[str | bytes], str]) -> None:
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


def test_a_whole_pool_can_be_in_the_file(write: Callable[[str | bytes], str]) -> None:
    """With nothing but the token outside."""
    environ = good()
    names = [name for name in (*inputs.REQUIRED, *inputs.OPTIONAL) if environ.get(f"INPUT_{name.upper()}")]
    values = {name: environ.pop(f"INPUT_{name.upper()}") for name in names if name != "github-token"}
    path = write("".join(f"{name}: {value!r}\n" for name, value in values.items()))
    assert inputs.load(command_line.read(["--config", path], environ).environ).desired == inputs.load(good()).desired


TRAPS = {
    "norway": (
        "tags: {country: no}",
        "tags: 'country': YAML reads 'no' as the boolean false; write it in quotes: \"no\"",
    ),
    "octal": ("ami: 010", "ami: YAML reads '010' as the number 8; write it in quotes: \"010\""),
    "a number with a point": (
        "actions-runner-version: 1.10",
        "actions-runner-version: YAML reads '1.10' as the number 1.1; write it in quotes: \"1.10\"",
    ),
    "a date": ("ami: 2024-01-01", "ami: YAML reads '2024-01-01' as a date; write it in quotes: \"2024-01-01\""),
    "no date": ("ami: 2024-13-41", "ami: YAML reads '2024-13-41' as a date; write it in quotes: \"2024-13-41\""),
    "sexagesimal": ("timeout: 1:30", "timeout: YAML reads '1:30' as the number 90; write it in quotes: \"1:30\""),
    "digits with _": ("ami: 4_096", "ami: YAML reads '4_096' as the number 4096; write it in quotes: \"4_096\""),
    "=": ("ami: =", "ami: YAML reads '=' as a mark; write it in quotes: \"=\""),
    "nothing": ("ami:", "ami: has no value; write one, or leave the line out"),
    "duplicate keys": ("ami: a\nami: b", "'ami': is given twice, in lines 1 and 2; keep one"),
    "duplicate classes": (
        "resource-class-config:\n  a: 1\n  a: 2",
        "resource-class-config: 'a': is given twice, in lines 2 and 3; keep one",
    ),
    "a key that is none": ("no: x", "line 1: a key: YAML reads 'no' as the boolean false; write it in quotes: \"no\""),
    "a list as a key": (
        "[a]: x",
        "line 1: a key: a list or a mapping where one value is expected; write the value alone",
    ),
    "an anchor": ("ami: &x y", "line 1: anchors and aliases (& and *) are not supported; write the value out"),
    "laughs": (
        "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "line 1: anchors and aliases (& and *) are not supported; write the value out",
    ),
    "a tag": (
        "ami: !!python/object/apply:os.system [id]",
        "line 1: tags ('tag:yaml.org,2002:python/object/apply:os...') are not supported; remove it",
    ),
    "depth": ("a: " + "[" * 50_000, "line 1: too deeply nested; no input is"),
    "no mapping": ("- ami", "not a mapping; write one input a line, as `aws-region: eu-west-1`"),
    "an empty file": ("# nothing\n", "not a mapping; write one input a line, as `aws-region: eu-west-1`"),
    "two documents": ("ami: a\n---\nami: b\n", "line 2: a second document; keep one, without --- between"),
    "a tab": (
        "tags:\n\ta: b",
        "line 2: not YAML: found character '\\t' that cannot start any token; correct the line",
    ),
    "a control character": (
        "ami: \x07",
        (
            'not YAML: unacceptable character #x0007: special characters are not allowed in "<unicode string>", '
            "position 5; save it as plain text"
        ),
    ),
    "a typing error": ("subnet_ids: x", "'subnet_ids': unknown input; did you mean subnet-ids?"),
    "something else": ("colour: x", "'colour': unknown input"),
    "a list for one value": ("ami: [x]", "ami: a list or a mapping where one value is expected; write the value alone"),
    "a mapping for one value": (
        "ami: {x: y}",
        "ami: a list or a mapping where one value is expected; write the value alone",
    ),
    "an expression": (
        "ami: ${{ vars.AMI }}",
        "ami: GitHub's expressions are not evaluated here; got '${{ vars.AMI }}'; write the value",
    ),
    "a tag of two lines": ('tags: {a: "b\\nc"}', "tags: 'a': has a line break in it; write it in one line"),
}


@pytest.mark.parametrize(("content", "told"), TRAPS.values(), ids=TRAPS)
def test_what_yaml_reads_differently_is_refused_with_the_remedy(
    write: Callable[[str | bytes], str], content: str, told: str
) -> None:
    """What its author meant is not known."""
    assert _problems(write(content)) == [told]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("github-token", "GH_TOKEN"), ("github-app-private-key", "INPUT_GITHUB_APP_PRIVATE_KEY")],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(
    write: Callable[[str | bytes], str], name: str, remedy: str
) -> None:
    """It would be committed next."""
    told = f"{name}: do not keep secrets in a file; remove it and set {remedy} in the environment"
    assert _problems(write(f"{name}: ghp_{'x' * 36}\n")) == [told]


def test_all_problems_are_reported_together(write: Callable[[str | bytes], str]) -> None:
    """As those of inputs are."""
    assert len(_problems(write("a: b\nami: 010\ntags: {a: no, b: yes}\n"))) == 4


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "/absent/pool.yml",
            "the file cannot be read: No such file or directory; give the path of a YAML file to --config",
        ),
        ("/proc", "the file cannot be read: Is a directory; give the path of a YAML file to --config"),
        ("/dev/zero", "the file is larger than 1 MiB; give the path of a YAML file to --config"),
        ("a\0b", "the file cannot be read: not a path; give the path of a YAML file to --config"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported(path: str, told: str) -> None:
    """With the reason."""
    assert _problems(path) == [told]


def test_a_file_in_another_encoding_is_reported(write: Callable[[str | bytes], str]) -> None:
    """Latin-1, say; a byte order mark is no matter."""
    assert _problems(write("ami: ü".encode("latin-1"))) == ["is not UTF-8; save it as UTF-8"]
    assert config_file.read(write(b"\xef\xbb\xbfami: x")) == {"ami": "x"}


def test_without_pyyaml_the_error_says_how_to_install_it(
    write: Callable[[str | bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no package of the action, which needs no file."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert _problems(write("ami: x")) == [
        (
            "--config needs the package PyYAML, which is not installed for this Python; install it: "
            f"{sys.executable} -m pip install pyyaml"
        )
    ]
