"""GitHub, DynamoDB and EC2: machines for jobs that were run again without their provision job.

"Re-run failed jobs" leaves out a provision that succeeded, so the jobs wait for machines that are gone: GitHub gives up
after 24 hours. What provision was asked for is in the table, and is provided again. Only with `rescue-stranded-jobs`.
https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import evolve, field, frozen

from refresh.engine.change import Postponed, Unchecked
from refresh.engine.registration import Registration
from refresh.reconciler.door_settings import DoorSettings
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.state_table import StateTable
from refresh.reconciler.stranded_jobs import apply, observe, policy, predict
from refresh.reconciler.stranded_jobs.actual import Actual
from refresh.reconciler.stranded_jobs.calls import CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from refresh.engine.change import Outcome, Plan
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.garbage_collector.actual import Actual as Collected
    from refresh.reconciler.stranded_jobs.apply import Means
    from refresh.reconciler.stranded_jobs.changes import Rescue

_SWITCHED_OFF = Unchecked("rescue-stranded-jobs is false", due=False)


@frozen
class StrandedJobs:
    """Provides machines for stranded jobs, each label once in a run."""

    name: ClassVar[str] = "stranded jobs"
    means: Means
    collected: Callable[[], Collected | Unchecked]
    """Waits for what the collector read last."""
    settled: Callable[[], object]
    """Waits for the settings that provision reads."""
    seen: list[Actual] = field(factory=list, init=False, eq=False)
    """What was observed first: GitHub is asked once in a run."""
    tried: dict[str, tuple[str, ...]] = field(factory=dict, init=False, eq=False)
    """By label, the warnings of what this run has provided."""

    def observe(self) -> Actual:
        """See `observe.observe`."""
        means = self.means
        if not means.desired.rescue_stranded_jobs:
            return Actual(unchecked=_SWITCHED_OFF)
        if not self.seen:
            repository = means.desired.repository
            self.seen.append(observe.observe(means.clients, means.clock, means.executor, repository, self.collected))
        return evolve(self.seen[0], tried=dict(self.tried))

    def plan(self, actual: Actual, now: datetime) -> Plan[Rescue]:
        """See `policy.plan`."""
        return policy.plan(actual, now)

    def apply(self, changes: Sequence[Rescue]) -> Iterator[Outcome]:
        """Provide for all labels at once, after the settings were written."""
        self.settled()
        under_way = [(each, self.means.executor.submit(apply.rescue, self.means, each)) for each in changes]
        for change, future in under_way:
            rescued = future.result()
            if not isinstance(rescued.outcome, Postponed):
                self.tried[change.label] = rescued.warnings
            yield rescued.outcome

    def predict(self, actual: Actual, changes: Sequence[Rescue], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `predict.predict`."""
        return predict.predict(actual, changes)


COMPONENT: Registration[Dependencies] = Registration(
    name=StrandedJobs.name,
    kept_in="EC2 instances and their records",
    keeps="with `rescue-stranded-jobs`: no job of a later attempt waits for machines that were given back",
    changes="provides machines again, as `provision` was asked to",
    checked="every run, by GitHub's unfinished runs",
    calls=CALLS,
    after=(StateTable.name, DoorSettings.name, GarbageCollector.name),
    build=lambda given: StrandedJobs(
        apply.Means(
            desired=given.desired,
            clients=given.clients,
            clock=given.clock,
            executor=given.executor,
            deadline=given.prefetch.began_at + given.desired.timeout,
            over=given.over,
            write_anyway=given.write_anyway,
        ),
        given.collected,
        given.reports,
    ),
)
