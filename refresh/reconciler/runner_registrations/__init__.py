"""GitHub: registrations of runners whose instance has ended, which otherwise show as offline for two weeks.

One is removed only if this table itself shows that its instance was ours and ended; EC2 not knowing the instance is no
evidence, since a runner of another region looks the same. GitHub is asked only in a run that ended something or that
had to ask it anyway. https://docs.github.com/en/rest/actions/self-hosted-runners
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, field, frozen

from refresh import errors
from refresh.dynamodb import items
from refresh.engine.change import Change, Done, Failed, Plan, Postponed, Unchecked
from refresh.engine.component import attempt
from refresh.pool import names, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.desired import DesiredState
    from refresh.engine.change import Outcome
    from refresh.ports import Clock, Registry, RunnerRegistration

REMOVED_PER_RUN = 100
_SWITCHED_OFF = Unchecked("clean-github-runners is false", due=False)


@frozen
class Actual:
    """Registrations that are idle and offline, and the instances that the table shows to have ended."""

    registrations: tuple[RunnerRegistration, ...] = ()
    ended: frozenset[str] = frozenset()
    unchecked: Unchecked | None = None
    """Why GitHub was not asked."""
    removed: int = 0
    """How many this run has removed."""


@frozen
class RemoveRegistration(Change):
    """Remove a registration whose instance is gone."""

    noun: ClassVar[str] = "runner_registration"
    verb: ClassVar[str] = "remove"
    done: ClassVar[str] = "removed"
    sign: ClassVar[str] = "-"
    id: int
    name: str

    @property
    def subject(self) -> str:
        return self.name


def plan(actual: Actual) -> Plan[RemoveRegistration]:
    """Plan to remove what is idle, offline and ended, a bounded number in a run."""
    due = [
        RemoveRegistration(each.id, each.name)
        for each in actual.registrations
        if each.offline and not each.busy and each.instance_id in actual.ended
    ]
    room = REMOVED_PER_RUN - actual.removed
    left = len(due) - room
    warnings = (f"{left} more registrations of ended instances are left for the next runs.",) if left > 0 else ()
    return Plan(tuple(due[:room]), warnings, unchecked=actual.unchecked)


@frozen
class RunnerRegistrations:
    """Removes what ended instances left on GitHub."""

    name: ClassVar[str] = "runner registrations"
    desired: DesiredState
    dynamodb: DynamoDBClient
    github: Registry
    clock: Clock
    ended: Callable[[], frozenset[str] | Unchecked]
    """Waits for the collector and gives the recorded instances that EC2 calls terminated, or why GitHub is not asked.
    """
    over: Callable[[], bool] = field(default=lambda: False)
    removed: list[int] = field(factory=list, init=False, eq=False)

    def observe(self) -> Actual:
        """List the runners, and look the unproven ones up in the history."""
        ended = self.ended() if self.desired.clean_github_runners else _SWITCHED_OFF
        if isinstance(ended, Unchecked):
            return Actual(unchecked=ended)
        candidates = tuple(
            each for each in self.github.runners() if each.instance_id and each.offline and not each.busy
        )
        unproven = sorted({each.instance_id for each in candidates if each.instance_id} - ended)
        table = names.table(self.desired.repository)
        history = items.by_identifier(self.dynamodb, self.clock, table, records.HISTORY, unproven)
        return Actual(candidates, ended.union(history), removed=len(self.removed))

    def plan(self, actual: Actual, now: datetime) -> Plan[RemoveRegistration]:  # noqa: ARG002 - the protocol's shape
        """See the module's `plan`."""
        return plan(actual)

    def predict(self, actual: Actual, changes: Sequence[RemoveRegistration], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """Tell which registrations will be left once these changes are made."""
        removed = {change.id for change in changes}
        left = tuple(each for each in actual.registrations if each.id not in removed)
        return evolve(actual, registrations=left, removed=actual.removed + len(removed))

    def apply(self, changes: Sequence[RemoveRegistration]) -> Iterator[Outcome]:
        """Remove them one by one, as GitHub's API does, until it has had enough of us or the run's time is over."""
        limit: errors.Throttled | None = None
        for change in changes:
            if limit:
                yield Failed(change, limit)
            elif self.over():
                yield Postponed(change)
            else:
                outcome = attempt(change, self._remove, change.id)
                if isinstance(outcome, Done):
                    self.removed.append(change.id)
                elif isinstance(outcome, Failed) and isinstance(outcome.error, errors.Throttled):
                    limit = outcome.error
                yield outcome

    def _remove(self, runner_id: int) -> None:
        try:
            self.github.remove_runner(runner_id)
        except errors.NotFound as error:
            raise errors.ConditionFailed(error.operation, error.code, "it is gone already.") from None
