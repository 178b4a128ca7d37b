"""What RUN items, HISTORY items and records say of builds and machines, also those of earlier versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh.pool import history, records, runs
from refresh.pool.history import Build, Machine
from refresh.pool.records import InstanceRecord, wire_time
from tests.fakes.serial import NOW

ID = "i-0123456789abcdef0"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
REQUEST = runs.RunRequest(
    label="4711-tests",
    resource_class="large",
    usage_class="any",
    count=3,
    instance_types=("c*",),
    max_runtime=timedelta(),
    reuse=True,
    attempt=1,
    link="",
    holder="holder",
    deadline=NOW + HOUR,
    asked_at=NOW,
)
RECORD = InstanceRecord(
    id=ID,
    state="running",
    run_id="7",
    threshold=wire_time(NOW + HOUR),
    updated_at=wire_time(NOW - MINUTE),
    resource_class="large",
    instance_type="c7i.large",
    usage_class="spot",
    launched_at=wire_time(NOW - HOUR),
    busy_seconds=600,
)


def test_a_build_is_read_as_provision_has_written_it() -> None:
    answer = runs.Answer(held=1, claimed=2, launched=0, failures={"capacity": 2, "never ready": 1})
    item = runs.conclusion("table", REQUEST, runs.PROVIDED, NOW + MINUTE, answer)["Item"]
    build = history.build_from_item(item)
    assert build == Build(
        label="4711-tests",
        resource_class="large",
        asked_at=NOW,
        waited=MINUTE,
        held=1,
        claimed=2,
        failures={"capacity": 2, "never ready": 1},
        result="provided",
    )
    assert (build.counted, build.warm) == (True, True)
    launched = evolve(build, launched=1)
    assert (launched.counted, launched.warm) == (True, False)


def test_a_build_that_has_no_answer_yet_says_when_it_was_asked_for() -> None:
    build = history.build_from_item(runs.lease("table", REQUEST, NOW + MINUTE)["Item"])
    assert build == Build(label="4711-tests", resource_class="large", asked_at=NOW)
    assert not build.counted


def test_a_hosted_runner_that_took_the_place_is_known() -> None:
    answer = runs.Answer(hosted=True)
    build = history.build_from_item(runs.conclusion("table", REQUEST, runs.FAILED, NOW + MINUTE, answer)["Item"])
    assert build is not None
    assert (build.hosted, build.result, build.counted, build.warm) == (True, "failed", False, False)


@pytest.mark.parametrize(
    "value", [{"result": "provided"}, {"askedAt": "soon", "answeredAt": "later", "failures": {"capacity": "x"}}]
)
def test_a_build_of_an_earlier_version_was_asked_for_when_it_was_written(value: dict[str, Any]) -> None:
    item = records.item(records.RUN, "7", NOW, value=value)
    build = history.build_from_item(item)
    if "askedAt" in value:
        assert build is None
    else:
        assert build == Build(label="7", resource_class="", asked_at=NOW, result="provided")
        assert not build.counted


def test_a_wait_is_never_negative() -> None:
    item = runs.conclusion("table", REQUEST, runs.PROVIDED, NOW - MINUTE)["Item"]
    build = history.build_from_item(item)
    assert build is not None
    assert build.waited == timedelta()


def _marked(reason: str, **changed: Any) -> InstanceRecord:
    """Give a record that was marked now."""
    ended = {"endedState": "running", "endedRunId": "7", "endedReason": reason, **changed.pop("ended", {})}
    given = evolve(RECORD, state="terminated", run_id="", threshold=wire_time(NOW), updated_at=wire_time(NOW))
    return evolve(given, ended=tuple(ended.items()), **changed)


@pytest.mark.parametrize(
    ("reason", "changed", "cut_off", "ended_at"),
    [
        ("vanished", {}, True, NOW),
        ("vanished", {"ended": {"endedState": "idle"}}, False, NOW),
        ("vanished", {"ended": {"endedRunId": ""}}, False, NOW),
        ("abandoned", {}, False, NOW),
        ("aged", {"cut_off": "6"}, True, NOW),
        ("expired", {"ended": {"endedThreshold": wire_time(NOW - MINUTE)}}, True, NOW),
        ("expired", {"ended": {"endedThreshold": wire_time(NOW - HOUR)}}, True, NOW - 55 * MINUTE),
        ("expired", {"ended": {"endedThreshold": "soon"}}, True, NOW),
        ("vanished", {"ended": {"endedThreshold": wire_time(NOW - HOUR)}}, True, NOW),
    ],
)
def test_a_machine_reads_the_same_from_its_record_and_from_its_history(
    reason: str, changed: dict[str, Any], ended_at: Any, *, cut_off: bool
) -> None:
    """An expired one ended soon after its threshold, however late refresh has marked it."""
    marked = _marked(reason, **changed)
    machine = Machine(
        id=ID,
        resource_class="large",
        instance_type="c7i.large",
        usage_class="spot",
        launched_at=NOW - HOUR,
        ended_at=ended_at,
        busy=10 * MINUTE,
        reason=reason,
        cut_off=cut_off,
    )
    assert history.machine_from_record(marked, None, NOW + MINUTE) == machine
    assert history.machine_from_history(records.history_item(marked, NOW + MINUTE)) == machine


def test_a_machine_that_works_is_busy_until_now() -> None:
    machine = history.machine_from_record(RECORD, NOW - 2 * HOUR, NOW)
    assert (machine.launched_at, machine.ended_at, machine.busy) == (NOW - HOUR, None, 11 * MINUTE)
    assert (machine.reason, machine.cut_off) == ("", False)
    asked = history.machine_from_record(evolve(RECORD, launched_at=""), NOW - 2 * HOUR, NOW)
    assert asked.launched_at == NOW - 2 * HOUR


def test_a_history_of_an_earlier_version_has_no_launch_and_one_without_an_end_is_left_out() -> None:
    old = records.item(records.HISTORY, ID, NOW, resourceClass="large", endedReason="aged", endedAt=wire_time(NOW))
    machine = history.machine_from_history(old)
    assert machine == Machine(id=ID, resource_class="large", ended_at=NOW, reason="aged")
    assert machine.time_within(NOW - HOUR, NOW + HOUR) is None
    assert machine.time_within(NOW + MINUTE, NOW + HOUR) == timedelta()
    assert machine.busy_within(NOW - HOUR, NOW + HOUR) == timedelta()
    assert history.machine_from_history(records.key(records.HISTORY, ID)) is None


def test_a_machine_is_cut_to_the_period_and_its_work_in_proportion() -> None:
    machine = Machine(id=ID, resource_class="large", launched_at=NOW, ended_at=NOW + 4 * HOUR, busy=2 * HOUR)
    assert machine.time_within(NOW - HOUR, NOW + 5 * HOUR) == 4 * HOUR
    assert machine.busy_within(NOW - HOUR, NOW + 5 * HOUR) == 2 * HOUR
    assert machine.time_within(NOW + HOUR, NOW + 2 * HOUR) == HOUR
    assert machine.busy_within(NOW + HOUR, NOW + 2 * HOUR) == HOUR / 2
    assert machine.time_within(NOW - 2 * HOUR, NOW - HOUR) == timedelta()
    alive = evolve(machine, ended_at=None)
    assert alive.time_within(NOW - HOUR, NOW + 8 * HOUR) == 8 * HOUR


MOMENTS = st.integers(-(10**6), 10**6).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(st.none() | MOMENTS, st.none() | MOMENTS, st.integers(0, records.LARGEST_COUNT), MOMENTS, MOMENTS)
def test_no_machine_lives_longer_than_the_period_or_works_longer_than_it_lives(
    launched_at: Any, ended_at: Any, seconds: int, one: Any, other: Any
) -> None:
    machine = Machine(
        id=ID, resource_class="", launched_at=launched_at, ended_at=ended_at, busy=timedelta(seconds=seconds)
    )
    since, until = sorted((one, other))
    lived = machine.time_within(since, until)
    assert lived is None or timedelta() <= lived <= until - since
    assert timedelta() <= machine.busy_within(since, until) <= (lived or timedelta())


ANYTHING = st.recursive(
    st.sampled_from([{"S": ""}, {"S": wire_time(NOW)}, {"S": "9999-12-31T23:59:59Z"}, {"S": "0001-01-01T00:00:00Z"}])
    | st.integers(-(10**40), 10**40).map(lambda number: {"N": str(number)})
    | st.sampled_from([{"BOOL": True}, {"NULL": True}, {"S": 7}, {}, {"S": "expired"}, {"S": "running"}]),
    lambda inner: st.dictionaries(
        st.sampled_from(["askedAt", "answeredAt", "held", "failures", "hosted", "capacity"]), inner
    ).map(lambda members: {"M": members}),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*records.HISTORY_ATTRIBUTES, "value", "state"]), ANYTHING))
def test_no_item_is_an_error(item: dict[str, Any]) -> None:
    """Jobs can write to the table."""
    history.build_from_item(item)
    history.machine_from_history(item)
    found = records.read_instance({**item, "SK": {"S": f"ID#{ID}"}})
    if isinstance(found, InstanceRecord):
        history.machine_from_record(found, None, NOW)
