"""Runs of the state table's component against DynamoDB in memory."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import define, evolve, field

from refresh import errors
from refresh.clients import aws_errors
from refresh.desired import Mode
from refresh.dynamodb.metadata_items import MetadataItems
from refresh.engine.change import Done
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.engine.shared_read import SharedRead
from refresh.pool import records
from refresh.reconciler.prefetch import describe_table
from refresh.reconciler.state_table import StateTable, policy
from refresh.reconciler.state_table.actual import Actual, Claim, TimeToLive
from refresh.reconciler.state_table.changes import AwaitTable, ClaimTable, CreateTable, EnableTimeToLive
from tests.fakes.desired import TABLE, desired
from tests.fakes.memory.account import START, Account, Watch, refused
from tests.fakes.memory.dynamodb import DynamoDB, Table
from tests.fakes.serial import Serial

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.engine.component import Converged

OURS, SERVER = {"S": "octo/widgets"}, {"S": "github.com"}
CLAIM = ClaimTable(TABLE, "octo/widgets", "github.com")
IN_USE = "ResourceInUseException"
POOL = ("TYPE#METADATA", "ID#pool")
PAST = START - timedelta(days=1)
KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
RIGHT = Actual(
    status="ACTIVE",
    keys=(("PK", "HASH", "S"), ("SK", "RANGE", "S")),
    deletion_protection=True,
    time_to_live=TimeToLive("ENABLED", "expiresAt"),
    claim=Claim("octo/widgets", "github.com"),
    arn=f"arn:aws:dynamodb:eu-west-1:123456789012:table/{TABLE}",
)


@define
class _Refusal(Watch):
    """Refuses one operation."""

    error: errors.ApiError

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        if operation == self.error.operation:
            raise self.error


@define
class _DynamoDB(DynamoDB):
    account: Account = field(factory=Account)
    described: dict[str, Any] = field(factory=dict)
    """What DescribeTable says instead."""

    def describe_table(self, **request: Any) -> dict[str, Any]:
        return {"Table": {**super().describe_table(**request)["Table"], **self.described}}

    @property
    def waited(self) -> int:
        return int((self.account.clock.now() - START).total_seconds())


def _with(claim: dict[str, Any] | None = None, created_at: datetime = PAST, **described: Any) -> _DynamoDB:
    """Give a table as desired but for its claim and what DescribeTable says."""
    dynamodb = _DynamoDB(described=described)
    keys = [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}]
    types = [{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")]
    table = Table(created_at, keys, types, protected=True, time_to_live=("expiresAt", PAST))
    table.items = {POOL: records.key(records.METADATA, "pool") | claim} if claim is not None else {}
    dynamodb.account.state.tables[TABLE] = table
    return dynamodb


def _converge(dynamodb: DynamoDB) -> Converged[Actual]:
    clock, client = dynamodb.account.clock, cast("DynamoDBClient", dynamodb)
    description = SharedRead(Serial(), partial(describe_table, client, TABLE))
    metadata = MetadataItems(client, TABLE, clock, Serial())
    component = StateTable(desired(), client, metadata, description, clock)
    return converge(component, Run(mode=Mode.APPLY, clock=clock), lambda: None)


def _usable(converged: Converged[Actual]) -> bool:
    return converged.actual is not None and policy.usable(desired(), converged.actual)


def test_a_table_as_desired_is_read_and_not_written() -> None:
    dynamodb = _with({"value": OURS, "server": SERVER})
    converged = _converge(dynamodb)
    assert (converged.actual, converged.report.outcomes, converged.report.warnings) == (RIGHT, (), ())
    assert dynamodb.account.writes == []


@pytest.mark.parametrize(
    "lost",
    [
        None,
        errors.AlreadyExists("dynamodb:CreateTable", IN_USE),
        errors.Unavailable("dynamodb:CreateTable", "ReadTimeoutError"),
    ],
)
def test_a_table_is_created_once_awaited_and_claimed(lost: errors.ApiError | None) -> None:
    """Also if another run was faster or the answer was lost; DescribeTable does not know it for a moment."""

    class _Lossy(_DynamoDB):
        def create_table(self, **request: Any) -> None:
            super().create_table(**request)
            if lost:
                self.account.clock.sleep(1)
                raise lost

    dynamodb = _Lossy()
    converged = _converge(dynamodb)
    enabling = evolve(RIGHT, time_to_live=TimeToLive("ENABLING", "expiresAt"))
    assert (converged.actual, converged.report.failed, converged.report.pending) == (enabling, False, ())
    waited = (CreateTable(TABLE),) if lost is None else (AwaitTable(TABLE, "CREATING"),) * (lost.code != IN_USE)
    assert converged.report.done == (*waited, CLAIM, EnableTimeToLive(TABLE))
    assert dynamodb.account.calls.count("dynamodb:CreateTable") == 1
    item = dynamodb.account.state.tables[TABLE].items[POOL]
    assert (item["value"], item["server"]) == (OURS, SERVER)


def test_a_table_that_is_being_deleted_is_created_again_when_it_is_gone() -> None:
    class _Deleting(_DynamoDB):
        def describe_table(self, **request: Any) -> dict[str, Any]:
            if self.waited > 2 and self.described:
                self.account.state.tables.pop(TABLE)
                self.described = {}
            return super().describe_table(**request)

    tables = _with(TableStatus="DELETING").account
    converged = _converge(_Deleting(tables, {"TableStatus": "DELETING"}))
    assert converged.report.done[:2] == (AwaitTable(TABLE, "DELETING"), CreateTable(TABLE))
    assert not converged.report.failed


@pytest.mark.parametrize(("status", "created"), [("CREATING", 0), ("UPDATING", 0), (None, 1)])
def test_a_table_that_does_not_become_active_fails_after_a_minute(status: str | None, created: int) -> None:
    """It is created at most once; while it is not readable nothing else of it is read."""

    class _Unseen(_DynamoDB):
        def describe_table(self, **_: Any) -> dict[str, Any]:
            raise refused("dynamodb:DescribeTable", "ResourceNotFoundException")

    dynamodb = _with(TableStatus=status) if status else _Unseen()
    converged = _converge(dynamodb)
    (failure,) = converged.report.failures
    assert all(each in str(failure.error) for each in (TABLE, "60 s", status or "not found"))
    calls = dynamodb.account.calls
    assert (dynamodb.waited // 10, calls.count("dynamodb:CreateTable")) == (6, created)
    assert ("dynamodb:DescribeTimeToLive" in calls, _usable(converged)) == (status == "UPDATING", False)


@pytest.mark.shows("F34")
@pytest.mark.parametrize("key", [KEY, ""])
@pytest.mark.parametrize(
    ("status", "remedy"),
    [("INACCESSIBLE_ENCRYPTION_CREDENTIALS", "kms:Decrypt"), ("ARCHIVING", "backup"), ("ARCHIVED", "backup")],
    ids=["F34-inaccessible", "F34-archiving", "F34-archived"],
)
def test_a_table_whose_key_cannot_be_used_is_refused_at_once(status: str, remedy: str, key: str) -> None:
    """It does not come back by itself; the key is named, and what has to be done with it."""
    dynamodb = _with(TableStatus=status, SSEDescription={"KMSMasterKeyArn": key})
    error = str(_converge(dynamodb).report.error)
    assert all(each in error for each in (TABLE, status, remedy, key or "KMS key"))
    assert dynamodb.waited == 0


@pytest.mark.parametrize("key", [KEY, ""])
def test_a_key_that_the_role_may_not_use_is_named(key: str) -> None:
    """DynamoDB's error does not name it; the table's description does, or is where to look."""
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "KMS key access denied error: (AWSKMS)"}}
    dynamodb = _with(SSEDescription={"KMSMasterKeyArn": key})
    dynamodb.account.seam = _Refusal(aws_errors.from_aws("dynamodb:BatchGetItem", 400, denied))
    reported = str(_converge(dynamodb).report.error)
    assert all(each in reported for each in ("kms:Decrypt", key or "describe-table"))


def test_a_claim_without_a_server_is_completed_once() -> None:
    """Earlier versions recorded the repository alone; they read the completed one as theirs."""
    dynamodb = _with({"value": OURS})
    assert _converge(dynamodb).report.done == (CLAIM,)
    item = dynamodb.account.state.tables[TABLE].items[POOL]
    assert (item["value"], item["server"]) == (OURS, SERVER)
    assert _converge(dynamodb).report.outcomes == ()


@pytest.mark.parametrize(
    ("claim", "named"),
    [
        ({"value": OURS, "server": {"S": "ghes.example.com"}}, "ghes.example.com"),
        ({"value": OURS, "server": {"N": "1"}}, "unknown ({'N': '1'})"),
        ({"value": {"S": ""}}, "unknown ({'S': ''})"),
        ({"value": {"M": {}}}, "unknown ({'M': {}})"),
        ({}, "unknown (None)"),
    ],
)
def test_a_claim_of_another_server_or_that_cannot_be_read_is_refused_and_kept(claim: Any, named: str) -> None:
    """Both servers have an octo/widgets: one would end the other's instances."""
    dynamodb = _with(claim)
    error = _converge(dynamodb).report.error
    assert isinstance(error, errors.Refused)
    assert all(each in str(error) for each in (TABLE, named))
    assert dynamodb.account.writes == []


