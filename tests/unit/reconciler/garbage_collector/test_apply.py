"""What the collector writes: marks on condition, terminations in batches, and cleaning all at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve

from refresh import errors
from refresh.engine.change import Done, Failed, Postponed, Skipped
from refresh.pool import records
from refresh.pool.records import InstanceRecord, wire_time
from refresh.reconciler.garbage_collector import apply
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, CollectorChange, Mark, Reason, Terminate
from tests.fakes.desired import RUN_URL, TABLE
from tests.fakes.memory.account import START
from tests.fakes.serial import StillClock
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


MARKS = [Mark(evolve(RECORD, id=_id(number)), Reason.EXPIRED, START) for number in range(101)]
CLEANINGS = [Clean(evolve(RECORD, id=_id(number), state=records.TERMINATED)) for number in range(300, 326)]


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
    assert sent == ([] if over else [100, 1, 2, 4 * 25, 4])
    assert reported == [("marked", 100, 101), ("marked", 101, 101)], "only long work reports its progress"


class _Ec2:
    """Refuses terminations of some ids; `ended` lists the ids of each call."""

    def __init__(self, *ids: int, error: errors.RefreshError | None = None) -> None:
        self.refused = {_id(number): error for number in ids}
        self.ended: list[list[str]] = []
        self.answered: dict[str, str] | None = None
        """The state of each id in the answer; all shut down where it is None."""

    def terminate_instances(self, **request: Any) -> dict[str, Any]:
        ids = request["InstanceIds"]
        self.ended.append(ids)
        for each in ids:
            if error := self.refused.get(each):
                raise error
        states = dict.fromkeys(ids, "shutting-down") if self.answered is None else self.answered
        return {
            "TerminatingInstances": [{"InstanceId": each, "CurrentState": {"Name": states[each]}} for each in states]
        }


def _terminate(
    ec2: _Ec2, number: int, over: Callable[[], bool] = lambda: False, clock: StillClock | None = None
) -> list[Outcome]:
    changes = [Terminate(_id(each)) for each in range(number)]
    return list(apply.terminate(cast("Any", ec2), changes, clock or StillClock(), over))


def _error(kind: type[errors.ApiError], message: str = "") -> errors.ApiError:
    return kind("ec2:TerminateInstances", "Code", message)


def test_a_hundred_instances_are_terminated_in_one_call_until_the_run_is_over() -> None:
    ec2 = _Ec2()
    outcomes = _terminate(ec2, 250, over=lambda: len(ec2.ended) >= 2)
    assert [type(outcome) for outcome in outcomes] == [Done] * 200 + [Postponed] * 50
    assert [len(ids) for ids in ec2.ended] == [100, 100]


@pytest.mark.shows("A21")
@pytest.mark.parametrize(
    ("error", "outcome", "calls"),
    [
        (_error(errors.NotFound, f"The instance ID '{_id(5)}' does not exist"), Skipped, 3),
        (_error(errors.Rejected, "termination protection is on"), Failed, None),
        (_error(errors.Rejected, ", ".join(map(_id, range(8)))), Failed, None),
        (_error(errors.PermissionDenied, "You are not authorized."), Failed, None),
    ],
)
def test_an_instance_that_makes_a_call_fail_is_set_apart_and_the_others_end(
    error: errors.ApiError, outcome: type[Outcome], calls: int | None
) -> None:
    """The error names it, or it is found by halves; a policy may allow only instances with certain tags."""
    ec2 = _Ec2(5, error=error)
    kinds = {each.change.subject: type(each) for each in _terminate(ec2, 8)}
    assert kinds == {_id(number): outcome if number == 5 else Done for number in range(8)}
    assert calls in {None, len(ec2.ended)}


def test_the_search_for_a_refused_instance_ends_where_all_are_refused() -> None:
    """It costs two calls for each instance."""
    ec2 = _Ec2(*range(1000), error=(denied := _error(errors.PermissionDenied)))
    assert _terminate(ec2, 1000) == [Failed(Terminate(_id(number)), denied) for number in range(1000)]
    assert 1000 < len(ec2.ended) < 1020


@pytest.mark.parametrize(
    ("error", "outcome"), [(_error(errors.Unavailable), Failed), (errors.Interrupted("not sent"), Postponed)]
)
def test_the_outcome_of_a_batch_without_an_answer_is_its_own(
    error: errors.RefreshError, outcome: type[Outcome]
) -> None:
    assert [type(each) for each in _terminate(_Ec2(0, error=error), 101)] == [outcome] * 100 + [Done]


def test_expired_credentials_end_the_component_at_once() -> None:
    ec2 = _Ec2(0, error=_error(errors.CredentialsExpired))
    with pytest.raises(errors.CredentialsExpired):
        _terminate(ec2, 101)
    assert len(ec2.ended) == 1


def test_a_throttled_batch_is_sent_again_after_growing_pauses() -> None:
    """Each lasts at least as long as EC2 takes to refill; later batches wait as well."""
    ec2, clock = _Ec2(0, error=_error(errors.Throttled)), StillClock()

    def over() -> bool:
        if len(ec2.ended) == 2:
            ec2.refused = {}
        return False

    assert [type(outcome) for outcome in _terminate(ec2, 101, over, clock)] == [Done] * 101
    assert [len(ids) for ids in ec2.ended] == [100, 100, 100, 1]
    assert 5 + 10 + 5 <= sum(clock.slept) <= 1.5 * (5 + 10 + 5)
    assert max(clock.slept) <= 1, "a run that is asked to end does not sleep on"


def test_what_is_throttled_until_the_run_is_over_is_postponed_with_the_reason() -> None:
    throttled, clock = _error(errors.Throttled), StillClock()
    ec2 = _Ec2(*range(150), error=throttled)
    outcomes = _terminate(ec2, 150, lambda: sum(clock.slept) > 100, clock)
    assert outcomes[:100] == [Postponed(Terminate(_id(number)), throttled) for number in range(100)]
    assert outcomes[100:] == [Postponed(Terminate(_id(number))) for number in range(100, 150)]
    assert len(ec2.ended) < 6


@pytest.mark.parametrize("answered", [{_id(0): "running"}, {_id(0): "stopping"}, {}])
def test_a_termination_that_the_answer_does_not_confirm_has_failed(answered: dict[str, str]) -> None:
    ec2 = _Ec2()
    ec2.answered = answered
    (outcome,) = _terminate(ec2, 1)
    assert isinstance(outcome, Failed)
    assert f"{_id(0)} is {answered.get(_id(0), 'not mentioned')}" in str(outcome.error)
