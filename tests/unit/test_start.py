"""The start of the process, and what is said of errors that nobody foresaw."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from refresh import start, unforeseen


def test_a_package_that_cannot_be_loaded_is_named_with_the_remedy() -> None:
    """Missing, or another version than the pinned one."""
    remedy = f"install the pinned ones: {sys.executable} -m pip install --require-hashes -r requirements/runtime.txt"
    missing = start.not_loaded(ModuleNotFoundError("-", name="botocore.session"))
    assert missing == f"the package botocore is not installed for this Python; {remedy}"
    broken = start.not_loaded(ImportError("cannot import\nname x"))
    assert broken == f"a package cannot be loaded: cannot import name x; {remedy}"


def test_a_package_that_is_missed_later_is_no_defect() -> None:
    """A component may need it alone."""
    assert unforeseen.defect(ImportError("x")).startswith("a package cannot be loaded: x; install")


@pytest.mark.parametrize(
    ("broken", "told"), [(None, []), (ValueError("s3cret"), ["defect: ValueError. Please report"])]
)
def test_a_thread_that_fails_is_told_by_its_type(
    monkeypatch: pytest.MonkeyPatch, broken: Exception | None, told: list[str]
) -> None:
    """Python may know no error either."""
    printed: list[str] = []
    monkeypatch.setattr("refresh.log.problem", lambda *words: printed.append(words[-1]))
    unforeseen._report(broken)
    assert [line[: len(told[0])] for line in printed] == told


def test_a_package_that_is_missing_once_inputs_are_read_is_told_with_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As at the start."""

    def missing(*_: Any) -> None:
        raise ModuleNotFoundError("-", name="cattrs")

    from refresh import run  # noqa: PLC0415 - the rest of this file needs none of it

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(run, "inputs", SimpleNamespace(log_as_json=missing))
    assert run.main() == 2
    assert "error: refresh: the package cattrs is not installed" in capfd.readouterr().out
