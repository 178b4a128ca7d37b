"""Every row of the pages that list promises is proved by a test that carries its number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.generated import evidence

ROOT = Path(__file__).parents[2]


def _numbers(letter: str) -> list[str]:
    page = (ROOT / evidence.PAGES[letter]).read_text()
    return re.findall(rf"^\| ({letter}\d+[a-z]?) \|", page, re.MULTILINE)


def _cases(files: list[str]) -> str:
    """Collect tests as pytest does: only it knows the cases of a parametrized one."""
    # A worker's variables would make it one, and coverage would measure a run that runs nothing.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV"))}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("letter", evidence.PAGES)
def test_rows_are_numbered_without_gaps_or_duplicates(letter: str) -> None:
    """A letter may follow where a row was added between two."""
    numbers = _numbers(letter)
    plain = {int(re.sub(r"\D", "", number)) for number in numbers}
    assert len(set(numbers)) == len(numbers)
    assert plain == set(range(1, len(plain) + 1))


@pytest.mark.parametrize("letter", evidence.PAGES)
def test_every_row_is_proved_by_a_test(letter: str) -> None:
    assert set(_numbers(letter)) <= set(evidence.shown())


def test_every_fault_and_bad_input_has_a_case_of_its_own() -> None:
    """Among the cases of the tests that carry its number, one begins with it."""
    shown = {number: tests for number, tests in evidence.shown().items() if number[0] in "FBPW"}
    cases = _cases(sorted({test.partition("::")[0] for tests in shown.values() for test in tests}))
    without = [
        number
        for number, tests in shown.items()
        if not any(
            re.search(rf"^{re.escape(test)}\[B?{number.lstrip('B')}[-\]]", cases, re.MULTILINE) for test in tests
        )
    ]
    assert without == []
