"""Which operations of AWS refresh made over the whole test suite, and whether the table of docs/iam has just these.

A plugin of pytest: it hands the names over from every worker and fails the session where the two differ. What a test
itself calls, to prepare or to look, bears the header of `MARK` and does not count.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

MARK = ("X-Made-By", "test")
"""The header of a call that is not refresh's."""
MADE: set[str] = set()
"""The operations that were made in this process, `service:Operation`."""
PAGE = Path(__file__).parents[2] / "docs" / "iam" / "README.md"
_OUTPUT = "operations"
_ROW = re.compile(r"^\| `([a-z0-9]+:[A-Za-z]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_ACTION = re.compile(r"`([a-z0-9]+:[A-Za-z]+)`")


def record(name: str) -> None:
    """Note that refresh made an operation; what it asks of GitHub needs no IAM."""
    if not name.startswith("github:"):
        MADE.add(name)


def mark(client: Any) -> Any:
    """Make a boto3 client one of the test's own."""
    client.meta.events.register("before-sign", _mark)
    return client


def _mark(request: Any, **_: Any) -> None:
    name, value = MARK
    del request.headers[name]  # there from an earlier attempt; adding would repeat it
    request.headers[name] = value


def documented(page: str = "") -> dict[str, tuple[str, ...]]:
    """Read the table: each operation with the IAM actions that it needs."""
    rows = _ROW.findall(page or PAGE.read_text())
    return {operation: tuple(_ACTION.findall(actions)) for operation, actions, _ in rows}


def differences(made: Collection[str], known: Collection[str], *, whole: bool) -> list[str]:
    """Tell how what was made differs from what is documented; after a part of the tests only what is too much."""
    unknown = [f"{name} was made and has no row in docs/iam/README.md" for name in sorted({*made} - {*known})]
    unmade = [f"{name} has a row in docs/iam/README.md and no test makes it" for name in sorted({*known} - {*made})]
    return [*unknown, *unmade] if whole else unknown


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
        config.workeroutput[_OUTPUT] = (sorted(MADE), _SESSION.deselected)
        return
    filters = [getattr(config.option, name, None) for name in _FILTERS]
    whole = exitstatus == 0 and is_whole(config.args, config.rootpath, [*filters, _SESSION.deselected])
    _SESSION.problems = differences(MADE, documented(), whole=whole)
    if _SESSION.problems and session.exitstatus == 0:
        session.exitstatus = 1


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's names."""
    made, deselected = getattr(node, "workeroutput", {}).get(_OUTPUT, ((), False))
    MADE.update(made)
    _SESSION.deselected |= deselected


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell what differs."""
    if _SESSION.problems:
        terminalreporter.section("operations of AWS that refresh made, and docs/iam/README.md", red=True)
        for problem in _SESSION.problems:
            terminalreporter.write_line(problem)
