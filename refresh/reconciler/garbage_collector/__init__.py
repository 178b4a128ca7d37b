"""EC2 and DynamoDB: ends instances that are due, in two crash-safe phases, and cleans up behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from attrs import evolve, frozen

from refresh import names
from refresh.reconciler.garbage_collector import application, observation, policy
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Terminate
from refresh.reconciler.transactions import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.reconciler.garbage_collector.changes import CollectorChange
    from refresh.reconciler.garbage_collector.facts import Actual, TemplateIds
    from refresh.report import Outcome, Plan

LONG_WORK = 50
"""More changes of one kind than this tell their progress."""


@frozen
class GarbageCollector:
    """Ends what is due and cleans up."""

    name: ClassVar[str] = "garbage collector"
    desired: DesiredState
    ec2: EC2Client
    sender: Sender
    template_ids: Callable[[], TemplateIds]
    skew: Callable[[], timedelta]
    """Tells how far AWS's clock is ahead of ours."""
    progress: Callable[[str, int, int], None]
    """Told "terminated", 300 and 5000 while long work goes on."""

    def observe(self) -> Actual:
        """Read EC2, then the table, then the clocks."""
        table = names.table(self.desired.repository)
        actual = observation.observe(self.ec2, self.sender.dynamodb, table, self.template_ids())
        return evolve(actual, skew=self.skew())

    def plan(self, actual: Actual, now: datetime) -> Plan[CollectorChange]:
        """See `policy.plan`."""
        return policy.plan(self.desired, actual, now)

    def apply(self, changes: Sequence[CollectorChange]) -> Iterator[Outcome]:
        """Send marks, adoptions, terminations and cleanings, each in their batches."""
        firsts: list[Mark | Adopt] = []
        terminations: list[Terminate] = []
        cleanings: list[Clean] = []
        for change in changes:
            match change:
                case Mark() | Adopt():
                    firsts.append(change)
                case Terminate():
                    terminations.append(change)
                case Clean():
                    cleanings.append(change)
                case _:
                    assert_never(change)
        table, run_url = names.table(self.desired.repository), self.desired.run_url
        marks = [
            application.mark(table, change, run_url)
            if isinstance(change, Mark)
            else application.adopt(table, change, run_url)
            for change in firsts
        ]
        yield from self._told("marked", self.sender.write(marks, application.MARKS_PER_TRANSACTION), len(marks))
        ended = application.terminate(self.ec2, terminations, self.sender.over)
        yield from self._told("terminated", ended, len(terminations))
        now = self.sender.clock.now()
        writes = [application.clean(table, change, now) for change in cleanings]
        yield from self._told("cleaned", self.sender.write(writes, application.CLEANINGS_PER_TRANSACTION), len(writes))

    def _told(self, done: str, outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
        """Pass outcomes on and tell the progress of long work, a hundred at a time."""
        for number, outcome in enumerate(outcomes, 1):
            yield outcome
            if total > LONG_WORK and (number % 100 == 0 or number == total):
                self.progress(done, number, total)
