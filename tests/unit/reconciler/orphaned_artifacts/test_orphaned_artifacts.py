"""Heartbeats and signals that stand alone: deleted only when old and their instance is gone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.dynamodb.transactions import Sender
from refresh.engine.change import Plan, Unchecked
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.reconciler.orphaned_artifacts import OrphanedArtifacts
from refresh.reconciler.orphaned_artifacts.actual import Actual, Artifact
from refresh.reconciler.orphaned_artifacts.changes import DeleteArtifact
from refresh.reconciler.orphaned_artifacts.policy import plan
from tests.fakes.desired import TABLE, desired
from tests.fakes.serial import NOW, Serial, StillClock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client

    from refresh.engine.report import ComponentReport

ID = "i-0123456789abcdef0"
OLD = records.wire_time(NOW - timedelta(hours=1, seconds=1))
ARTIFACT = Artifact(records.HEARTBEAT, ID, OLD)


class _DynamoDB:
    """Items by entity, in two pages; deletes hold their condition."""

    def __init__(self, *items: records.Item) -> None:
        self.items = list(items)
        self.queries: list[str] = []
        self.deleted: list[records.Item] = []
        self.requests: list[dict[str, Any]] = []
        self.transactions: list[int] = []

    def query(self, **request: Any) -> dict[str, Any]:
        assert request["TableName"] == TABLE
        assert sorted(request["ExpressionAttributeNames"].values()) == ["SK", "updatedAt"]
        entity = request["ExpressionAttributeValues"][":entity"]["S"]
        self.queries.append(entity)
        assert request["ConsistentRead"] is True
        found = [item for item in self.items if item["PK"]["S"] == entity]
        if "ExclusiveStartKey" in request:
            return {"Items": found[1:]}
        return {"Items": found[:1], "LastEvaluatedKey": {"PK": {"S": entity}}}

    def transact_write_items(self, **request: Any) -> None:
        self.requests += request["TransactItems"]
        self.transactions.append(len(request["TransactItems"]))
        for action in request["TransactItems"]:
            delete = action["Delete"]
            (item,) = [each for each in self.items if delete["Key"].items() <= each.items()]
            if item["updatedAt"] != delete["ExpressionAttributeValues"][":judged"]:
                raise errors.TransactionCancelled("dynamodb", "Cancelled", "", ["ConditionalCheckFailed"])
            self.items.remove(item)
            self.deleted.append(item)


class _Ec2:
    """Instances by id and state."""

    def __init__(self, **states: str) -> None:
        self.states = {name.replace("_", "-"): state for name, state in states.items()}

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        (condition,) = request["Filters"]
        assert condition["Name"] == "instance-id"
        found = [each for each in condition["Values"] if each in self.states]
        return {
            "Reservations": [
                {"Instances": [{"InstanceId": each, "State": {"Name": self.states[each]}} for each in found]}
            ]
        }


def _artifact(entity: str = records.HEARTBEAT, identifier: str = ID, updated_at: str = OLD) -> records.Item:
    return {**records.key(entity, identifier), "updatedAt": {"S": updated_at}}


def _refresh(dynamodb: _DynamoDB, ec2: _Ec2, recorded: frozenset[str] | Unchecked = frozenset()) -> ComponentReport:
    component = OrphanedArtifacts(
        desired(),
        cast("EC2Client", ec2),
        Sender(cast("DynamoDBClient", dynamodb), StillClock(), Serial()),
        lambda: recorded,
    )
    return converge(component, Run(mode=Mode.APPLY, clock=StillClock()), lambda: None).report


@pytest.mark.parametrize("state", Ec2State)
def test_an_artifact_goes_only_when_its_instance_is_gone(state: Ec2State) -> None:
    """Ended, or not known to EC2; a dying one still beats."""
    gone = state in {Ec2State.TERMINATED, Ec2State.UNKNOWN}
    expected = Plan((DeleteArtifact(ARTIFACT),)) if gone else Plan[DeleteArtifact]()
    assert plan(Actual((ARTIFACT,), {ID: Ec2Instance(ID, state)}), NOW) == expected


def test_both_kinds_are_found_on_every_page_and_deleted() -> None:
    """Where nobody recorded the instance."""
    items = [
        _artifact(entity, f"i-0000000{number}") for entity in (records.HEARTBEAT, records.SIGNAL) for number in range(3)
    ]
    dynamodb = _DynamoDB(*items)
    report = _refresh(dynamodb, _Ec2())
    assert (dynamodb.items, len(report.done), report.failed) == ([], 6, False)
    assert str(report.done[0]) == "delete artifact HEARTBEAT of i-00000000"
    assert report.done[0].note == f"orphaned, last written {OLD}"


def test_nothing_is_looked_for_in_a_run_that_cleaned_nothing() -> None:
    """Every living instance has two of them."""
    dynamodb = _DynamoDB(_artifact())
    assert _refresh(dynamodb, _Ec2(), Unchecked("nothing cleaned")).status == "not checked"
    assert dynamodb.queries == []


@pytest.mark.parametrize(
    "item",
    [
        _artifact(updated_at=records.wire_time(NOW - timedelta(hours=1))),
        _artifact(updated_at="soon"),
        _artifact(identifier="nonsense"),
        {**records.key(records.HEARTBEAT, ID)},
    ],
)
def test_what_is_young_or_cannot_be_judged_stays(item: records.Item) -> None:
    """Provision may be about to record it."""
    dynamodb = _DynamoDB(item)
    assert _refresh(dynamodb, _Ec2()).status == "as desired"
    assert dynamodb.deleted == []


def test_those_of_a_recorded_instance_stay() -> None:
    """They go with its record."""
    dynamodb = _DynamoDB(_artifact())
    assert _refresh(dynamodb, _Ec2(), frozenset({ID})).status == "as desired"
    assert dynamodb.deleted == []


@pytest.mark.shows("A18")
def test_those_of_a_living_instance_stay() -> None:
    """EC2 knows better than the table."""
    dynamodb = _DynamoDB(_artifact(identifier="i-00000001"))
    assert _refresh(dynamodb, _Ec2(i_00000001="running")).status == "as desired"
    assert dynamodb.deleted == []


def test_an_artifact_is_deleted_only_as_it_was_judged() -> None:
    """An instance that beats again in between keeps it."""
    dynamodb = _DynamoDB(_artifact())
    _refresh(dynamodb, _Ec2())
    assert dynamodb.requests == [
        {
            "Delete": {
                "TableName": TABLE,
                "Key": records.key(records.HEARTBEAT, ID),
                "ConditionExpression": "#updatedAt = :judged",
                "ExpressionAttributeNames": {"#updatedAt": "updatedAt"},
                "ExpressionAttributeValues": {":judged": {"S": OLD}},
            }
        }
    ]


def test_a_hundred_are_deleted_together() -> None:
    """A transaction takes no more."""
    dynamodb = _DynamoDB(*(_artifact(identifier=f"i-{number:08x}") for number in range(101)))
    report = _refresh(dynamodb, _Ec2())
    assert (len(report.done), dynamodb.transactions) == (101, [100, 1])


def test_what_will_be_is_what_the_deletions_leave() -> None:
    """A dry run tells what would follow by it."""
    other = Artifact(records.SIGNAL, ID, OLD)
    component = OrphanedArtifacts(
        desired(),
        cast("EC2Client", _Ec2()),
        Sender(cast("DynamoDBClient", _DynamoDB()), StillClock(), Serial()),
        frozenset,
    )
    after = component.predict(Actual((ARTIFACT, other), {}), [DeleteArtifact(ARTIFACT)], NOW)
    assert after == Actual((other,), {})
