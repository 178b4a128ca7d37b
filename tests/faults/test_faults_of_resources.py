"""Failures of the table, the template, the queues and of a run that takes too long, in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import define

from refresh.output.problems import causes
from refresh.pool import records
from tests.fakes.desired import LARGE_QUEUE, TABLE, TEMPLATE
from tests.fakes.memory.account import Watch, refused
from tests.faults.faults import Refuse
from tests.reports import failed, reported
from tests.simulation.invariants import crashed, settle, watched
from tests.simulation.pool import Pool
from tests.simulation.schedules import CrashAt
from tests.simulation.worlds import build


@pytest.mark.shows("F17")
@pytest.mark.parametrize(
    ("world", "kept"),
    [pytest.param("queue with other attributes", 1, id="F17"), pytest.param("up to date", 0, id="F17-none")],
)
def test_a_queue_with_other_attributes_is_corrected_and_not_created(world: str, kept: int) -> None:
    pool = build(world)
    report = watched(pool, Watch())
    assert report.exit_code == 0
    assert pool.account.writes.count("sqs:SetQueueAttributes") == kept
    assert "sqs:CreateQueue" not in pool.account.calls
    settle(pool)


@pytest.mark.shows("F16")
@pytest.mark.parametrize("seconds", [0, 59], ids=["F16", "F16-almost"])
def test_a_queue_deleted_within_a_minute_fails_the_component_and_keeps_the_record(seconds: int) -> None:
    """SQS blocks the name for a minute; the record stays as it was, and the run after that creates the queue."""
    pool = build("up to date")
    before = pool.table.of(records.METADATA)["resource_class_config"]
    pool.sqs.delete(LARGE_QUEUE)
    pool.account.clock.moment += timedelta(seconds=seconds)
    report = watched(pool, Watch())
    assert (report.exit_code, failed(report)) == (1, ["resource pools"])
    assert "QueueDeletedRecently: You must wait 60 seconds" in reported(report)
    assert "Wait a minute" in reported(report)
    assert pool.table.of(records.METADATA)["resource_class_config"] == before
    settle(pool)


@pytest.mark.shows("F20")
@pytest.mark.parametrize("number", [1, 2], ids=["F20", "F20-twice"])
def test_after_a_crash_before_the_default_moved_the_next_run_makes_a_new_version(number: int) -> None:
    """EC2's warnings about the equal version are lost; one more version is harmless, a faulty default is not."""
    pool = build("outdated template")
    for _ in range(number):
        calls = pool.account.snapshot()
        watched(pool, Watch())
        position = pool.account.calls.index("ec2:ModifyLaunchTemplate")
        pool.account = pool.account.restore(calls)
        assert crashed(pool, CrashAt(position, "before"))
    template = pool.account.state.templates[TEMPLATE]
    crashed_versions = list(range(2, number + 2))
    assert (template.default, sorted(template.versions)) == (1, [1, *crashed_versions])
    watched(pool, Watch())
    template = pool.account.state.templates[TEMPLATE]
    assert (template.default, sorted(template.versions)) == (number + 2, [1, *crashed_versions, number + 2])
    settle(pool)


@pytest.mark.shows("F19")
@pytest.mark.parametrize(
    ("operation", "world", "code"),
    [
        ("ec2:CreateLaunchTemplate", "empty account", "LaunchTemplateLimitExceeded"),
        ("ec2:CreateLaunchTemplateVersion", "outdated template", "LaunchTemplateVersionLimitExceeded"),
    ],
    ids=["F19", "F19-version"],
)
def test_a_reached_quota_is_reported_and_the_old_default_stays(operation: str, world: str, code: str) -> None:
    """The error has AWS's message; only what needs a template that was never recorded waits for it."""
    pool = build(world)
    report = watched(pool, Refuse(operation, refused(operation, code, "You have reached the maximum number.")))
    assert failed(report) == ["launch template", *(["door settings"] if world == "empty account" else [])]
    assert f"Rejected: {operation}: {code}: You have reached the maximum number." in reported(report)
    left = [(each.default, sorted(each.versions)) for each in pool.account.state.templates.values()]
    assert left == ([] if world == "empty account" else [(1, [1])])
    settle(pool)


