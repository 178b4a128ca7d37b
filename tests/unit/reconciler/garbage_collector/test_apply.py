"""What the collector writes: marks on condition, terminations in batches, and cleaning all at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh.engine.change import Done, Postponed, Skipped
from refresh.pool import records
from refresh.pool.records import InstanceRecord, wire_time
from refresh.reconciler.garbage_collector import apply
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, CollectorChange, Mark, Reason, Terminate
from tests.fakes.desired import RUN_URL, TABLE
from tests.fakes.memory.account import START
from tests.unit.reconciler import pools

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.change import Outcome
    from tests.simulation.pool import Pool

ID = "i-00000001"
NOW = wire_time(START)
PAST = wire_time(START - timedelta(minutes=5))
RECORD = InstanceRecord(id=ID, state="running", run_id="4711", threshold=PAST, updated_at=PAST, resource_class="large")


def _id(number: int) -> str:
    return f"i-{number:08x}"


def _apply(
    pool: Pool,
    *changes: CollectorChange,
    over: Callable[[], bool] = lambda: False,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> list[Outcome]:
    return list(apply.apply(pool.clients.ec2, pools.sender(pool, over), TABLE, RUN_URL, changes, progress))


def _attributes(item: records.Item) -> dict[str, str]:
    return {name: value["S"] for name, value in item.items() if "S" in value}


def test_a_mark_is_written_as_provision_release_and_the_agent_expect() -> None:
    """`threshold = now` and an empty run id make the instance deregister and end itself, should this run die."""
    pool = pools.made()
    pool.record(ID, state="running", runId="4711", artifacts=False)
    mark = Mark(RECORD, Reason.EXPIRED, START)
    assert _apply(pool, mark) == [Done(mark)]
    item = _attributes(pool.table.of(records.INSTANCE)[ID])
    assert item.items() >= {"state": "terminated", "runId": "", "threshold": NOW, "updatedAt": NOW}.items()
    assert {name: value for name, value in item.items() if name in records.ENDED_ATTRIBUTES} == {
        "endedState": "running",
        "endedRunId": "4711",
        "endedThreshold": PAST,
        "endedReason": "expired",
        "endedBy": RUN_URL,
    }


@pytest.mark.parametrize(
    ("changed", "seconds", "launched_at"),
    [
        ({}, 3600, START - timedelta(hours=2)),
        ({"updated_at": wire_time(START - timedelta(minutes=9))}, 3840, START - timedelta(hours=2)),
        ({"run_id": "", "launched_at": PAST}, 3600, START - timedelta(minutes=5)),
    ],
)
def test_a_mark_keeps_the_launch_and_the_time_that_runs_had_the_instance_up_to_its_threshold(
    changed: dict[str, Any], seconds: int, launched_at: datetime
) -> None:
    pool = pools.made()
    judged = evolve(RECORD, busy_seconds=3600, **changed)
    written: dict[str, Any] = {"launchedAt": judged.launched_at} if judged.launched_at else {}
    pool.record(ID, state="running", runId=judged.run_id, artifacts=False, **written)
    _apply(pool, Mark(judged, Reason.EXPIRED, START, START - timedelta(hours=2)))
    found = records.read_instance(pool.table.of(records.INSTANCE)[ID])
    assert isinstance(found, InstanceRecord)
    assert (found.busy_seconds, found.launched_at) == (seconds, wire_time(launched_at))


@pytest.mark.shows("A7")
@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize(
    ("judged", "stored", "kept"),
    [
        (RECORD, {}, True),
        (evolve(RECORD, run_id=None), {"runId": None}, True),
        (RECORD, {"state": "idle"}, False),
        (RECORD, {"runId": ""}, False),
        (RECORD, {"threshold": wire_time(START + timedelta(minutes=5))}, False),
        (evolve(RECORD, run_id=None), {}, False),
    ],
)
def test_a_mark_is_lost_if_anything_that_was_judged_has_changed(
    judged: InstanceRecord, stored: dict[str, Any], reason: Reason, *, kept: bool
) -> None:
    pool = pools.made()
    pool.record(ID, **{"state": "running", "runId": "4711", **stored})
    (outcome,) = _apply(pool, Mark(judged, reason, START))
    assert type(outcome) is (Done if kept else Skipped)


@pytest.mark.parametrize("reason", Reason)
def test_only_a_mark_for_the_threshold_needs_a_past_one(reason: Reason) -> None:
    pool = pools.made()
    pool.record(ID, state="running", runId="4711", threshold=NOW)
    (outcome,) = _apply(pool, Mark(evolve(RECORD, threshold=NOW), reason, START))
    assert type(outcome) is (Skipped if reason is Reason.EXPIRED else Done)


@pytest.mark.parametrize("recorded", [True, False])
def test_an_instance_is_adopted_only_without_a_record(*, recorded: bool) -> None:
    """Provision may have recorded it meanwhile."""
    pool = pools.made()
    if recorded:
        pool.record(ID)
    (outcome,) = _apply(pool, Adopt(ID, "42", START, START - timedelta(hours=1)))
    assert type(outcome) is (Skipped if recorded else Done)
    item = _attributes(pool.table.of(records.INSTANCE)[ID])
    adopted = {"state": "terminated", "runId": "", "threshold": NOW, "endedState": "", "endedRunId": "42"}
    adopted |= {"endedThreshold": "", "endedReason": "unrecorded", "endedBy": RUN_URL}
    assert (item.items() >= adopted.items()) is not recorded


@pytest.mark.parametrize("state", [records.TERMINATED, "idle"])
def test_cleaning_replaces_record_heartbeat_and_signal_by_history_or_does_nothing(state: str) -> None:
    pool = pools.made()
    pool.record(ID, state=state)
    (outcome,) = _apply(pool, Clean(evolve(RECORD, state=records.TERMINATED, ended=(("endedReason", "expired"),))))
    kinds = {pk.removeprefix("TYPE#") for pk, _ in pool.table.items}
    if state == "idle":
        assert (type(outcome), kinds) == (Skipped, {"INSTANCE", "HEARTBEAT", "WS"})
    else:
        assert (type(outcome), kinds) == (Done, {"HISTORY"})
        history = pool.table.of(records.HISTORY)[ID]
        assert _attributes(history).items() >= {"endedReason": "expired", "resourceClass": "large"}.items()
        assert history["expiresAt"] == {"N": str(int((START + timedelta(days=30)).timestamp()))}


@pytest.mark.parametrize(("recorded", "launched_at"), [("", wire_time(START - timedelta(hours=2))), (PAST, PAST)])
def test_the_history_has_ec2_s_time_of_launch_if_the_record_has_none(recorded: str, launched_at: str) -> None:
    pool = pools.made()
    pool.record(ID, state="terminated", runId="")
    record = evolve(RECORD, state="terminated", launched_at=recorded)
    _apply(pool, Clean(record, START - timedelta(hours=2)))
    assert _attributes(pool.table.of(records.HISTORY)[ID])["launchedAt"] == launched_at


MARKS = [Mark(evolve(RECORD, id=_id(number)), Reason.EXPIRED, START) for number in range(101)]
CLEANINGS = [Clean(evolve(RECORD, id=_id(number), state=records.TERMINATED)) for number in range(300, 351)]


@pytest.mark.parametrize("over", [False, True])
def test_marks_terminations_and_cleanings_are_sent_in_order_and_in_batches(*, over: bool) -> None:
    pool = pools.made()
    for mark in MARKS:
        pool.record(mark.subject, state="running", runId="4711", artifacts=False)
    terminations = [Terminate(pool.launch().id) for _ in range(2)]
    changes: list[CollectorChange] = [*CLEANINGS, *terminations, *MARKS]
    reported: list[tuple[str, int, int]] = []
    outcomes = _apply(pool, *changes, over=lambda: over, progress=lambda *each: reported.append(each))
    assert outcomes == [(Postponed if over else Done)(each) for each in (*MARKS, *terminations, *CLEANINGS)]
    sent = [len(request.get("TransactItems") or request["InstanceIds"]) for _, request in pool.account.requests]
    assert sent == ([] if over else [100, 1, 2, 4 * 25, 4 * 25, 4])
    assert reported == [("marked", 100, 101), ("marked", 101, 101), ("cleaned", 51, 51)], (
        "only long work reports its progress"
    )
