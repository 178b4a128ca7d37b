"""What goes wrong with the table, the template, the queues and the run's time, on the account in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from refresh.pool import records
from tests.fakes.desired import LARGE_QUEUE, TEMPLATE
from tests.fakes.memory.account import Watch, refused
from tests.faults.faults import Refuse
from tests.reports import failed, reported
from tests.simulation.invariants import crashed, settle, watched
from tests.simulation.schedules import CrashAt
from tests.simulation.worlds import build


@pytest.mark.shows("F17")
@pytest.mark.parametrize(
    ("world", "kept"),
    [pytest.param("queue with other attributes", 1, id="F17"), pytest.param("up to date", 0, id="F17-none")],
)
def test_a_queue_with_other_attributes_is_corrected_and_not_created(world: str, kept: int) -> None:
    """CreateQueue would be refused."""
    pool = build(world)
    report = watched(pool, Watch())
    assert report.exit_code == 0
    assert pool.account.writes.count("sqs:SetQueueAttributes") == kept
    assert "sqs:CreateQueue" not in pool.account.calls
    settle(pool)


@pytest.mark.shows("F16")
@pytest.mark.parametrize("seconds", [pytest.param(0, id="F16"), pytest.param(59, id="F16-almost")])
def test_a_queue_deleted_within_a_minute_fails_the_component_and_keeps_the_record(seconds: int) -> None:
    """SQS keeps the name for a minute; what was recorded stays as it was, and the run after it makes the queue."""
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
@pytest.mark.parametrize("number", [pytest.param(1, id="F20"), pytest.param(2, id="F20-twice")])
def test_after_a_crash_before_the_default_moved_the_next_run_makes_a_new_version(number: int) -> None:
    """EC2's judgement of the equal one died with the run; one more version is harmless, a faulty default is not."""
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


CREATED = ("ec2:CreateLaunchTemplate", "empty account", "LaunchTemplateLimitExceeded")
VERSION = ("ec2:CreateLaunchTemplateVersion", "outdated template", "LaunchTemplateVersionLimitExceeded")


@pytest.mark.shows("F19")
@pytest.mark.parametrize(
    ("operation", "world", "code"), [pytest.param(*CREATED, id="F19"), pytest.param(*VERSION, id="F19-version")]
)
def test_a_reached_quota_is_reported_and_the_old_default_stays(operation: str, world: str, code: str) -> None:
    """AWS's own message is reported; no other component fails."""
    pool = build(world)
    report = watched(pool, Refuse(operation, refused(operation, code, "You have reached the maximum number.")))
    assert failed(report) == ["launch template"]
    assert f"Rejected: {operation}: {code}: You have reached the maximum number. Change what" in reported(report)
    left = [(each.default, sorted(each.versions)) for each in pool.account.state.templates.values()]
    assert left == ([] if world == "empty account" else [(1, [1])])
    settle(pool)


LATE = {"F31": "queue with other attributes", "F31-created": "empty account", "F31-version": "outdated template"}


@pytest.mark.shows("F31")
@pytest.mark.parametrize("world", [pytest.param(world, id=row) for row, world in LATE.items()])
def test_a_write_that_is_read_back_late_is_not_repeated(world: str) -> None:
    """It is pending: no failure, nothing twice, and later there is nothing left to do."""
    pool = build(world)
    report = watched(pool, Watch())
    assert report.exit_code == 0
    once = [each for each in pool.account.writes if each.startswith(("ec2:", "sqs:Set", "dynamodb:Up", "dynamodb:Cr"))]
    assert len(once) == len(set(once))
    if world == "queue with other attributes":
        assert any(each.pending for each in report.components)
    settle(pool)
