"""Runs of the resource pools' component against SQS and DynamoDB in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh.desired import Mode, ResourceClass
from refresh.dynamodb.metadata_items import MetadataItems
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import names, records
from refresh.reconciler.resource_pools import ResourcePools, policy
from tests.fakes import instance_items
from tests.fakes.desired import LARGE, LARGE_QUEUE, TABLE, XLARGE, desired
from tests.fakes.memory import dynamodb
from tests.fakes.memory.account import START, Account, refused
from tests.fakes.memory.dynamodb import DynamoDB, Table
from tests.fakes.memory.sqs import HOST, Queue, Sqs, url
from tests.fakes.serial import Serial, StillClock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from refresh.engine.report import ComponentReport

CONFIG = names.RESOURCE_CLASS_CONFIG_IDENTIFIER
RIGHT = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "3600"}
XLARGE_QUEUE = "octo-widgets-xlarge-ci-pool"
BOTH = (LARGE_QUEUE, XLARGE_QUEUE)
DASHED, DASHED_QUEUE = ResourceClass("x-y", 2, 4096), "octo-widgets-x-y-ci-pool"
CREATE, RECORD = "sqs:CreateQueue", "dynamodb:PutItem"
PAST = START - timedelta(hours=1)


def _config(*pools: tuple[ResourceClass, str]) -> dict[str, Any]:
    return records.to_wire(policy.config(pools))


RECORDED = _config((LARGE, url(LARGE_QUEUE)), (XLARGE, url(XLARGE_QUEUE)))


class _Pool(Account):
    """An account with these queues, a record of the classes, and living instances of some."""

    def __init__(self, queues: Iterable[str] = (), recorded: Any = None, living: Iterable[str | None] = ()) -> None:
        super().__init__()
        self.sqs, self.dynamodb = Sqs(self), DynamoDB(self)
        self.state.queues = {queue: Queue(PAST, RIGHT, RIGHT, PAST) for queue in queues}
        self.table = self.state.tables[TABLE] = Table(PAST, [], [])
        if recorded:
            self.table.put({**records.item(records.METADATA, CONFIG, PAST), "value": recorded})
        for number, name in enumerate(living):
            for state, resource_class in (("idle", name), ("terminated", "xlarge")):
                identifier = f"i-{state}{number}"
                self.table.put(instance_items.record(identifier, PAST, state=state, resourceClass=resource_class))

    def refresh(self, clock: StillClock | None = None, **changes: Any) -> ComponentReport:
        """Run the component; a still clock shows nothing that AWS shows late."""
        clients = cast("Any", self.sqs), cast("Any", self.dynamodb)
        metadata = MetadataItems(clients[1], TABLE, self.clock, Serial())
        component = ResourcePools(desired(**changes), *clients, metadata, Serial(), clock or self.clock)
        return converge(component, Run(mode=Mode.APPLY, clock=self.clock), lambda: None).report

    @property
    def recorded(self) -> Any:
        return self.table.of(records.METADATA).get(CONFIG, {}).get("value")


def test_a_pool_as_desired_costs_one_call_per_queue() -> None:
    """The recorded URL is enough, the records are not read, and nothing is waited for."""
    pool, clock = _Pool(BOTH, RECORDED), StillClock()
    assert pool.refresh(clock).status == "as desired"
    assert pool.calls == ["dynamodb:BatchGetItem", "sqs:GetQueueAttributes", "sqs:GetQueueAttributes"]
    assert clock.slept == []


def test_a_first_run_creates_every_queue_waits_once_and_records_them_together() -> None:
    """SQS has a new queue usable after a second."""
    pool, clock = _Pool(), StillClock()
    report = pool.refresh(clock)
    assert (report.failed, report.pending, pool.recorded) == (False, (), RECORDED)
    assert (pool.writes, clock.slept) == ([CREATE, CREATE, RECORD], [1])


def test_a_queue_that_cannot_be_created_delays_the_record_and_no_other_queue() -> None:
    pool = _Pool([LARGE_QUEUE])
    pool.sqs.delete(LARGE_QUEUE)
    (failure,) = pool.refresh().failures
    assert (failure.change.subject, "QueueDeletedRecently" in str(failure.error)) == (LARGE_QUEUE, True)
    assert (list(pool.state.queues), pool.writes) == ([XLARGE_QUEUE], [CREATE])


def test_a_created_queue_is_recorded_by_its_url_while_sqs_does_not_show_it() -> None:
    """It is not created twice; the next run does not see it either, and SQS returns the same one again."""
    pool = _Pool([LARGE_QUEUE])
    report = pool.refresh(StillClock())
    assert (report.pending, report.failed, pool.recorded) == ((), False, RECORDED)
    assert not pool.refresh(StillClock()).failed
    assert pool.writes == [CREATE, RECORD, CREATE]


def test_attributes_that_are_read_back_late_are_set_once() -> None:
    """With SetQueueAttributes: SQS refuses to create a queue again with other attributes."""
    pool = _Pool(BOTH, RECORDED)
    pool.state.queues[LARGE_QUEUE].attributes = pool.state.queues[LARGE_QUEUE].before = {
        **RIGHT,
        "VisibilityTimeout": "0",
    }
    report = pool.refresh()
    assert (pool.writes, len(report.pending), report.failed) == (["sqs:SetQueueAttributes"], 1, False)
    pool.clock.sleep(60)
    assert pool.refresh().status == "as desired"


@pytest.mark.shows("A14")
@pytest.mark.parametrize(
    "recorded",
    [
        f"https://sqs.evil.example/123456789012/{LARGE_QUEUE}",
        f"{HOST}.evil.example/123456789012/{LARGE_QUEUE}",
        f"http://sqs.eu-west-1.amazonaws.com/123456789012/{LARGE_QUEUE}",
        f"{HOST}/not-an-account/{LARGE_QUEUE}",
        url("octo-widgets-stolen-ci-pool"),
        url(XLARGE_QUEUE),
        "",
    ],
)
def test_a_recorded_url_of_a_foreign_host_or_name_is_replaced(recorded: str) -> None:
    """Instances write to the table too, and provision calls whatever URL is recorded."""
    pool = _Pool((*BOTH, "octo-widgets-stolen-ci-pool"), _config((LARGE, recorded), (XLARGE, url(XLARGE_QUEUE))))
    assert not pool.refresh().failed
    assert (pool.recorded, pool.writes) == (RECORDED, [RECORD])
    assert pool.calls.count("sqs:GetQueueUrl") == 1
    assert pool.calls.count("sqs:GetQueueAttributes") == 4, "the recorded URL is called in neither pass"


@pytest.mark.parametrize(("allowed", "asked"), [((), 1), (("123456789012",), 0)])
def test_a_recorded_queue_of_another_account_is_replaced(allowed: tuple[str, ...], asked: int) -> None:
    """AWS refuses to show it, and a run with allowed-account-ids does not ask."""
    foreign = url(LARGE_QUEUE).replace("123456789012", "999999999999")

    class _Guarded(Sqs):
        def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
            if request["QueueUrl"] == foreign:
                self.account.calls.append("refused")
                raise refused("sqs:GetQueueAttributes", "AccessDenied", status=403)
            return super().get_queue_attributes(**request)

    pool = _Pool(BOTH, _config((LARGE, foreign), (XLARGE, url(XLARGE_QUEUE))))
    pool.sqs = _Guarded(pool)
    assert not pool.refresh(allowed_account_ids=allowed).failed
    assert (pool.recorded, pool.calls.count("refused")) == (RECORDED, asked)


@pytest.mark.parametrize(("exists", "recorded"), [(True, True), (True, False), (False, True)])
def test_the_originals_queue_of_a_class_with_a_dash_is_kept_while_recorded(*, exists: bool, recorded: bool) -> None:
    """Its messages are living runners; unrecorded it may be another repository's."""
    before = _config((DASHED, url(DASHED_QUEUE)))
    pool = _Pool([DASHED_QUEUE] * exists, before if recorded else None)
    assert not pool.refresh(resource_classes=(DASHED,)).failed
    kept = exists and recorded
    assert (pool.recorded == before, pool.writes) == (kept, [] if kept else [CREATE, RECORD])


