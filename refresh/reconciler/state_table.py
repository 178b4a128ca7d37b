"""DynamoDB: the state table that provision, release and the instances share.

Nothing else is written before this component has converged: it alone knows that the table is there, has the contract's
shape and belongs to this repository (`a-b/c` and `a/b-c` share a table name).
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.CoreComponents.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from attrs import evolve, frozen

from refresh import errors, names, records
from refresh.reconciler.component import attempt
from refresh.report import Change, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.desired import DesiredState
    from refresh.reconciler.component import Clock
    from refresh.reconciler.metadata import Metadata
    from refresh.report import Outcome

ACTIVE_WAIT_SECONDS = 60
_POLL_SECONDS = 1
_KEY_SCHEMA = (("PK", "HASH", "S"), ("SK", "RANGE", "S"))
_READABLE = ("ACTIVE", "UPDATING")
_USABLE_TIME_TO_LIVE = ("ENABLED", "ENABLING")


@frozen(kw_only=True)
class Actual:
    """The table as DynamoDB describes it; `status` is None when there is none."""

    status: str | None = None
    keys: tuple[tuple[str, str, str], ...] = ()
    """(name, HASH or RANGE, type) of each key attribute."""
    deletion_protection: bool = False
    on_demand: bool = True
    time_to_live: tuple[str, str] = ("DISABLED", "")
    """(status, attribute); a table that is not ACTIVE, or has another key, has not been asked."""
    owner: str | None = None
    """The repository that the table says it belongs to; None when it says nothing."""


@frozen
class CreateTable(Change):
    """Create the table with the contract's schema."""

    noun: ClassVar[str] = "table"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    sign: ClassVar[str] = "+"
    table: str

    @property
    def subject(self) -> str:
        return self.table


@frozen
class AwaitTable(Change):
    """Wait until a table that is being created, updated or deleted is ACTIVE (or gone)."""

    noun: ClassVar[str] = "table"
    verb: ClassVar[str] = "await"
    done: ClassVar[str] = "awaited"
    table: str
    status: str

    @property
    def subject(self) -> str:
        return f"{self.table} ({self.status})"


@frozen
class EnableTimeToLive(Change):
    """Let DynamoDB delete items by `expiresAt`."""

    noun: ClassVar[str] = "time_to_live"
    verb: ClassVar[str] = "enable"
    done: ClassVar[str] = "enabled"
    table: str

    @property
    def subject(self) -> str:
        return f"on {self.table} ({records.TIME_TO_LIVE_ATTRIBUTE})"


@frozen
class ClaimTable(Change):
    """Record that the table is this repository's, if nobody's name is on it."""

    noun: ClassVar[str] = "table"
    verb: ClassVar[str] = "claim"
    done: ClassVar[str] = "claimed"
    sign: ClassVar[str] = "+"
    table: str
    repository: str

    @property
    def subject(self) -> str:
        return f"{self.table} for {self.repository}"


TableChange = CreateTable | AwaitTable | EnableTimeToLive | ClaimTable


def plan(desired: DesiredState, actual: Actual) -> Plan[TableChange]:
    """Plan the table; one with another key schema or another owner is refused, never touched."""
    table, repository = names.table(desired.repository), str(desired.repository)
    if actual.status is None:
        return Plan((CreateTable(table),))
    if actual.keys != _KEY_SCHEMA:
        raise errors.Refused(
            f"table {table}: its key is {_schema(actual.keys)} where {_schema(_KEY_SCHEMA)} is expected; it is another "
            "application's. Nothing was changed: rename one of the two, or delete the table if it is yours to delete."
        )
    if actual.owner not in (None, repository):
        raise errors.Refused(
            f"table {table}: it belongs to the runner pool of {actual.owner}, not of {repository}; the two names give "
            "the same table. Nothing was changed: use another AWS account or region for one of them."
        )
    if actual.status != "ACTIVE":
        return Plan((AwaitTable(table, actual.status),))
    changes: list[TableChange] = []
    if actual.owner is None:
        changes.append(ClaimTable(table, repository))
    status, attribute = actual.time_to_live
    if status not in _USABLE_TIME_TO_LIVE:
        changes.append(EnableTimeToLive(table))
    return Plan(tuple(changes), tuple(_warnings(table, actual, attribute)))


def predict(desired: DesiredState, actual: Actual, changes: Sequence[TableChange]) -> Actual:
    """Tell how the table will be described once these changes are made."""
    for change in changes:
        match change:
            case CreateTable():
                actual = Actual(status="ACTIVE", keys=_KEY_SCHEMA, deletion_protection=True)
            case AwaitTable(status=status):
                actual = Actual() if status == "DELETING" else evolve(actual, status="ACTIVE")
            case EnableTimeToLive():
                actual = evolve(actual, time_to_live=("ENABLING", records.TIME_TO_LIVE_ATTRIBUTE))
            case ClaimTable():
                actual = evolve(actual, owner=str(desired.repository))
            case _:
                assert_never(change)
    return actual


def usable(desired: DesiredState, actual: Actual) -> bool:
    """Whether the other components may write: the table is ACTIVE, has the contract's key and is this repository's."""
    return actual.status == "ACTIVE" and actual.keys == _KEY_SCHEMA and actual.owner == str(desired.repository)


