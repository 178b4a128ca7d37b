"""The start of the process, and what is said of errors that nobody foresaw."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from refresh import errors, inputs, start
from refresh.actions import refresh
from refresh.workflow import missing_packages, unforeseen
from refresh.workflow.shutdown import Shutdown


def test_a_package_that_cannot_be_loaded_is_named_with_the_remedy() -> None:
    """Missing, or another version than the pinned one."""
    remedy = f"install the pinned ones: {sys.executable} -m pip install --require-hashes -r requirements/runtime.txt"
    missing = missing_packages.not_loaded(ModuleNotFoundError("-", name="botocore.session"))
    assert missing == f"the package botocore is not installed for this Python; {remedy}"
    broken = missing_packages.not_loaded(ImportError("cannot import\nname x"))
    assert broken == f"a package cannot be loaded: cannot import name x; {remedy}"


def test_a_package_that_is_missed_later_is_no_defect() -> None:
    """A component may need it alone."""
    assert unforeseen.defect(ImportError("x")).startswith("a package cannot be loaded: x; install")


@pytest.mark.parametrize(
    ("broken", "told"), [(None, []), (ValueError("s3cret"), ["defect: ValueError. Please report"])]
)
def test_a_thread_that_fails_is_reported_by_its_type(
    monkeypatch: pytest.MonkeyPatch, broken: Exception | None, told: list[str]
) -> None:
    """Python may know no error either."""
    printed: list[str] = []
    monkeypatch.setattr("refresh.workflow.log.problem", lambda *words: printed.append(words[-1]))
    unforeseen._report(broken)
    assert [line[: len(told[0])] for line in printed] == told


def test_a_package_that_is_missing_once_inputs_are_read_is_reported_with_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As at the start."""

    def missing(*_: Any) -> None:
        raise ModuleNotFoundError("-", name="cattrs")

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(refresh, "inputs", SimpleNamespace(log_as_json=missing))
    assert refresh.main(shutdown=Shutdown()) == 2
    assert "error: refresh: the package cattrs is not installed" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("broken", "code", "told"),
    [
        (KeyboardInterrupt(), 1, "error: refresh: stopped as asked, before anything was done.\n"),
        (ModuleNotFoundError("-", name="attrs"), 2, "error: refresh: the package attrs is not installed for this"),
    ],
)
def test_a_start_that_fails_is_reported_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], broken: BaseException, code: int, told: str
) -> None:
    """Even where no one can read it, there is the exit code."""

    def failing(*_: Any) -> None:
        raise broken

    monkeypatch.setattr(start, "_open_closed_streams", failing)
    assert start.main() == code
    assert capfd.readouterr().err.startswith(told)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert start.main() == code


def test_a_look_needs_a_repository_and_a_region() -> None:
    """And nothing else."""
    with pytest.raises(errors.InputErrors, match="aws-region: is required"):
        inputs.load_pool({"GITHUB_REPOSITORY": "octo/widgets"})
    repository, region = inputs.load_pool({"GITHUB_REPOSITORY": "octo/widgets", "AWS_REGION": "eu-west-1"})
    assert (str(repository), region) == ("octo/widgets", "eu-west-1")
    token = "ghp_" + "0123456789" * 4
    with pytest.raises(errors.InputErrors, match="repository: holds the GH_TOKEN, so it is not shown"):
        inputs.load_pool({"INPUT_REPOSITORY": f"octo/{token}", "AWS_REGION": "eu-west-1", "GH_TOKEN": token})
