"""Which operations only read, which refresh made in this process, and how these differ from those it declares.

What a test itself calls, to prepare or to look, bears the header of `MARK` and does not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tools.generated.roles import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MARK = ("X-Made-By", "test")
"""The header of a call that is not refresh's; programs that set no headers say it in their User-Agent, `name/value`."""
MADE: set[str] = set()
"""The operations that were made in this process, `service:Operation`."""
_READS = ("Describe", "Get", "List", "Query", "Scan", "BatchGet", "AssumeRole", "GET ")
DECLARED = {operation: tuple(action for action, _ in call.actions()) for operation, call in PROGRAM.items()}
"""The operations that the program declares, with the IAM actions that each needs."""


def reads(call: str) -> bool:
    """Return whether a call only reads; AWS's are named `service:Operation`, GitHub's `GitHub:METHOD path`."""
    return call.partition(":")[2].startswith(_READS)


def record(name: str) -> None:
    """Note that refresh made an operation; what it asks of GitHub needs no IAM."""
    if not name.startswith("github:"):
        MADE.add(name)


def counts(environ: Mapping[str, Any]) -> bool:
    """Return whether a request with this WSGI environment is refresh's."""
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


def differences(made: Collection[str], known: Collection[str], *, whole: bool) -> list[str]:
    """Compare what was made with what is declared; after a part of the tests only what is made and not declared."""
    unknown = [f"{name} was made and no part of refresh declares it" for name in sorted({*made} - {*known})]
    unmade = [f"{name} is declared and no test makes it" for name in sorted({*known} - {*made})]
    return [*unknown, *unmade] if whole else unknown
