"""What release writes, in which order, and on what condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh.engine.change import Done, Failed, Postponed, Skipped
from refresh.pool import records
from refresh.pool.records import InstanceRecord, wire_time
from refresh.release import apply
from refresh.release.changes import GiveBack, Offer, Reason, ReleaseChange, Retire, Terminate
from tests.fakes.desired import LARGE_QUEUE
from tests.fakes.serial import NOW
from tests.unit.release import pools
from tests.unit.release.pools import AHEAD, IDS, PAST, RUN, SETTINGS, attributes, record, released

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.change import Outcome
    from tests.simulation.pool import Pool

TAKEN = {"runId": "", "lastRunId": RUN, "releasedAt": wire_time(NOW), "updatedAt": wire_time(NOW)}


def _apply(pool: Pool, *changes: ReleaseChange, over: Callable[[], bool] = lambda: False) -> list[Outcome]:
    sender = pools.sender(pool, over)
    return list(apply.apply(pools.desired(), pools.clients(pool), sender, SETTINGS, changes))


def _stored(pool: Pool, given: InstanceRecord, **changed: Any) -> None:
    wire = {"state": given.state, "runId": given.run_id, "threshold": given.threshold, **changed}
    pool.record(given.id, artifacts=False, **wire)


def _give_back(given: InstanceRecord) -> GiveBack:
    return GiveBack(RUN, given, NOW, NOW + pools.IDLE_TIME)


def test_a_machine_that_goes_back_is_idle_for_the_idle_time_and_keeps_its_other_attributes() -> None:
    pool = pools.made()
    _stored(pool, record())
    before = attributes(pool, IDS[0])
    assert _apply(pool, _give_back(record())) == [Done(_give_back(record()))]
    idle = {"state": "idle", "threshold": wire_time(NOW + pools.IDLE_TIME)}
    assert attributes(pool, IDS[0]) == {**before, **idle, **TAKEN}


@pytest.mark.parametrize(
    ("state", "left"), [("running", "idle"), ("claimed", "idle"), ("idle", "idle"), ("created", "created")]
)
def test_a_machine_that_ends_loses_label_and_time(state: str, left: str) -> None:
    """Its agent deregisters and ends it, should this run die; no run can claim it."""
    pool = pools.made()
    given = record(state=state)
    _stored(pool, given)
    (outcome,) = _apply(pool, Retire(RUN, given, NOW, Reason.NOT_REUSED))
    assert isinstance(outcome, Done)
    assert attributes(pool, IDS[0]).items() >= {"state": left, "threshold": PAST, **TAKEN}.items()


@pytest.mark.parametrize(
    ("change", "job"),
    [
        (_give_back(record()), None),
        (evolve(_give_back(record()), cut_off=True), RUN),
        (Retire(RUN, record(), NOW, Reason.TAKEN_BACK), RUN),
        (Retire(RUN, record(), NOW, Reason.RECLAIMED), None),
    ],
)
def test_the_record_keeps_for_how_long_runs_had_the_machine_and_whether_that_cut_off_a_job(
    change: GiveBack | Retire, job: str | None
) -> None:
    """The machine worked for ten minutes, and two hours for others before."""
    pool = pools.made()
    _stored(pool, record(), busySeconds=7200)
    change = evolve(change, record=record(busy_seconds=7200))
    assert [type(each) for each in _apply(pool, change)] == [Done]
    found = records.read_instance(pool.table.of(records.INSTANCE)[IDS[0]])
    assert isinstance(found, InstanceRecord)
    assert (found.busy_seconds, found.cut_off or None) == (7800, job)


@pytest.mark.parametrize(
    "change", [_give_back(record()), Retire(RUN, record(), NOW, Reason.NOT_REUSED), Offer(record(), NOW)]
)
@pytest.mark.parametrize(
    "stored",
    [{"state": "terminated"}, {"runId": "78"}, {"runId": None}, {"threshold": wire_time(NOW)}, {"threshold": None}],
)
def test_a_write_is_lost_if_anything_that_was_judged_has_changed(change: ReleaseChange, stored: dict[str, Any]) -> None:
    pool = pools.made()
    _stored(pool, record(), **stored)
    before = attributes(pool, IDS[0])
    (outcome,) = _apply(pool, change)
    assert isinstance(outcome, Skipped)
    assert attributes(pool, IDS[0]) == before


@pytest.mark.parametrize("threshold", ["", None])
def test_a_record_without_a_readable_time_is_compared_as_it_was_read(threshold: str | None) -> None:
    pool = pools.made()
    given = released(threshold=threshold)
    _stored(pool, given)
    (outcome,) = _apply(pool, Offer(given, NOW))
    assert isinstance(outcome, Done)
    assert attributes(pool, IDS[0])["offeredFor"] == ""


def test_only_a_machine_that_goes_back_needs_time_that_is_left() -> None:
    pool = pools.made()
    given = record(threshold=PAST)
    _stored(pool, given)
    first, second = _apply(pool, _give_back(given)), _apply(pool, Retire(RUN, given, NOW, Reason.EXPIRED))
    assert (type(first[0]), type(second[0])) == (Skipped, Done)


def test_a_message_is_sent_before_its_record_notes_it() -> None:
    pool = pools.made()
    _stored(pool, released())
    _apply(pool, Offer(released(), NOW))
    assert pool.account.calls == ["sqs:SendMessageBatch", "dynamodb:TransactWriteItems"]
    assert attributes(pool, IDS[0])["offeredFor"] == AHEAD
    assert len(pool.account.state.queues[LARGE_QUEUE].messages) == 1


def test_only_messages_that_were_sent_are_noted() -> None:
    pool = pools.made()
    for number in range(2):
        _stored(pool, released(number))
    pool.account.refuse_message = lambda body: "InternalError" if IDS[0] in body else ""
    outcomes = _apply(pool, *(Offer(released(number), NOW) for number in range(2)))
    assert [(type(each), each.change.subject) for each in outcomes] == [(Failed, IDS[0]), (Done, IDS[1])]
    assert "offeredFor" not in attributes(pool, IDS[0])
    assert attributes(pool, IDS[1])["offeredFor"] == AHEAD


@pytest.mark.parametrize("over", [False, True])
def test_records_messages_and_terminations_are_sent_in_this_order_and_in_batches(*, over: bool) -> None:
    pool = pools.made()
    taken = [evolve(record(), id=f"i-{number:08x}") for number in range(100, 201)]
    for each in taken:
        _stored(pool, each)
    _stored(pool, released())
    ended = pool.launch()
    offer, terminate, backs = Offer(released(), NOW), Terminate(ended.id, RUN), list(map(_give_back, taken))
    outcomes = _apply(pool, offer, terminate, *backs, over=lambda: over)
    assert outcomes == [(Postponed if over else Done)(each) for each in (*backs, offer, terminate)]
    sent = {"dynamodb:TransactWriteItems": "TransactItems", "ec2:TerminateInstances": "InstanceIds"}
    sizes = [(name, len(request[sent.get(name, "Entries")])) for name, request in pool.account.requests]
    in_order = [
        ("dynamodb:TransactWriteItems", 100),
        ("dynamodb:TransactWriteItems", 1),
        ("sqs:SendMessageBatch", 1),
        ("dynamodb:TransactWriteItems", 1),
        ("ec2:TerminateInstances", 1),
    ]
    assert sizes == ([] if over else in_order)


def test_nothing_to_apply_makes_no_call() -> None:
    pool = pools.made()
    assert _apply(pool) == []
    assert pool.account.calls == []
    assert pool.table.of(records.INSTANCE) == {}
