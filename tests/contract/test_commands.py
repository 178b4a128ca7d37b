"""The Makefile, its help, the README and the gates behind them say the same."""

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


def test_the_help_tells_every_command() -> None:
    """And no other."""
    assert set(re.findall(r"'make ([\w-]+) ", MAKEFILE)) == TARGETS - {"help", "lint-python"}


def test_the_readme_tells_commands_that_exist() -> None:
    """Those for who tries the project or changes it."""
    told = set(re.findall(r"`make ([\w-]+)", (ROOT / "README.md").read_text()))
    assert {"demo", "test", "test-all", "simulate", "mutants", "audit"} <= told <= TARGETS


@pytest.mark.parametrize(
    ("packages", "vulnerable", "told"),
    [
        ([SOUND], False, ["l: 1 packages audited"]),
        ([SOUND, VULNERABLE], True, ["l: 2 packages audited", "l: boto3 2.0: PYSEC-1, fixed in 2.1, 3.0"]),
        (
            [UNKNOWN, VULNERABLE],
            True,
            [
                "l: 1 packages audited",
                "l: NOT AUDITED, the database had no answer for 1: cattrs",
                "l: boto3 2.0: PYSEC-1, fixed in 2.1, 3.0",
            ],
        ),
        ([UNKNOWN], False, ["l: 0 packages audited", "l: NOT AUDITED, the database had no answer for 1: cattrs"]),
    ],
)
def test_the_audit_fails_for_a_vulnerability_and_for_nothing_else(
    packages: list[dict[str, Any]], *, vulnerable: bool, told: list[str]
) -> None:
    """What nobody answered for is told, never taken for sound."""
    assert audit.judge("l", json.dumps({"dependencies": packages}), "") == (vulnerable, told)


@pytest.mark.parametrize(
    ("complaint", "reason"), [("Trace\nNo route to host\n\n", "No route to host"), ("", "it said nothing")]
)
def test_an_audit_without_an_answer_says_so(complaint: str, reason: str) -> None:
    """A machine may have no way to the database."""
    told = [f"l: NOT AUDITED, the database was not reached: {reason}"]
    assert audit.judge("l", "", complaint) == (False, told)


def test_every_workflow_is_linted(tmp_path: Path) -> None:
    """The examples, those that the pages show, and with them the shell of the composite action; ours where they are."""
    shown.write(tmp_path)
    linted = {path.name for path in (tmp_path / ".github" / "workflows").iterdir()}
    examples = {f"docs-examples-{path.name}" for path in (ROOT / "docs" / "examples").glob("*.yml")}
    assert examples | {"README-0.yml", "docs-migrating-0.yml", "docs-quick-start-0.yml"} <= linted
    assert "WORKFLOWS = .github/workflows/*.yml $(SHOWN)/.github/workflows/*.yml\n" in MAKEFILE
    assert len(list((tmp_path / "steps").iterdir())) == 2


def test_no_security_rule_is_off_for_the_program_without_a_reason() -> None:
    """Each exception stands at its line."""
    settings = SETTINGS["ruff"]["lint"]
    off = [rule for path, rules in settings["per-file-ignores"].items() if path.startswith("refresh") for rule in rules]
    assert not [rule for rule in (*settings["ignore"], *off) if rule.startswith("S") and rule[1:].isdigit()]
    lines = [line for path in (ROOT / "refresh").rglob("*.py") for line in path.read_text().splitlines()]
    assert not [line for line in lines if re.search(r"noqa: (\w+, )*S\d+(?!.* - \w)", line)]


def test_every_pattern_of_mutated_modules_matches_a_file() -> None:
    """Otherwise a module that moves leaves the report unnoticed."""
    assert not [each for each in SETTINGS["mutmut"]["only_mutate"] if not list(ROOT.glob(each))]


def test_every_path_left_to_ci_exists() -> None:
    """Otherwise tests that move become part of `make test`."""
    assert not [path for path in suites.LEFT_TO_TEST_ALL if not (ROOT / path).exists()]