@pytest.mark.shows("F31")
@pytest.mark.parametrize(
    "world", ["queue with other attributes", "empty account", "outdated template"], ids="F31-{}".format
)
def test_a_write_that_is_read_back_late_is_not_repeated(world: str) -> None:
    """It is pending, which is no failure; later nothing is left to do."""
    pool = build(world)
    report = watched(pool, Watch())
    assert report.exit_code == 0
    once = [each for each in pool.account.writes if each.startswith(("ec2:", "sqs:Set", "dynamodb:Up", "dynamodb:Cr"))]
    assert len(once) == len(set(once))
    if world == "queue with other attributes":
        assert any(each.pending for each in report.components)
    settle(pool)


@pytest.mark.shows("F15")
@pytest.mark.parametrize(
    ("status", "fails"),
    [("CREATING", False), ("UPDATING", False), ("DELETING", True), ("REPLICATION_NOT_AUTHORIZED", True)],
    ids=["F15-CREATING", "F15-UPDATING", "F15-DELETING", "F15-REPLICATION_NOT_AUTHORIZED"],
)
def test_an_inactive_table_is_awaited_for_a_minute_before_any_write(
    status: str, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """If it does not become ACTIVE, its component fails and gates all that write; it is never recreated."""
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
def test_a_table_with_other_keys_is_refused_and_never_recreated() -> None:
    """It belongs to another application."""
    pool = Pool()
    pool.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    pool.account.clock.moment += timedelta(minutes=1)
    report = watched(pool, Watch())
    assert (report.exit_code, pool.account.writes) == (1, [])
    assert "belongs to another application. Nothing was changed" in reported(report)
    others = [str(each.error) for each in report.failed if each.name != "state table"]
    assert others == ["the state table is not ready (see its error above)"] * 6
    assert len(causes(report.components)) == 1


@pytest.mark.shows("F15", "F18")
@pytest.mark.parametrize(
    ("operation", "code"),
    [
        pytest.param("dynamodb:CreateTable", "ResourceInUseException", id="F15-in-use"),
        pytest.param("ec2:CreateLaunchTemplate", "InvalidLaunchTemplateName.AlreadyExistsException", id="F18"),
    ],
)
def test_a_resource_created_by_another_process_first_is_found_by_the_next_read(operation: str, code: str) -> None:
    """No component fails. A new version of a template shows EC2's warnings, which the other process got."""
    pool = build("empty account")
    report = watched(pool, Refuse(operation, refused(operation, code), phase="after"))
    assert (report.exit_code, pool.account.calls.count(operation)) == (0, 1)
    template = pool.account.state.templates[TEMPLATE]
    versions = [1, 2] if operation == "ec2:CreateLaunchTemplate" else [1]
    assert (template.default, sorted(template.versions)) == (1, versions)
    settle(pool)


@pytest.mark.shows("F13")
@pytest.mark.parametrize("times", [1, 2, 1_000], ids=["F13-some", "F13-twice", "F13-forever"])
def test_unprocessed_keys_are_requested_again(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are pauses and an end, and nothing is written without an answer."""
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
    "operation", ["dynamodb:TransactWriteItems", "dynamodb:DescribeTable"], ids=["F27", "F27-early"]
)
def test_after_its_timeout_a_run_starts_nothing_and_reports_what_is_left(operation: str) -> None:
    pool = build("mixed instances")
    report = watched(pool, _Slow(pool, operation))
    assert report.exit_code == 1
    assert "the run's time is over" in reported(report)
    assert "Nothing is lost: the next run continues" in reported(report)
    assert "ec2:TerminateInstances" not in pool.account.calls
    settle(pool)


@define
class _Slow(Watch):
    """One call takes as long as a whole run may."""

    pool: Pool
    operation: str

    def after(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Let the time pass."""
        if operation == self.operation:
            self.pool.account.clock.moment += self.pool.desired.timeout
