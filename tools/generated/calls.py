"""What each action calls: the tables of docs/iam/README.md, and the operations that the image's models keep."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tools.generated.pieces import Piece, Section
from tools.generated.roles import PROGRAM, PROVISION, REFRESH, RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from refresh.pool.permissions import Needs
    from tools.generated.roles import Call

PAGE = "docs/iam/README.md"
_LINE = 120


def pieces() -> Iterator[Piece]:
    """Write the page's tables and its list of what only `tags` needs, and the models' operations."""
    for action, calls in (("refresh", REFRESH), ("release", RELEASE), ("provision", PROVISION)):
        yield Section(PAGE, f"calls of {action}", "\n".join(_table(calls)))
    tagging = (action for call in REFRESH.values() if call.only_with("tags") for action, _ in call.actions())
    listed = ", ".join(f"`{action}`" for action in tagging)
    yield Section(PAGE, "actions of tags", f"Without the input `tags` leave out {listed}.")
    yield Section("tools/image/reduced_models.py", "operations", "\n".join(_operations()))


def _table(calls: Mapping[str, Call]) -> Iterator[str]:
    yield "| operation | IAM actions | when and why |"
    yield "| --- | --- | --- |"
    for operation, call in calls.items():
        actions = ", ".join(dict.fromkeys(f"`{action}`" for action, _ in call.actions()))
        reasons = sorted(filter(None, map(_reason, call.needs)), key=lambda reason: not reason.startswith("always"))
        yield f"| `{operation}` | {actions or 'none'} | {'; '.join(reasons)} |"


def _reason(needs: Needs) -> str:
    given = f"with `{needs.only_with}`" if needs.only_with else ""
    return ": ".join(filter(None, (given, needs.why)))


def _operations() -> Iterator[str]:
    by_service: defaultdict[str, list[str]] = defaultdict(list)
    for operation in PROGRAM:
        service, _, name = operation.partition(":")
        by_service[service].append(f'"{name}"')
    yield "OPERATIONS = {"
    for service, names in by_service.items():
        line = f'    "{service}": {{{", ".join(names)}}},'
        if len(line) <= _LINE:
            yield line
            continue
        yield f'    "{service}": {{'
        yield from (f"        {name}," for name in names)
        yield "    },"
    yield "}"
