"""The roles in AWS for which policies are written, each with the calls that are made under it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import evolve, frozen

import refresh.agent.calls
import refresh.clients.calls
import refresh.dynamodb.calls
from refresh import preflight
from refresh.pool.permissions import ORDER, Needs, Statement
from refresh.reconciler.registered import COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refresh.pool.permissions import Calls


class Contradiction(Exception):
    """Two parts declare the same call or action differently."""


@frozen
class Role:
    """A policy of docs/iam, by the name of its file, and the calls that it has to allow."""

    policy: str
    calls: Calls

    def statements(self) -> list[tuple[Statement, list[str]]]:
        """Return each statement with its actions; raises `Contradiction` for an action in two statements."""
        allowed: dict[str, Statement] = {}
        for operation, needs in self.calls.items():
            for action, statement in needs.actions(operation).items():
                if allowed.setdefault(action, statement) != statement:
                    raise Contradiction(f"{action} is allowed by {allowed[action].sid} and {statement.sid}")
        statements: list[Statement] = []
        for _, statement in sorted(allowed.items()):
            if statement not in statements:
                statements.append(statement)
        return [
            (each, sorted(action for action, statement in allowed.items() if statement == each))
            for each in sorted(statements, key=_place)
        ]


def _place(statement: Statement) -> int:
    return ORDER.index(statement) if statement in ORDER else len(ORDER)


def merged(parts: Iterable[Calls]) -> Calls:
    """Put the calls of all parts together by name, with every reason; raises `Contradiction` where they disagree."""
    found: defaultdict[str, list[Needs]] = defaultdict(list)
    for part in parts:
        for operation, needs in part.items():
            found[operation].append(needs)
    return {operation: _one(operation, found[operation]) for operation in sorted(found)}


def _one(operation: str, several: list[Needs]) -> Needs:
    first, *others = several
    if any(_kind(each) != _kind(first) for each in others):
        raise Contradiction(f"{operation} is declared in different ways")
    reasons = sorted({each.why: None for each in several if each.why}, key=lambda why: not why.startswith("always"))
    also = {action: statement for each in several for action, statement in each.also.items()}
    return evolve(first, why="; ".join(reasons), also=also)


def _kind(needs: Needs) -> tuple[Statement | None, str, bool]:
    return needs.statement, needs.only_with, needs.writes


REFRESH = merged(
    (
        *(each.calls for each in COMPONENTS),
        refresh.dynamodb.calls.CALLS,
        preflight.CALLS,
        refresh.clients.calls.CALLS,
    )
)
"""What a run of refresh can call."""
_IMAGE_PARAMETER = "ssm:GetParameters"
ROLES = (
    Role("refresh", REFRESH),
    Role("plan-only", {operation: needs for operation, needs in REFRESH.items() if not needs.writes}),
    # EC2 resolves the parameter as the caller who launches.
    Role("image-parameter", {_IMAGE_PARAMETER: REFRESH[_IMAGE_PARAMETER]}),
    Role("instance-profile", refresh.agent.calls.CALLS),
)
