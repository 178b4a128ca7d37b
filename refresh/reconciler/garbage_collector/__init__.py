"""EC2 and DynamoDB: ends instances that are due, in two crash-safe phases, and cleans up behind them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, assert_never

from attrs import evolve, field, frozen

from refresh import errors
from refresh.dynamodb.transactions import Sender
from refresh.engine.change import Unchecked
from refresh.pool import names
from refresh.reconciler.garbage_collector import apply, observe, policy, predict, restores
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Terminate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from types_boto3_dynamodb.type_defs import TableDescriptionTypeDef
    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.engine.change import Outcome, Plan
    from refresh.engine.shared_read import SharedRead
    from refresh.pool.ec2_instances import Launched
    from refresh.reconciler.garbage_collector.actual import Actual
    from refresh.reconciler.garbage_collector.changes import CollectorChange
    from refresh.reconciler.garbage_collector.restores import Restore

_TEMPLATE_UNREAD = Unchecked(
    "EC2 did not describe the launch template (see its error), so instances without a record were not looked for",
    wholly=False,
)
LONG_WORK = 50
"""More changes of one kind than this tell their progress."""


@frozen
class GarbageCollector:
    """Ends what is due and cleans up."""

    name: ClassVar[str] = "garbage collector"
    desired: DesiredState
    ec2: EC2Client
    sender: Sender
    launched: SharedRead[Launched]
    """Reads the instances that were launched from the pool's templates."""
    table: SharedRead[TableDescriptionTypeDef | None]
    """Reads DynamoDB's description of the state table."""
    skew: Callable[[], timedelta]
    """Tells how far AWS's clock is ahead of ours."""
    progress: Callable[[str, int, int], None]
    """Told "terminated", 300 and 5000 while long work goes on."""
    begun: list[frozenset[str]] = field(factory=list, init=False, eq=False)
    """What this run has begun with, by id: in a busy pool something new is due at every look."""

    def observe(self) -> Actual:
        """Read EC2, then the table, then the clocks; of the first look the reading of EC2 has begun before."""
        table, template = names.table(self.desired.repository), names.launch_template(self.desired.repository)
        launched = self.launched()
        self.launched.invalidate()
        actual = observe.observe(self.ec2, self.sender.dynamodb, table, template, launched, self.sender.over)
        restore = self._restore() if actual.records or actual.instances else None
        return evolve(actual, skew=self.skew(), restore=restore)

    def plan(self, actual: Actual, now: datetime) -> Plan[CollectorChange]:
        """See `policy.plan`; a run finishes what it has begun and leaves what is due since then to the next one."""
        plan = policy.plan(self.desired, actual, now)
        begun = [change for change in plan.changes if not self.begun or change.subject in self.begun[0]]
        return evolve(plan, changes=tuple(begun), unchecked=_TEMPLATE_UNREAD if actual.template_ids.unread else None)

    def predict(self, actual: Actual, changes: Sequence[CollectorChange], now: datetime) -> Actual:
        """See `predict.predict`."""
        return predict.predict(actual, changes, now)

    def apply(self, changes: Sequence[CollectorChange]) -> Iterator[Outcome]:
        """Send marks, adoptions, terminations and cleanings, each in their batches."""
        if not self.begun:
            self.begun.append(frozenset(change.subject for change in changes))
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
        table = names.table(self.desired.repository)
        phase_one = partial(apply.begin, table, self.desired.run_url)
        cleaned = partial(apply.clean, table, self.sender.clock.now())
        write, over = self.sender.write, self.sender.over
        yield from self._told("marked", firsts, write(firsts, phase_one, apply.MARKS_PER_TRANSACTION))
        ended = apply.terminate(self.ec2, terminations, self.sender.clock, over)
        yield from self._told("terminated", terminations, ended)
        yield from self._told("cleaned", cleanings, write(cleanings, cleaned, apply.CLEANINGS_PER_TRANSACTION))

    def _restore(self) -> Restore | None:
        """Find out whether the table was restored; nothing is written to one that DynamoDB did not describe."""
        try:
            found = self.table.first()
        except errors.ApiError:
            return None
        # One that is not ACTIVE yet may be another table by now.
        return restores.restore_of(found if found and found.get("TableStatus") == "ACTIVE" else self.table())

    def _told(self, done: str, changes: Sequence[CollectorChange], outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Pass outcomes on and tell the progress of long work, a hundred at a time."""
        total = len(changes)
        for number, outcome in enumerate(outcomes, 1):
            yield outcome
            if total > LONG_WORK and (number % 100 == 0 or number == total):
                self.progress(done, number, total)
