"""The start of the process, and one plain line for an error that no one foresaw."""

from __future__ import annotations

import io
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors, inputs, start
from refresh.actions import main
from refresh.workflow import missing_packages, unforeseen
from refresh.workflow.shutdown import Shutdown

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (ModuleNotFoundError("-", name="botocore.session"), "botocore"),
        (ImportError("cannot import\nname x"), "cannot import name x"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_named_with_the_command_that_installs_it(
    error: ImportError, what: str
) -> None:
    text = missing_packages.not_loaded(error)
    assert what in text
    assert text.endswith(f"{sys.executable} -m pip install --require-hashes -r requirements/runtime.txt")
    assert unforeseen.defect(error) == text


@pytest.mark.parametrize(("error", "lines"), [(None, 0), (ValueError("s3cret"), 1)])
def test_a_failed_thread_is_reported_by_the_type_of_its_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, lines: int
) -> None:
    """Python itself may know no error."""
    printed: list[str] = []
    monkeypatch.setattr("refresh.workflow.log.problem", lambda *words: printed.append(words[-1]))
    unforeseen._report(error)
    assert len(printed) == lines
    assert all("ValueError" in line and "s3cret" not in line for line in printed)


def test_a_package_that_is_missing_after_the_start_has_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: Any) -> None:
        raise ModuleNotFoundError("-", name="cattrs")

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(main, "inputs", SimpleNamespace(log_as_json=missing))
    assert main.main(shutdown=Shutdown()) == 2
    assert "error: refresh: the package cattrs" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [(KeyboardInterrupt(), 1, "stopped"), (ModuleNotFoundError("-", name="attrs"), 2, "attrs")],
)
def test_a_failed_start_has_its_exit_code_even_where_nothing_can_be_printed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: BaseException, code: int, word: str
) -> None:
    def failing(*_: Any) -> None:
        raise error

    monkeypatch.setattr(start, "_open_closed_streams", failing)
    assert start.main() == code
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: refresh: ")
    assert word in line
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert start.main() == code


def test_status_needs_a_repository_and_a_region_only() -> None:
    with pytest.raises(errors.InputErrors, match="aws-region"):
        inputs.load_pool({"GITHUB_REPOSITORY": "octo/widgets"})
    pool = inputs.load_pool({"GITHUB_REPOSITORY": "octo/widgets", "AWS_REGION": "eu-west-1"})
    assert (str(pool.repository), pool.region) == ("octo/widgets", "eu-west-1")
    token = "ghp_" + "0123456789" * 4
    with pytest.raises(errors.InputErrors, match=r"repository: .*GH_TOKEN"):
        inputs.load_pool({"INPUT_REPOSITORY": f"octo/{token}", "AWS_REGION": "eu-west-1", "GH_TOKEN": token})


def test_the_command_passes_its_arguments_on_and_does_not_wait_for_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[object] = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(sys, "argv", ["refresh-action", "--mode=plan"])
    monkeypatch.setattr(start, "main", lambda arguments: arguments)
    command: Callable[[], object] = start.command  # of which mypy does not know that it does not return
    command()
    assert left == [["--mode=plan"]]


@pytest.mark.parametrize(
    ("arguments", "name"), [([], "refresh"), (["release"], "release"), (["release", "now"], "release now")]
)
def test_the_entry_point_runs_the_action_that_its_argument_names(
    arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step has no command line: more words than one are the name of no action."""
    left: list[object] = []
    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(sys, "argv", ["entrypoint.py", *arguments])
    monkeypatch.setattr(start, "main", lambda *, action: action)
    action: Callable[[], object] = start.action  # of which mypy does not know that it does not return
    action()
    assert left == [name]
