"""Which operations only read, which refresh made in this process, and how these differ from the table of docs/iam.

What a test itself calls, to prepare or to look, bears the header of `MARK` and does not count.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MARK = ("X-Made-By", "test")
"""The header of a call that is not refresh's; programs that set no headers say it in their User-Agent, `name/value`."""
MADE: set[str] = set()
"""The operations that were made in this process, `service:Operation`."""
PAGE = Path(__file__).parents[2] / "docs" / "iam" / "README.md"
_READS = ("Describe", "Get", "List", "Query", "Scan", "BatchGet", "AssumeRole", "GET ")
_ROW = re.compile(r"^\| `([a-z0-9]+:[A-Za-z]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_ACTION = re.compile(r"`([a-z0-9]+:[A-Za-z]+)`")


def reads(call: str) -> bool:
    """Tell whether a call only reads; AWS's are named `service:Operation`, GitHub's `GitHub:METHOD path`."""
    return call.partition(":")[2].startswith(_READS)


def record(name: str) -> None:
    """Note that refresh made an operation; what it asks of GitHub needs no IAM."""
    if not name.startswith("github:"):
        MADE.add(name)


def counts(environ: Mapping[str, Any]) -> bool:
    """Tell from a request's WSGI environment whether it is refresh's."""
    name, value = MARK
    marked = environ.get(f"HTTP_{name.upper().replace('-', '_')}") == value
    return not marked and f"{name}/{value}" not in environ.get("HTTP_USER_AGENT", "")


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
