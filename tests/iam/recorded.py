"""Fails the session if the operations that refresh made, on all workers, are not those that it declares."""

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
    """Whether all tests are asked for: every folder, and no filter that leaves some out."""
    asked = {(root / argument).resolve() for argument in arguments}
    return bool(asked & {root.resolve(), (root / "tests").resolve()}) and not any(filters)


@define
class _Session:
    """The session of this process."""

    deselected: bool = False
    problems: list[str] = field(factory=list)


_SESSION = _Session()
_FILTERS = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "maxfail", "collectonly")


def pytest_deselected(items: Sequence[Any]) -> None:
    """Notice filters that no option shows."""
    _SESSION.deselected |= bool(items)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Hand over a worker's names, or compare those of all workers."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput[_OUTPUT] = (sorted(operations.MADE), _SESSION.deselected)
        return
    filters = [getattr(config.option, name, None) for name in _FILTERS]
    whole = exitstatus == 0 and is_whole(config.args, config.rootpath, [*filters, _SESSION.deselected])
    _SESSION.problems = operations.differences(operations.MADE, operations.DECLARED, whole=whole)
    if _SESSION.problems and session.exitstatus == 0:
        session.exitstatus = 1


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add a worker's names."""
    made, deselected = getattr(node, "workeroutput", {}).get(_OUTPUT, ((), False))
    operations.MADE.update(made)
    _SESSION.deselected |= deselected


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the differences."""
    if _SESSION.problems:
        terminalreporter.section("operations of AWS that refresh made, and those that it declares", red=True)
        for problem in _SESSION.problems:
            terminalreporter.write_line(problem)
