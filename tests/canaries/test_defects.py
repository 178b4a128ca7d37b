"""The entrypoint at its most talkative: no secret is shown, not even by a defect that has all of them in its hands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes import canaries
from tests.fakes.world import ROOT, inherited

if TYPE_CHECKING:
    from tests.fakes.world import World

DEFECT = """
import os, runpy, sys, threading
import refresh.actions.refresh, refresh.output.publish, refresh.reconciler.parameters, refresh.reconciler.reconciliation

def broken(*arguments, **named):
    held = [value for value in os.environ.values() if "CANARY" in value]
    raise ZeroDivisionError(*held)

def in_a_thread(*arguments, **named):
    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()

def unraisable(*arguments, **named):
    class Held:
        __del__ = broken
    Held()

import {module}
{module}.{name} = {kind}
sys.argv[:] = [{entrypoint!r}]
runpy.run_path({entrypoint!r}, run_name="__main__")
"""
"""A program that raises, from where it is told, an exception whose text and locals hold every secret it was given."""
PLACES = {
    "reading the inputs": ("refresh.actions.refresh.inputs", "load", "broken"),
    "asking how to log": ("refresh.actions.refresh.inputs", "log_as_json", "broken"),
    "connecting": ("refresh.actions.refresh", "connect", "broken"),
    "telling of the beginning": ("refresh.output.publish", "beginning", "broken"),
    "reconciling": ("refresh.reconciler.reconciliation", "begin", "broken"),
    "telling of a component": ("refresh.output.publish", "component", "broken"),
    "telling of the end": ("refresh.output.publish", "ending", "broken"),
    "a thread": ("refresh.output.publish", "beginning", "in_a_thread"),
    "a finalizer": ("refresh.output.publish", "beginning", "unraisable"),
}
AT_MOST = {"RUNNER_DEBUG": "1", "GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST}


def _run(world: World, place: tuple[str, str, str], tmp_path: Path, **changed: str) -> tuple[int, str]:
    module, name, kind = place
    script = DEFECT.format(module=module, name=name, kind=kind, entrypoint=str(ROOT / "entrypoint.py"))
    # `import a.b.c` of what is only an attribute fails; `refresh.actions.refresh` has them all.
    script = script.replace(f"import {module}\n", "")
    files = {"GITHUB_OUTPUT": tmp_path / "output", "GITHUB_STEP_SUMMARY": tmp_path / "summary"}
    given = {name: str(path) for name, path in files.items()} | {"GITHUB_WORKSPACE": str(tmp_path)}
    child = subprocess.run(  # noqa: S603 - our own entrypoint
        [sys.executable, "-c", script],
        env={**inherited(), **world.environ(**changed), **AT_MOST, **given, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    return child.returncode, child.stdout


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_first_run_with_debug_logging_shows_no_secret(world: World, tmp_path: Path, log_format: str) -> None:
    """On an empty account, where a token is issued and stored; nor do the files that it leaves."""
    files = {"GITHUB_OUTPUT": tmp_path / "output", "GITHUB_STEP_SUMMARY": tmp_path / "summary"}
    given = {name: str(path) for name, path in files.items()} | {"GITHUB_WORKSPACE": str(tmp_path)}
    code, printed = world.run({**AT_MOST, **given}, log_format=log_format)
    assert code == 0, printed
    assert "call.answered" in printed
    assert "::add-mask::REG-CANARY-1" in printed
    assert json.loads((tmp_path / "refresh-report.json").read_text())["exit_code"] == 0
    written = (tmp_path / "output").read_text() + (tmp_path / "summary").read_text()
    assert not canaries.search("files", written)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_defect_that_escapes_everything_shows_no_secret(
    world: World, tmp_path: Path, place: str, log_format: str
) -> None:
    """A line says what was raised and where; there is no traceback, and nothing of its text."""
    code, printed = _run(world, PLACES[place], tmp_path, log_format=log_format)
    assert code == (0 if PLACES[place][2] != "broken" else 1), printed
    (line,) = [line for line in printed.splitlines() if "ZeroDivisionError" in line and not line.startswith("::")]
    assert "defect: ZeroDivisionError in " in line
    assert "broken line " in line
    assert "Traceback" not in printed
    assert "***" not in printed
    assert canaries.PAT not in "".join(line for line in printed.splitlines() if "::add-mask::" not in line)


def test_a_defect_in_a_component_shows_neither_text_nor_locals(world: World, tmp_path: Path) -> None:
    """Only what was raised, and where; everything else is done."""
    place = ("refresh.reconciler.parameters.policy", "plan", "broken")
    code, printed = _run(world, place, tmp_path)
    assert code == 1
    assert "defect: ZeroDivisionError in " in printed
    assert "***" not in printed
    assert "held" not in printed
    report = json.loads((tmp_path / "refresh-report.json").read_text())
    assert [each["name"] for each in report["components"] if each["status"] == "failed"] == ["parameters"]


def test_a_server_that_echoes_the_token_does_not_have_it_shown(world: World, tmp_path: Path) -> None:
    """Neither in the log nor in the files."""
    echo = json.dumps({"message": f"you sent {canaries.PAT}"}).encode()
    world.github.failure = (403, echo)
    code, printed = world.run({**AT_MOST, "GITHUB_WORKSPACE": str(tmp_path)})
    assert code == 1
    assert "you sent ***" in printed
    assert "you sent ***" in (tmp_path / "refresh-report.json").read_text()
