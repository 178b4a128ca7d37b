"""GitHub: runner registrations whose instance has ended; GitHub would list them as offline for two weeks.

A registration is removed only if this pool's table shows that the instance was in the pool and ended. That EC2 does not
know an instance proves nothing: a runner of another region looks the same. GitHub is asked only in a run that ended an
instance or that had to call GitHub anyway. https://docs.github.com/en/rest/actions/self-hosted-runners
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, field, frozen

from refresh.engine.change import Unchecked
from refresh.engine.registration import Registration
from refresh.pool import names
from refresh.pool.permissions import STATE_TABLE, Needs
from refresh.reconciler.runner_registrations import apply, observe, policy
from refresh.reconciler.runner_registrations.actual import Actual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.desired import DesiredState
    from refresh.engine.change import Outcome, Plan
    from refresh.ports import Clock, Registry
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.runner_registrations.changes import RemoveRegistration

_SWITCHED_OFF = Unchecked("clean-github-runners is false", due=False)


@frozen
class RunnerRegistrations:
    """Removes the registrations that ended instances left on GitHub."""

    name: ClassVar[str] = "runner registrations"
    desired: DesiredState
    dynamodb: DynamoDBClient
    github: Registry
    clock: Clock
    ended: Callable[[], frozenset[str] | Unchecked]
    """Waits for the collector and returns the recorded instances that EC2 has terminated, or why GitHub is not asked.
    """
    over: Callable[[], bool] = field(default=lambda: False)
    removed: list[int] = field(factory=list, init=False, eq=False)
    """The ids that this run has removed."""

    def observe(self) -> Actual:
        """List the runners, and look up in the history whose instances have ended."""
        ended = self.ended() if self.desired.clean_github_runners else _SWITCHED_OFF
        if isinstance(ended, Unchecked):
            return Actual(unchecked=ended)
        table = names.table(self.desired.repository)
        return observe.observe(self.github, self.dynamodb, self.clock, table, ended, len(self.removed))

    def plan(self, actual: Actual, now: datetime) -> Plan[RemoveRegistration]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`."""
        return policy.plan(actual)

    def apply(self, changes: Sequence[RemoveRegistration]) -> Iterator[Outcome]:
        """See `apply.remove`."""
        return apply.remove(self.github, changes, self.over, self.removed)

    def predict(self, actual: Actual, changes: Sequence[RemoveRegistration], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """Return what is left after these removals."""
        removed = {change.id for change in changes}
        left = tuple(each for each in actual.registrations if each.id not in removed)
        return evolve(actual, registrations=left, removed=actual.removed + len(removed))


COMPONENT: Registration[Dependencies] = Registration(
    name=RunnerRegistrations.name,
    kept_in="GitHub",
    keeps="no registrations of instances that have ended according to the table",
    changes="removes them",
    checked="a run that ended an instance, or needed a token from GitHub",
    calls={
        "dynamodb:BatchGetItem": Needs("the history of ended instances that GitHub still lists", STATE_TABLE),
    },
    after=("state table", "registration token", "garbage collector"),
    build=lambda given: RunnerRegistrations(
        given.desired, given.clients.dynamodb, given.clients.github, given.clock, given.ended, given.over
    ),
)