@pytest.mark.parametrize(("winner", "ours"), [("octo-widgets/x", False), ("octo/widgets", True)])
def test_a_claim_that_lost_its_condition_is_read_back(winner: str, *, ours: bool) -> None:
    """The other repository of this table name keeps it; a repeated write of ours loses against itself."""

    class _Raced(_DynamoDB):
        def put_item(self, **request: Any) -> dict[str, Any]:
            self.account.state.tables[TABLE].put({**request["Item"], "value": {"S": winner}})
            return super().put_item(**request)

    converged = _converge(_Raced(_with().account))
    assert (isinstance(converged.report.error, errors.Refused), converged.report.failed) == (not ours, not ours)
    assert (_usable(converged), converged.report.done) == (ours, ())


def test_a_foreign_table_is_refused_for_its_key_and_not_asked_for_our_items() -> None:
    dynamodb = _with(KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}])
    dynamodb.account.seam = _Refusal(errors.Rejected("dynamodb:BatchGetItem", "ValidationException", "The key ..."))
    assert "LockID (HASH, ?)" in str(_converge(dynamodb).report.error)


def test_a_refused_change_fails_and_the_others_are_made() -> None:
    """A pool can work without time-to-live."""
    dynamodb = _with()
    dynamodb.account.state.tables[TABLE].time_to_live = None
    dynamodb.account.seam = _Refusal(errors.Rejected("dynamodb:UpdateTimeToLive", "ValidationException"))
    converged = _converge(dynamodb)
    assert converged.report.outcomes[0] == Done(CLAIM)
    assert [failure.change for failure in converged.report.failures] == [EnableTimeToLive(TABLE)]
    assert _usable(converged)


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        (errors.PermissionDenied, False),
        (errors.Throttled, False),
        (errors.CredentialsExpired, True),
        (errors.NotFound, True),
    ],
)
def test_an_unreadable_time_to_live_fails_the_table_and_stops_no_write(
    kind: type[errors.ApiError], *, ends: bool
) -> None:
    """The original's policy does not allow it; expired credentials and a deleted table do end the component."""
    dynamodb, error = _with(), kind("dynamodb:DescribeTimeToLive", "No", "no.")
    dynamodb.account.seam = _Refusal(error)
    converged = _converge(dynamodb)
    assert (converged.report.error, converged.report.failed) == (error if ends else None, True)
    assert [str(error) in refusal for refusal in converged.report.refusals] == [True] * (not ends)
    assert (converged.report.done, _usable(converged)) == ((), False) if ends else ((CLAIM,), True)


def test_a_table_that_is_being_restored_is_refused_at_once() -> None:
    """It takes longer than a run may wait, and no other component may write meanwhile."""
    dynamodb = _with(created_at=START - timedelta(seconds=5))
    dynamodb.account.state.tables[TABLE].restored_to = PAST
    error = _converge(dynamodb).report.error
    assert isinstance(error, errors.Refused)
    assert all(each in str(error) for each in (TABLE, records.wire_time(PAST)))
    assert dynamodb.waited == 0