def _warnings(table: str, actual: Actual, time_to_live_attribute: str) -> Iterator[str]:
    if time_to_live_attribute not in ("", records.TIME_TO_LIVE_ATTRIBUTE):
        yield (
            f"table {table}: its time-to-live is on {time_to_live_attribute!r} and was left alone; history and "
            f"heartbeats do not expire by themselves until it is on {records.TIME_TO_LIVE_ATTRIBUTE!r}."
        )
    if not actual.deletion_protection:
        yield f"table {table}: it has no deletion protection; switch it on, it was not created by this action."
    if not actual.on_demand:
        yield f"table {table}: it has provisioned throughput, not on-demand; a burst of runners may be throttled."


@frozen
class StateTable:
    """Keeps the table as desired."""

    name: ClassVar[str] = "state table"
    desired: DesiredState
    dynamodb: DynamoDBClient
    metadata: Metadata
    clock: Clock

    @property
    def table(self) -> str:
        """Name the table."""
        return names.table(self.desired.repository)

    def observe(self) -> Actual:
        """Describe the table, its time-to-live and whose it is."""
        try:
            description = self.dynamodb.describe_table(TableName=self.table)["Table"]
        except errors.NotFound:
            return Actual()
        types = {each["AttributeName"]: each["AttributeType"] for each in description.get("AttributeDefinitions", [])}
        keys = tuple(
            (each["AttributeName"], each["KeyType"], types.get(each["AttributeName"], "?"))
            for each in description.get("KeySchema", [])
        )
        # A table with another key cannot even be asked for our items.
        readable = description.get("TableStatus") in _READABLE and keys == _KEY_SCHEMA
        return Actual(
            status=description.get("TableStatus", "UNKNOWN"),
            keys=keys,
            deletion_protection=description.get("DeletionProtectionEnabled", False),
            on_demand=description.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST",
            time_to_live=self._time_to_live() if readable else ("DISABLED", ""),
            owner=self._owner() if readable else None,
        )

    def plan(self, actual: Actual, now: datetime) -> Plan[TableChange]:  # noqa: ARG002 - the protocol's shape
        """See the module's `plan`."""
        return plan(self.desired, actual)

    def predict(self, actual: Actual, changes: Sequence[TableChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See the module's `predict`."""
        return predict(self.desired, actual, changes)

    def apply(self, changes: Sequence[TableChange]) -> Iterator[Outcome]:
        """Make the changes in order."""
        for change in changes:
            match change:
                case CreateTable():
                    yield attempt(change, self._create)
                case AwaitTable():
                    yield attempt(change, self._await, "ACTIVE", None)
                case EnableTimeToLive():
                    yield attempt(change, self._enable_time_to_live)
                case ClaimTable(repository=repository):
                    yield attempt(change, self._claim, repository)
                case _:
                    assert_never(change)

    def _time_to_live(self) -> tuple[str, str]:
        description = self.dynamodb.describe_time_to_live(TableName=self.table)["TimeToLiveDescription"]
        return description.get("TimeToLiveStatus", "DISABLED"), description.get("AttributeName", "")

    def _owner(self) -> str | None:
        item = self.metadata.read(names.POOL_IDENTIFIER)
        if not item:
            return None
        # An item that names nobody is nobody's we know: it is shown as what it is and refused, not overwritten.
        return records.text(item, "value") or f"unknown ({item.get('value')!r})"

    def _create(self) -> None:
        # DescribeTable may not know it for a moment, also where another run has just created it; a look that took it
        # for absent would end the run for everybody.
        try:
            self.dynamodb.create_table(
                TableName=self.table,
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _, _ in _KEY_SCHEMA],
                KeySchema=[
                    {"AttributeName": "PK", "KeyType": "HASH"},
                    {"AttributeName": "SK", "KeyType": "RANGE"},
                ],
                BillingMode="PAY_PER_REQUEST",
                DeletionProtectionEnabled=True,
            )
        except errors.AlreadyExists:
            self._await("ACTIVE")
            raise
        self._await("ACTIVE")

    def _await(self, *statuses: str | None) -> None:
        """Look until the table has one of these statuses; None stands for a table that is gone."""
        for _ in range(ACTIVE_WAIT_SECONDS // _POLL_SECONDS):
            if self._status() in statuses:
                return
            self.clock.sleep(_POLL_SECONDS)
        raise errors.Unavailable(
            "dynamodb:DescribeTable",
            "NotActive",
            f"table {self.table} is still not ACTIVE after {ACTIVE_WAIT_SECONDS} s.",
        )

    def _status(self) -> str | None:
        try:
            return self.dynamodb.describe_table(TableName=self.table)["Table"].get("TableStatus", "UNKNOWN")
        except errors.NotFound:
            return None

    def _enable_time_to_live(self) -> None:
        self.dynamodb.update_time_to_live(
            TableName=self.table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": records.TIME_TO_LIVE_ATTRIBUTE},
        )

    def _claim(self, repository: str) -> None:
        self.metadata.write(names.POOL_IDENTIFIER, repository, {"ConditionExpression": "attribute_not_exists(PK)"})


def _schema(keys: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(f"{name} ({kind}, {value_type})" for name, kind, value_type in keys) or "empty"
