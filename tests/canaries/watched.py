"""Fails every test that lets a planted secret out, and reports how much was searched, on all workers.

Requests are searched when they arrive, log records when they are made, output of child processes when it is received,
and the test's own output and files when it ends.
"""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes import canaries, outgoing
from tests.fakes.canaries import SEARCH

if TYPE_CHECKING:
    from collections.abc import Iterator

_OUTPUT = "canaries"
_AWS = "moto"
"""The emulator of AWS runs in this process and logs what it receives."""
_communicate = subprocess.Popen.communicate


def _searched(child: subprocess.Popen[Any], *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Search the output of any child process."""
    received = _communicate(child, *args, **kwargs)
    for content in received:
        if content:
            text = content if isinstance(content, str) else content.decode("utf-8", "replace")
            outgoing.printed(text, outgoing.CHILDREN, Path(str(_words(child)[0])).name)
    return received


def _words(child: subprocess.Popen[Any]) -> list[Any]:
    return [child.args] if isinstance(child.args, str | bytes | Path) else list(child.args)  # type: ignore[arg-type] # as given


class _Records(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] == _AWS:
            return
        canaries.search(outgoing.LOGGED, self.format(record), record.name)


@pytest.fixture(autouse=True)
def _nothing_leaks(request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Fail a test that lets a planted secret out in a wrong place."""
    # Requested here, so that it still exists at the end.
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    read = capfd.readouterr

    def readouterr() -> Any:
        captured = read()
        for text in captured:
            outgoing.printed(text)
        return captured

    capfd.readouterr = readouterr  # type: ignore[method-assign] # what a test reads is not there at the end
    root, records = logging.getLogger(), _Records()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(records)
    yield
    root.removeHandler(records)
    root.setLevel(level)
    capfd.readouterr()
    if folder:
        outgoing.files(folder)
    hits = canaries.taken()
    assert not hits, "\n".join(map(str, hits))


def pytest_configure() -> None:
    """Search the output of child processes."""
    subprocess.Popen.communicate = _searched  # type: ignore[method-assign, assignment] # the same, searched


def pytest_unconfigure() -> None:
    """Undo it."""
    subprocess.Popen.communicate = _communicate  # type: ignore[method-assign] # as it was


def pytest_sessionfinish(session: Any) -> None:
    """Pass a worker's figures on; fail the session for hits after the last test."""
    if SEARCH.hits and session.exitstatus == 0:
        session.exitstatus = 1
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_OUTPUT] = (dict(SEARCH.sizes), dict(SEARCH.places), SEARCH.found)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's figures."""
    sizes, places, found = getattr(node, "workeroutput", {}).get(_OUTPUT, ({}, {}, 0))
    SEARCH.sizes.update(sizes)
    SEARCH.places.update(places)
    SEARCH.found += found


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how much was searched."""
    size, places = SEARCH.sizes.total(), SEARCH.places.total()
    line = f"canary search: {size:,} bytes in {places:,} places, {SEARCH.found} hits"
    terminalreporter.section(line, sep="-", red=bool(SEARCH.found))
    for kind in sorted(SEARCH.places):
        terminalreporter.write_line(f"{SEARCH.sizes[kind]:>14,} bytes in {SEARCH.places[kind]:>9,}  {kind}")
