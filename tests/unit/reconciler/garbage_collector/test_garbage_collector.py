"""The component: in which order it reads, and what it leaves to the next run."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.engine.change import Done
from refresh.engine.shared_read import SharedRead
from refresh.pool.ec2_instances import launched_from
from refresh.pool.ownership import TemplateIds
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Terminate
from refresh.reconciler.garbage_collector.restores import Restore
from tests.fakes.memory.account import START
from tests.fakes.serial import Serial
from tests.unit.reconciler import pools

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.pool import Pool

CREATING, ACTIVE = ({"TableStatus": status} for status in ("CREATING", "ACTIVE"))
RESTORED: dict[str, Any] = {**ACTIVE, "RestoreSummary": {"RestoreDateTime": START, "RestoreInProgress": False}}


def _collector(pool: Pool, table: Callable[[], Any] = lambda: ACTIVE) -> GarbageCollector:
    ec2 = pool.clients.ec2
    return GarbageCollector(
        pool.desired,
        ec2,
        pools.sender(pool),
        SharedRead(Serial(), partial(launched_from, ec2, TemplateIds(pools.TEMPLATE_ID))),
        SharedRead(Serial(), table),
        lambda: timedelta(seconds=3),
        lambda *_: None,
    )


def test_each_pass_reads_ec2_before_the_table() -> None:
    """A newly launched instance is never seen without its record."""
    collector = _collector(pool := pools.made())
    for _ in range(2):
        assert collector.observe().skew == timedelta(seconds=3)
    assert pool.account.calls == ["ec2:DescribeInstances", "dynamodb:Query"] * 2


def test_a_run_finishes_what_it_has_begun_and_begins_nothing_new() -> None:
    pool = pools.made()
    collector = _collector(pool)
    first, second = (pool.launch() for _ in range(2))
    pool.record(first)
    now = pool.account.clock.now()
    marks = collector.plan(collector.observe(), now).changes
    assert list(collector.apply(marks)) == [Done(mark) for mark in marks]
    pool.record(second)
    begun = collector.plan(collector.observe(), now).changes
    assert list(collector.apply(begun)) == [Done(Terminate(first.id))]


@pytest.mark.parametrize(
    ("descriptions", "recorded", "restore"),
    [
        ([RESTORED], True, Restore(START, START)),
        ([CREATING, RESTORED], True, Restore(START, START)),
        ([ACTIVE], True, None),
        ([RESTORED], False, None),
        ([errors.PermissionDenied("dynamodb:DescribeTable", "AccessDeniedException")], True, None),
    ],
)
def test_a_restore_of_the_table_is_seen_where_there_is_something_to_judge(
    descriptions: list[Any], restore: Restore | None, *, recorded: bool
) -> None:
    """A table that is not ACTIVE at first may be another one later."""
    pool, answers = pools.made(), iter(descriptions)
    if recorded:
        pool.record("i-00000001")

    def described() -> Any:
        answer = next(answers)
        if isinstance(answer, errors.ApiError):
            raise answer
        return answer

    collector = _collector(pool, described)
    collector.table.invalidate()
    assert collector.observe().restore == restore


@pytest.mark.parametrize("unread", [True, False])
def test_without_the_template_instances_without_a_record_are_unchecked(*, unread: bool) -> None:
    collector = _collector(pools.made())
    unchecked = collector.plan(Actual(template_ids=TemplateIds(unread=unread)), START).unchecked
    assert (unchecked and (unchecked.due, unchecked.wholly)) == ((True, False) if unread else None)


@pytest.mark.parametrize("down", [True, False])
def test_the_run_fails_while_ec2_lists_nothing_and_names_what_it_left_alone(*, down: bool) -> None:
    pool = pools.made()
    pool.account.state.disrupted = {"b"}
    answered, other = pool.launch(), pool.launch(zone="b" if down else "a")
    for each in (answered, other):
        pool.record(each)
    collector = _collector(pool)
    plan = collector.plan(collector.observe(), pool.account.clock.now())
    assert {change.subject for change in plan.changes} == ({answered.id} if down else {answered.id, other.id})
    (refusal,) = plan.refusals
    assert "ec2:DescribeInstances: InternalError" in refusal
    assert (other.id in refusal) is down
