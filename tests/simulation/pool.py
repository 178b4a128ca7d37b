"""A pool in the simulated account: what its owner wants, its runs, and the hands that change things meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from attrs import define, evolve, field

from refresh.pool import records
from refresh.ports import Clients
from refresh.reconciler import reconciliation
from tests.fakes import instance_items
from tests.fakes.desired import TABLE, TEMPLATE, desired
from tests.fakes.memory.account import Account
from tests.fakes.memory.dynamodb import DynamoDB, Table
from tests.fakes.memory.ec2 import ALIVE, Ec2, Instance
from tests.fakes.memory.github import GitHub
from tests.fakes.memory.on_demand import OnDemand
from tests.fakes.memory.sqs import Sqs
from tests.fakes.serial import Serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.desired import DesiredState
    from refresh.engine.report import Report


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@define
class Pool:
    """One repository's pool in an account."""

    account: Account = field(factory=Account)
    desired: DesiredState = field(factory=desired)
    intercept: Callable[[Clients], Clients] = lambda clients: clients
    """Changes the clients of every run, for deliberate breakages."""

    @property
    def dynamodb(self) -> DynamoDB:
        """DynamoDB, as the hands of others use it."""
        return DynamoDB(self.account)

    @property
    def ec2(self) -> Ec2:
        """EC2, as the hands of others use it."""
        return Ec2(self.account)

    @property
    def sqs(self) -> Sqs:
        """SQS, as the hands of others use it."""
        return Sqs(self.account)

    @property
    def table(self) -> Table:
        """The state table."""
        found = self.dynamodb.table(TABLE)
        assert found is not None
        return found

    @property
    def alive(self) -> list[str]:
        """The ids of all instances that live, whosever they are."""
        return [each for each in self.account.state.instances if self.ec2.state(each) in ALIVE]

    @property
    def clients(self) -> Clients:
        """The clients of a run."""
        dynamodb, ec2, sqs = (cast("Any", each) for each in (self.dynamodb, self.ec2, self.sqs))
        github = GitHub(self.account)
        return Clients(dynamodb, ec2, sqs, github, github, cast("Any", OnDemand(self.account)))

    def run(self, **changes: Any) -> Report:
        """Run refresh once, in one thread."""
        return reconciliation.begin(
            evolve(self.desired, **changes), self.intercept(self.clients), self.account.clock, Serial()
        ).report()

    def in_time(self, seconds: float) -> str:
        """Write the time in some seconds as the table holds it."""
        return records.wire_time(self.account.clock.now() + _seconds(seconds))

    def record(self, instance: Instance | str, *, artifacts: bool = True, written: float = 0, **changed: Any) -> None:
        """Write an instance's record as provision does, `written` seconds from now; expired unless changed."""
        identifier = instance if isinstance(instance, str) else instance.id
        now = self.account.clock.now() + _seconds(written)
        self.table.put(instance_items.record(identifier, now, **changed))
        if artifacts:
            self.beat(identifier)

    def beat(self, identifier: str) -> None:
        """Write the heartbeat and signal of an instance."""
        for item in instance_items.artifacts(identifier, self.account.clock.now()):
            self.table.put(item)

    def launch(self, **more: Any) -> Instance:
        """Launch one instance from the pool's template."""
        (instance,) = self.ec2.launch(TEMPLATE, **more)
        return instance
