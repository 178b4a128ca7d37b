"""Fails the session where the operations that refresh made, on all workers, are not those of docs/iam/README.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

from tests.fakes import operations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_OUTPUT = "operations"


def is_whole(arguments: Iterable[str], root: Path, filters: Iterable[object]) -> bool:
    """Tell whether all tests are asked for: every folder, and no filter that leaves some out."""
    asked = {(root / argument).resolve() for argument in arguments}
    return bool(asked & {root.resolve(), (root / "tests").resolve()}) and not any(filters)


@define
class _Session:
    """What this process knows of its session."""

    deselected: bool = False
    problems: list[str] = field(factory=list)


_SESSION = _Session()
_FILTERS = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "maxfail", "collectonly")


def pytest_deselected(items: Sequence[Any]) -> None:
    """Know of filters that no option shows."""
    _SESSION.deselected |= bool(items)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Hand a worker's names over; where all have come together, compare."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput[_OUTPUT] = (sorted(operations.MADE), _SESSION.deselected)
        return
    filters = [getattr(config.option, name, None) for name in _FILTERS]
    whole = exitstatus == 0 and is_whole(config.args, config.rootpath, [*filters, _SESSION.deselected])
    _SESSION.problems = operations.differences(operations.MADE, operations.documented(), whole=whole)
    if _SESSION.problems and session.exitstatus == 0:
        session.exitstatus = 1


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's names."""
    made, deselected = getattr(node, "workeroutput", {}).get(_OUTPUT, ((), False))
    operations.MADE.update(made)
    _SESSION.deselected |= deselected


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell what differs."""
    if _SESSION.problems:
        terminalreporter.section("operations of AWS that refresh made, and docs/iam/README.md", red=True)
        for problem in _SESSION.problems:
            terminalreporter.write_line(problem)
