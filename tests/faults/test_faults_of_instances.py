"""Failures of single instances and their records, in memory: the other instances end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.engine.change import Skipped
from refresh.pool import records
from refresh.reconciler.garbage_collector.policy import UNKNOWN_GRACE
from tests.fakes.desired import TEMPLATE
from tests.fakes.memory.account import Watch, refused
from tests.fakes.memory.ec2 import ALIVE
from tests.faults.faults import Refuse, of
from tests.reports import component, failed, reported
from tests.simulation.invariants import settle, watched
from tests.simulation.pool import Pool
from tests.simulation.worlds import LATER, build


def _expired(number: int = 10, **more: Any) -> tuple[Pool, list[str]]:
    pool = build("up to date")
    launched = pool.ec2.launch(TEMPLATE, number, **more)
    for each in launched:
        pool.record(each)
    return pool, [each.id for each in launched]


@pytest.mark.shows("F8")
@pytest.mark.parametrize("unknown", [1, 10], ids=["F8-one", "F8-all"])
def test_instances_unknown_to_ec2_count_as_gone_and_the_others_end(unknown: int) -> None:
    """There is no failure, and their records are cleaned up like the others'."""
    pool, ids = _expired()
    for each in ids[:unknown]:
        del pool.account.state.instances[each]
    report = watched(pool, Watch())
    assert (report.exit_code, pool.alive) == (0, [])
    settle(pool)
    assert set(pool.table.of(records.HISTORY)) == set(ids)


@pytest.mark.shows("F9")
@pytest.mark.parametrize("zones", ["aa", "ab"], ids=["F9-one-zone", "F9-two-zones"])
def test_a_protected_instance_is_left_out_and_reported_by_every_run(zones: str) -> None:
    """EC2 refuses its whole zone; the others are sent again without it."""
    pool, ids = _expired()
    for number, each in enumerate(ids):
        pool.account.state.instances[each].zone = zones[number % 2]
    pool.account.state.instances[ids[3]].protected = True
    for _ in range(2):
        report = watched(pool, Watch())
        assert (failed(report), pool.alive) == (["garbage collector"], [ids[3]])
        words = reported(report)
        assert f"terminate instance {ids[3]}: Rejected: ec2:TerminateInstances: OperationNotPermitted" in words
        assert "termination protection" in words
    pool.account.clock.moment += LATER
    watched(pool, Watch())
    assert set(pool.table.of(records.INSTANCE)) == {ids[3]}
    pool.account.state.instances[ids[3]].protected = False
    settle(pool)
    assert pool.alive == []