@pytest.mark.parametrize("queues", [BOTH, (LARGE_QUEUE,)])
def test_a_class_that_is_not_desired_stays_while_living_records_name_it(
    queues: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their release needs its queue, which is created again if it was lost; every page of the records is read."""
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", 1)
    pool = _Pool(queues, RECORDED, living=["large", None, "xlarge"])
    report = pool.refresh(resource_classes=(LARGE,))
    assert (report.failed, pool.recorded, set(pool.state.queues)) == (False, RECORDED, set(BOTH))
    assert ["xlarge" in warning for warning in report.warnings] == [True]
    assert RECORD not in pool.writes


def test_a_class_that_nothing_uses_leaves_the_record_and_its_queue_stays() -> None:
    """Its owner may delete it, refresh never does."""
    pool = _Pool(BOTH, RECORDED, living=["large"])
    report = pool.refresh(resource_classes=(LARGE,))
    assert (pool.recorded, pool.writes) == (_config((LARGE, url(LARGE_QUEUE))), [RECORD])
    assert [url(XLARGE_QUEUE) in warning for warning in report.warnings] == [True]


@pytest.mark.parametrize(
    "entry",
    [
        {"S": "nonsense"},
        {"M": {}},
        records.to_wire({"cpu": 0, "mmem": 1, "queueUrl": "u"}),
        records.to_wire({"cpu": "2", "mmem": 1, "queueUrl": "u"}),
        records.to_wire({"cpu": 2, "queueUrl": "u"}),
        records.to_wire({"cpu": 2, "mmem": 1, "queueUrl": ""}),
    ],
)
def test_a_malformed_entry_leaves_the_record_silently(entry: Any) -> None:
    """No one could use it; that of a desired class is fixed."""
    pool = _Pool(BOTH, {"M": {**RECORDED["M"], "gone": entry, "large": entry}}, living=["gone"])
    report = pool.refresh()
    assert (report.failed, report.warnings, pool.recorded, pool.writes) == (False, (), RECORDED, [RECORD])


def test_a_queue_that_another_run_created_meanwhile_gets_the_missing_tags() -> None:
    """SQS answers CreateQueue as if it had created it, and sets no tags."""

    class _Raced(Sqs):
        def create_queue(self, **request: Any) -> dict[str, str]:
            return super().create_queue(**{**request, "tags": {}})

    pool = _Pool()
    pool.sqs = _Raced(pool)
    assert not pool.refresh(tags=(("team", "ci"),)).failed
    assert [queue.tags for queue in pool.state.queues.values()] == [{"team": "ci"}] * 2
