"""The roles in AWS for which policies are written, each with the calls that are made under it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from attrs import frozen

import refresh.actions.calls
import refresh.agent.calls
import refresh.clients.calls
import refresh.dynamodb.calls
import refresh.provision.calls
import refresh.release.calls
from refresh import preflight
from refresh.pool.permissions import IMAGE_PARAMETER, ORDER, STATE_TABLE, Needs, Statement
from refresh.reconciler.registered import COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from refresh.pool.permissions import Calls


@frozen
class Call:
    """An operation, and what every part of the program that calls it declares of it."""

    operation: str
    needs: tuple[Needs, ...]

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return any(each.writes for each in self.needs)

    def actions(self) -> list[tuple[str, Statement]]:
        """Return its actions with the statements that allow them; two parts may need one for different resources."""
        pairs = [pair for each in self.needs for pair in each.actions(self.operation)]
        return [pair for number, pair in enumerate(pairs) if pair not in pairs[:number]]

    def only_with(self, given: str) -> bool:
        """Whether no part calls it without this input."""
        return all(each.only_with == given for each in self.needs)


@frozen
class Role:
    """A policy of docs/iam, by the name of its file, and the calls that it allows."""

    policy: str
    calls: Collection[Call]
    added_to: Role | None = None
    """The policy that whoever has this one has as well; what that allows is left out here."""

    def statements(self) -> list[tuple[Statement, list[str]]]:
        """Return each statement with its actions; an action that is allowed without a condition needs no other one."""
        found: list[tuple[Statement, set[str]]] = []
        before = self.added_to.pairs if self.added_to else []
        kept = [
            pair
            for pair in self.pairs
            if pair not in before and not any(_covers(each, pair) for each in (*before, *self.pairs))
        ]
        for action, statement in sorted(kept, key=lambda pair: pair[0]):
            actions = next((actions for known, actions in found if known == statement), None)
            if actions is None:
                found.append((statement, actions := set()))
            actions.add(action)
        return [(statement, sorted(actions)) for statement, actions in sorted(found, key=_place)]

    @property
    def pairs(self) -> list[tuple[str, Statement]]:
        """Each action with each statement that allows it."""
        return [pair for call in self.calls for pair in call.actions()]


def _covers(wider: tuple[str, Statement], pair: tuple[str, Statement]) -> bool:
    """Whether an action is allowed without a condition where the other has one, on the same resources."""
    (action, statement), (other, narrow) = wider, pair
    conditional = bool(narrow.condition) and not statement.condition
    return action == other and statement.resources == narrow.resources and conditional


def _place(found: tuple[Statement, set[str]]) -> int:
    if found[0].resources == STATE_TABLE.resources:
        return -1
    return ORDER.index(found[0]) if found[0] in ORDER else len(ORDER)


def merged(parts: Iterable[Calls]) -> Mapping[str, Call]:
    """Put the calls of all parts together, by the name of the operation."""
    found: defaultdict[str, list[Needs]] = defaultdict(list)
    for part in parts:
        for operation, needs in part.items():
            if needs not in found[operation]:
                found[operation].append(needs)
    return {operation: Call(operation, tuple(found[operation])) for operation in sorted(found)}


_REFRESH = (
    *(each.calls for each in COMPONENTS),
    refresh.dynamodb.calls.CALLS,
    preflight.CALLS,
    refresh.clients.calls.CALLS,
    refresh.actions.calls.CALLS,
)
REFRESH = merged(_REFRESH)
"""What a run of refresh can call."""
ADDITIONS = {"refresh-launches": ("min-idle", "rescue-stranded-jobs"), "refresh-metrics": ("metrics",)}
"""Policies that refresh needs with these inputs only, next to its own; plan-only.json has all reads."""


def _with(*given: str) -> Collection[Call]:
    """Return what refresh calls only with these inputs; without any, all that it calls without those of `ADDITIONS`."""
    optional = [each for inputs in ADDITIONS.values() for each in inputs]
    parts: list[Calls] = [
        {
            operation: needs
            for operation, needs in part.items()
            if (needs.only_with in given if given else needs.only_with not in optional)
        }
        for part in _REFRESH
    ]
    return merged(parts).values()


RELEASE = merged((refresh.release.calls.CALLS, refresh.clients.calls.CALLS))
"""What a run of release can call."""
PROVISION = merged((refresh.provision.calls.CALLS, refresh.clients.calls.CALLS))
"""What a run of provision can call."""
PROGRAM = merged((*_REFRESH, refresh.release.calls.CALLS, refresh.provision.calls.CALLS))
"""What the program can call, whichever action runs it."""
AGENT = merged((refresh.agent.calls.CALLS, refresh.agent.calls.ORIGINAL_CALLS))
"""What the agent can call on an instance."""
_KEEPING = Role("refresh", _with())
ROLES = (
    _KEEPING,
    *(Role(policy, _with(*given), added_to=_KEEPING) for policy, given in ADDITIONS.items()),
    Role("plan-only", [call for call in REFRESH.values() if not call.writes]),
    Role("release", RELEASE.values()),
    Role("provision", PROVISION.values()),
    # EC2 resolves the parameter as the caller who launches.
    Role("image-parameter", merged([{"ssm:GetParameters": Needs(statement=IMAGE_PARAMETER)}]).values()),
    Role("instance-profile", AGENT.values()),
)
