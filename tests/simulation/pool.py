"""A pool in the simulated account: what its owner wants, its runs, and the hands that change things meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from attrs import define, evolve, field

from refresh import names, records
from refresh.reconciler import reconciliation
from refresh.reconciler.services import Services
from tests.fakes.desired import desired
from tests.fakes.memory.account import Account
from tests.fakes.memory.dynamodb import DynamoDB, Table
from tests.fakes.memory.ec2 import Ec2, Instance
from tests.fakes.memory.github import GitHub
from tests.fakes.memory.on_demand import OnDemand
from tests.fakes.memory.sqs import Sqs
from tests.fakes.serial import Serial

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.desired import DesiredState
    from refresh.report import Report

REPOSITORY = names.Repository("octo", "widgets")
TABLE = names.table(REPOSITORY)
TEMPLATE = names.launch_template(REPOSITORY)


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@define
class Pool:
    """One repository's pool in an account."""

    account: Account = field(factory=Account)
    desired: DesiredState = field(factory=desired)
    intercept: Callable[[Services], Services] = lambda services: services
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

    def run(self, **changes: Any) -> Report:
        """Run refresh once, in one thread."""
        dynamodb, ec2, sqs = (cast("Any", each) for each in (self.dynamodb, self.ec2, self.sqs))
        services = Services(dynamodb, ec2, sqs, GitHub(self.account), cast("Any", OnDemand(self.account)))
        return reconciliation.begin(
            evolve(self.desired, **changes), self.intercept(services), self.account.clock, Serial()
        ).report()

    def in_time(self, seconds: float) -> str:
        """Write the time in some seconds as the table holds it."""
        return records.wire_time(self.account.clock.now() + _seconds(seconds))

    def record(self, instance: Instance | str, *, artifacts: bool = True, **changed: Any) -> None:
        """Write an instance's record as provision does, expired unless changed; None leaves an attribute out."""
        identifier = instance if isinstance(instance, str) else instance.id
        attributes = {
            "state": "idle",
            "runId": "",
            "threshold": self.in_time(-300),
            "resourceClass": "large",
            "instanceType": "m7i.large",
            "usageClass": "on-demand",
            **changed,
        }
        present = {name: value for name, value in attributes.items() if value is not None}
        now = self.account.clock.now() + _seconds(changed.pop("written", 0))
        present.pop("written", None)
        self.table.put(records.item(records.INSTANCE, identifier, now, **present))
        if artifacts:
            self.beat(identifier)

    def beat(self, identifier: str) -> None:
        """Write the heartbeat and signal of an instance."""
        now = self.account.clock.now()
        self.table.put(records.item(records.HEARTBEAT, identifier, now, value="PING"))
        self.table.put(records.item(records.SIGNAL, identifier, now, value={"state": "UD_REG_OK", "runId": "42"}))

    def launch(self, **more: Any) -> Instance:
        """Launch one instance from the pool's template."""
        (instance,) = self.ec2.launch(TEMPLATE, **more)
        return instance