@pytest.mark.shows("F10")
@pytest.mark.parametrize("answer", ["running", "stopping"], ids="F10-{}".format)
def test_an_instance_that_still_runs_after_its_termination_is_not_cleaned(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state in the answer decides; the next run ends it."""
    pool, (instance_id,) = _expired(1)

    def ignored(_: object, **request: Any) -> dict[str, Any]:
        listed = [{"InstanceId": each, "CurrentState": {"Name": answer}} for each in request["InstanceIds"]]
        return {"TerminatingInstances": listed}

    with monkeypatch.context() as patched:
        patched.setattr("tests.fakes.memory.ec2.Ec2.terminate_instances", ignored)
        report = watched(pool, Watch())
    assert (report.exit_code, f"{instance_id} is {answer}" in reported(report)) == (1, True)
    assert set(pool.table.of(records.INSTANCE)) == set(pool.table.of(records.HEARTBEAT)) == {instance_id}
    settle(pool)
    assert set(pool.table.of(records.HISTORY)) == {instance_id}


@pytest.mark.shows("F12")
@pytest.mark.parametrize("gone", [pytest.param(False, id="F12-young"), pytest.param(True, id="F12-old")])
def test_an_instance_that_ec2_does_not_list_is_gone_after_the_grace_of_its_mark(gone: bool) -> None:  # noqa: FBT001 - pytest's shape
    """EC2 answers late; F11 is why `InstanceIds` is not used."""
    pool, (instance_id,) = _expired(1)
    age = UNKNOWN_GRACE + timedelta(minutes=1 if gone else -1)
    del pool.account.state.instances[instance_id]
    pool.record(instance_id, state=records.TERMINATED, written=-int(age.total_seconds()))
    watched(pool, Watch())
    assert (instance_id in pool.table.of(records.INSTANCE)) is not gone
    settle(pool)


@pytest.mark.shows("F11")
@pytest.mark.parametrize("known", [True, False], ids=["F11", "F11-none"])
def test_instances_are_read_by_a_filter_which_returns_those_that_exist(
    monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    """With `InstanceIds`, the whole call would fail for one unknown id; an empty answer ends no instance."""
    pool, ids = _expired(2)
    for each in ids if not known else ids[:1]:
        del pool.account.state.instances[each]
    asked: list[dict[str, Any]] = []
    describe = type(pool.ec2).describe_instances

    def described(ec2: Any, **request: Any) -> dict[str, Any]:
        asked.append(request)
        return describe(ec2, **request)

    monkeypatch.setattr("tests.fakes.memory.ec2.Ec2.describe_instances", described)
    report = watched(pool, Watch())
    assert asked
    assert not any("InstanceIds" in each for each in asked)
    assert (report.exit_code, pool.alive) == (0, [])
    settle(pool)


@pytest.mark.shows("F14")
@pytest.mark.parametrize("state", ["claimed", "idle"], ids=["F14-claimed", "F14-renewed"])
def test_a_mark_that_loses_a_race_is_skipped_without_an_error(state: str) -> None:
    """It was claimed or renewed between the read and the mark, so it lives."""
    pool, (instance_id,) = _expired(1)

    class _Claim(Watch):
        def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
            if operation == "dynamodb:TransactWriteItems":
                pool.record(instance_id, state=state, threshold=pool.in_time(7200))

    report = watched(pool, _Claim())
    assert [type(each) for each in component(report, "garbage collector").outcomes] == [Skipped]
    assert (report.exit_code, pool.alive) == (0, [instance_id])
    settle(pool)


@pytest.mark.shows("F26")
@pytest.mark.parametrize("minutes", [-10, -1, 1, 10], ids="F26-{}".format)
def test_with_a_wrong_clock_nothing_is_marked_or_adopted(minutes: int) -> None:
    """If it is off by more than a minute, the collector fails with the remedy, but still ends and cleans up."""
    pool = build("mixed instances")
    marked = pool.launch()
    pool.record(marked, state=records.TERMINATED)
    off = abs(minutes) > 1
    pool.intercept = lambda clients: evolve(clients, skew=lambda: timedelta(minutes=minutes))
    report = watched(pool, Watch())
    assert (report.exit_code, failed(report)) == ((1, ["garbage collector"]) if off else (0, []))
    assert ("Set the runner's clock" in reported(report)) is off
    assert pool.ec2.state(marked.id) not in ALIVE
    assert pool.account.writes.count("ec2:TerminateInstances") == (1 if off else 2)
    ended = [each for each in pool.table.of(records.INSTANCE).values() if records.text(each, "endedReason")]
    assert (ended == []) is off
    pool.intercept = lambda clients: clients
    settle(pool)


@pytest.mark.shows("F30")
@pytest.mark.parametrize(
    ("identifier", "attributes"),
    [
        pytest.param("", {}, id="F30-missing-state"),
        pytest.param("", {"state": {"S": "idle"}, "threshold": {"N": "1"}}, id="F30-number-as-string"),
        pytest.param("", {"state": {"S": "asleep"}, "threshold": {"S": ""}}, id="F30-unknown-state"),
        pytest.param("nonsense", {"state": {"S": "idle"}}, id="F30-id"),
    ],
)
def test_a_malformed_record_is_reported_and_does_not_stop_the_collection(
    identifier: str, attributes: dict[str, Any]
) -> None:
    """Its instance is never ended; another, expired one is. Unknown attributes are ignored."""
    pool, (instance_id,) = _expired(1)
    kept = pool.launch()
    identifier = identifier or kept.id
    pool.record(kept.id, threshold=pool.in_time(7200))
    pool.table.put({**records.key(records.INSTANCE, identifier), **attributes, "more": {"S": "x"}})
    report = watched(pool, Watch())
    assert (report.exit_code, pool.alive) == (0, [kept.id])
    assert identifier in reported(report)
    assert pool.ec2.state(instance_id) not in ALIVE
    assert identifier in pool.table.of(records.INSTANCE)


@pytest.mark.shows("F32")
@pytest.mark.parametrize(
    "reason", of("F32", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
)
def test_a_cancelled_transaction_is_retried_without_the_items_that_lost(reason: str) -> None:
    """The SDK does not retry these."""
    pool, ids = _expired(3)
    reasons = [{"Code": reason}, {"Code": "None"}, {"Code": "None"}]
    error = refused("dynamodb:TransactWriteItems", "TransactionCanceledException", CancellationReasons=reasons)
    report = watched(pool, Refuse("dynamodb:TransactWriteItems", error, 3))
    assert (report.exit_code, pool.alive) == (0, [])
    assert pool.account.calls.count("dynamodb:TransactWriteItems") == 3 + 1
    settle(pool)
    assert set(pool.table.of(records.HISTORY)) == set(ids)
