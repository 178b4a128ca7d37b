"""The Makefile, its help, the README and the gates agree."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests import suites
from tests.gates import audit, shown

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
SOUND = {"name": "attrs", "version": "1.0", "vulns": []}
VULNERABLE = {"name": "boto3", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"]}]}
UNKNOWN = {"name": "cattrs", "skip_reason": "not found"}


def test_help_has_exactly_the_commands_of_the_makefile() -> None:
    assert set(re.findall(r"'make ([\w-]+) ", MAKEFILE)) == TARGETS - {"help", "lint-python"}


def test_commands_of_the_readme_exist() -> None:
    assert set(re.findall(r"`make ([\w-]+)", (ROOT / "README.md").read_text())) <= TARGETS


@pytest.mark.parametrize(
    ("packages", "audited", "unknown"),
    [([SOUND], 1, ""), ([SOUND, VULNERABLE], 2, ""), ([UNKNOWN, VULNERABLE], 1, "cattrs"), ([UNKNOWN], 0, "cattrs")],
)
def test_audit_fails_only_for_vulnerabilities(packages: list[dict[str, Any]], audited: int, unknown: str) -> None:
    """A package without an answer is reported, never counted as audited."""
    vulnerable, (first, *others) = audit.judge("lock", json.dumps({"dependencies": packages}), "")
    lines = "\n".join(others)
    assert vulnerable == (VULNERABLE in packages) == ("boto3 2.0: PYSEC-1, fixed in 2.1, 3.0" in lines)
    assert f"{audited} packages" in first
    assert bool(unknown) == (f"1: {unknown}" in lines and "NOT AUDITED" in lines)


@pytest.mark.parametrize("complaint", ["Trace\nNo route to host\n\n", ""])
def test_audit_without_an_answer_is_reported_with_its_reason(complaint: str) -> None:
    vulnerable, (line,) = audit.judge("lock", "", complaint)
    assert not vulnerable
    assert "NOT AUDITED" in line
    assert ("No route to host" in line) == bool(complaint)


def test_every_workflow_is_linted(tmp_path: Path) -> None:
    """Those of this repository, the examples and those on the pages; with them the shell of the composite actions."""
    shown.write(tmp_path)
    linted = {path.name for path in (tmp_path / ".github" / "workflows").iterdir()}
    examples = {f"docs-examples-{path.name}" for path in (ROOT / "docs" / "examples").glob("*.yml")}
    of_pages = ("README-0.yml", "docs-migrating-reference-0.yml", "docs-quick-start-0.yml", "docs-quick-start-1.yml")
    assert {*examples, *of_pages} <= linted
    assert "WORKFLOWS = .github/workflows/*.yml $(SHOWN)/.github/workflows/*.yml\n" in MAKEFILE
    steps = [path.name for path in (tmp_path / "steps").iterdir()]
    assert sorted(steps) == [
        f"{action}-{step}.sh" for action in ("composite", "provision", "release") for step in (0, 2)
    ]


@pytest.mark.parametrize("linter", ["check-jsonschema", "zizmor"])
def test_every_action_is_linted(linter: str) -> None:
    actions = {path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("action.yml"), *ROOT.glob("[!.]*/action.yml"))}
    command = MAKEFILE.replace("\\\n", "").partition(f"$(BIN)/{linter} ")[2].partition("\n")[0]
    assert actions == {each for each in command.split() if each.endswith("action.yml")}


def test_security_rules_are_only_disabled_on_single_lines_with_a_reason() -> None:
    settings = SETTINGS["ruff"]["lint"]
    off = [rule for path, rules in settings["per-file-ignores"].items() if path.startswith("refresh") for rule in rules]
    assert not [rule for rule in (*settings["ignore"], *off) if rule.startswith("S") and rule[1:].isdigit()]
    lines = [line for path in (ROOT / "refresh").rglob("*.py") for line in path.read_text().splitlines()]
    assert not [line for line in lines if re.search(r"noqa: (\w+, )*S\d+(?!.* - \w)", line)]


def test_every_pattern_of_mutated_modules_matches_a_file() -> None:
    """Otherwise a moved module would silently leave the report."""
    assert not [each for each in SETTINGS["mutmut"]["only_mutate"] if not list(ROOT.glob(each))]


def test_every_path_left_to_ci_exists() -> None:
    """Otherwise moved tests would become part of `make test`."""
    assert not [path for path in suites.LEFT_TO_TEST_ALL if not (ROOT / path).exists()]
