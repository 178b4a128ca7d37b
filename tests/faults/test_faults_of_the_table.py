"""What goes wrong with the table, with a race for the template and with the run's time, on the account in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import define

from refresh import errors
from refresh.output.problems import causes
from tests.fakes.desired import TABLE, TEMPLATE
from tests.fakes.memory.account import Watch, refused
from tests.faults.faults import Refuse
from tests.reports import reported
from tests.simulation.invariants import settle, watched
from tests.simulation.pool import Pool
from tests.simulation.worlds import build


@pytest.mark.shows("F18")
@pytest.mark.parametrize("operation", [pytest.param("ec2:CreateLaunchTemplate", id="F18")])
def test_a_template_created_by_another_process_is_found_by_the_next_look(operation: str) -> None:
    """The answer is AlreadyExists; no component fails, and a new version shows EC2's warnings."""
    pool = build("empty account")
    error = refused(operation, "InvalidLaunchTemplateName.AlreadyExistsException")
    assert type(error) is errors.AlreadyExists
    report = watched(pool, _After(operation, error))
    assert (report.exit_code, pool.account.calls.count(operation)) == (0, 1)
    template = pool.account.state.templates[TEMPLATE]
    assert (template.default, sorted(template.versions)) == (1, [1, 2])
    settle(pool)


class _After(Refuse):
    """The effect is there, as if somebody else had had it a moment before."""

    def before(self, number: int, operation: str) -> None:
        """Let it through."""

    def after(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Refuse."""
        if operation == self.operation:
            raise self.error


@pytest.mark.shows("F15")
@pytest.mark.parametrize(
    ("status", "fails"),
    [
        pytest.param("CREATING", False, id="F15-CREATING"),
        pytest.param("UPDATING", False, id="F15-UPDATING"),
        pytest.param("DELETING", True, id="F15-DELETING"),
        pytest.param("REPLICATION_NOT_AUTHORIZED", True, id="F15-REPLICATION_NOT_AUTHORIZED"),
    ],
)
def test_an_inactive_table_is_awaited_for_a_minute_before_any_write(
    status: str,
    fails: bool,  # noqa: FBT001 - pytest's shape
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that does not become ACTIVE fails and gates all that writes; it is never made again."""
    pool = build("up to date")
    until = pool.account.clock.moment + timedelta(seconds=3600 if fails else 5)
    describe = type(pool.dynamodb).describe_table

    def described(self: Any, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = describe(self, **request)
        return {"Table": {**answer["Table"], "TableStatus": status}} if self.account.clock.now() < until else answer

    monkeypatch.setattr("tests.fakes.memory.dynamodb.DynamoDB.describe_table", described)
    report = watched(pool, Watch())
    assert pool.account.writes == []
    assert report.exit_code == fails
    assert (f"await table {TABLE} ({status})" in reported(report)) is fails
    assert ("is still not ACTIVE after 60 s" in reported(report)) is fails
    monkeypatch.undo()
    settle(pool)


@pytest.mark.shows("F15")
@pytest.mark.parametrize("key", [pytest.param("id", id="F15-key")])
def test_a_table_with_other_keys_is_refused_and_never_recreated(key: str) -> None:
    """It is another application's."""
    pool = Pool()
    pool.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
    )
    pool.account.clock.moment += timedelta(minutes=1)
    report = watched(pool, Watch())
    assert (report.exit_code, pool.account.writes) == (1, [])
    assert "belongs to another application. Nothing was changed" in reported(report)
    others = [str(each.error) for each in report.failed if each.name != "state table"]
    assert others == ["the state table is not ready (see its error above)"] * 5
    assert len(causes(report.components)) == 1


@pytest.mark.shows("F15")
@pytest.mark.parametrize("operation", [pytest.param("dynamodb:CreateTable", id="F15-in-use")])
def test_a_table_that_another_process_creates_is_awaited(operation: str) -> None:
    """Its creation is refused, and it is taken as it comes."""
    pool = build("empty account")
    report = watched(pool, _After(operation, refused(operation, "ResourceInUseException")))
    assert (report.exit_code, pool.account.calls.count(operation)) == (0, 1)
    settle(pool)


@pytest.mark.shows("F13")
@pytest.mark.parametrize(
    "times", [pytest.param(1, id="F13-some"), pytest.param(2, id="F13-twice"), pytest.param(1_000, id="F13-forever")]
)
def test_unprocessed_keys_are_requested_again(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pauses and an end; nothing is written for want of an answer."""
    pool = build("up to date")
    left = [None] * times
    get = type(pool.dynamodb).batch_get_item

    def partial(self: Any, **request: Any) -> dict[str, Any]:
        answer: dict[str, Any] = get(self, **request)
        if left:
            left.pop()
            return {"Responses": {TABLE: []}, "UnprocessedKeys": request["RequestItems"]}
        return answer

    monkeypatch.setattr("tests.fakes.memory.dynamodb.DynamoDB.batch_get_item", partial)
    report = watched(pool, Watch())
    assert report.exit_code == (times > 2)
    assert pool.account.writes == []
    assert ("Throttled: dynamodb:BatchGetItem" in reported(report)) is (times > 2)
    monkeypatch.undo()
    settle(pool)


@pytest.mark.shows("F27")
@pytest.mark.parametrize(
    "operation",
    [pytest.param("dynamodb:TransactWriteItems", id="F27"), pytest.param("dynamodb:DescribeTable", id="F27-early")],
)
def test_after_its_timeout_a_run_starts_nothing_and_reports_what_is_left(operation: str) -> None:
    """Exit code 1, and the next run continues."""
    pool = build("mixed instances")
    report = watched(pool, _Slow(pool, operation))
    assert report.exit_code == 1
    assert "the run's time is over" in reported(report)
    assert "Nothing is lost: the next run continues" in reported(report)
    assert "ec2:TerminateInstances" not in pool.account.calls
    settle(pool)


@define
class _Slow(Watch):
    """One call takes as long as a run may."""

    pool: Pool
    operation: str

    def after(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Take the time."""
        if operation == self.operation:
            self.pool.account.clock.moment += self.pool.desired.timeout
