"""The collector's table of rules: who ends, who is cleaned up, and above all who is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh import records
from refresh.reconciler.garbage_collector import policy
from refresh.reconciler.garbage_collector.policy import (
    Actual,
    Clean,
    Doubt,
    Ec2State,
    Machine,
    Mark,
    Reason,
    TemplateIds,
    Terminate,
)
from refresh.records import Instance, Unreadable, wire_time
from refresh.report import Difference
from tests.fakes.serial import NOW

ID = "i-0123456789abcdef0"
OURS, FORMER, FOREIGN = "lt-ours", "lt-former", "lt-foreign"
TEMPLATES = TemplateIds(OURS, (FORMER,))
PROVISION = {"AllowSelfTermination": "true", "InitialRunId": "42"}
ALIVE = [state for state in Ec2State if state.alive]
LIVING = sorted(records.LIVING_STATES)
TIMES = st.datetimes(datetime(1000, 1, 2), timezones=st.just(UTC)).map(wire_time)  # noqa: DTZ001 - given a zone there
PAST, FUTURE = wire_time(NOW - timedelta(seconds=301)), wire_time(NOW + timedelta(seconds=1))


def _record(state: str = "idle", threshold: str | None = PAST, **changed: Any) -> Instance:
    return evolve(Instance(id=ID, state=state, run_id="", threshold=threshold, updated_at=PAST), **changed)


def _machine(state: Ec2State = Ec2State.RUNNING, template: str | None = OURS, **tags: str) -> Machine:
    origin = {policy.TEMPLATE_TAG: template} if template else {}
    return Machine(ID, state, tags={**origin, **{key.replace("_", ":"): value for key, value in tags.items()}})


def _judge(record: Instance, machine: Machine) -> policy.Verdict:
    return policy.judge(record, machine, TEMPLATES, NOW)


@pytest.mark.parametrize("state", LIVING)
@pytest.mark.parametrize("ec2", Ec2State)
def test_a_living_record_past_its_threshold_is_marked_whatever_ec2_says(state: str, ec2: Ec2State) -> None:
    """`created` ones expire like the rest."""
    record = _record(state)
    assert _judge(record, _machine(ec2)) == Mark(record, Reason.EXPIRED, NOW)


@pytest.mark.parametrize("state", LIVING)
@pytest.mark.parametrize("ec2", Ec2State)
@pytest.mark.parametrize("threshold", [FUTURE, "", None, wire_time(NOW)])
def test_a_living_record_that_is_not_past_its_threshold_is_left_alone(
    state: str, ec2: Ec2State, threshold: str | None
) -> None:
    """Nor one without a threshold, nor in the very second of it."""
    assert _judge(_record(state, threshold), _machine(ec2)) is None


def test_a_threshold_of_this_second_has_not_passed() -> None:
    """The mark's condition compares whole seconds as strings; judging finer than that would lose it to nobody."""
    record = _record(threshold=wire_time(NOW))
    assert not policy.expired(record, NOW + timedelta(microseconds=999_999))
    assert policy.expired(record, NOW + timedelta(seconds=1))


@pytest.mark.parametrize("threshold", ["soon", "2026-01-31", "2026-1-1T0:00:00Z", "1738314300", "2020-01-31T09:05:00"])
def test_an_unreadable_threshold_is_a_warning_and_never_a_kill(threshold: str) -> None:
    """However long ago it may mean."""
    verdict = _judge(_record(threshold=threshold), _machine())
    assert isinstance(verdict, Doubt)
    assert "threshold" in verdict.problem


@pytest.mark.parametrize("ec2", ALIVE)
def test_a_marked_record_whose_instance_lives_is_terminated(ec2: Ec2State) -> None:
    """Also when an earlier run marked it and died."""
    assert _judge(_record(records.TERMINATED), _machine(ec2)) == Terminate(ID)


def test_nothing_is_cleaned_while_the_instance_shuts_down() -> None:
    """A dying instance still beats: its artifacts would come back."""
    assert _judge(_record(records.TERMINATED), _machine(Ec2State.SHUTTING_DOWN)) is None


def test_an_ended_instance_is_cleaned_up() -> None:
    """Once EC2 calls it terminated."""
    record = _record(records.TERMINATED)
    assert _judge(record, _machine(Ec2State.TERMINATED)) == Clean(record)


@pytest.mark.parametrize(("age", "cleaned"), [(599, False), (600, False), (601, True), (86_400, True)])
def test_an_instance_that_ec2_does_not_know_is_gone_once_its_mark_is_ten_minutes_old(
    age: int, *, cleaned: bool
) -> None:
    """EC2 answers late about what was launched a moment ago."""
    record = _record(records.TERMINATED, updated_at=wire_time(NOW - timedelta(seconds=age)))
    assert _judge(record, _machine(Ec2State.UNKNOWN)) == (Clean(record) if cleaned else None)


def test_the_mark_s_age_is_its_threshold_where_the_update_time_cannot_be_read() -> None:
    """A mark writes both."""
    record = _record(records.TERMINATED, threshold=wire_time(NOW - timedelta(days=1)), updated_at="soon")
    assert _judge(record, _machine(Ec2State.UNKNOWN)) == Clean(record)


def test_a_mark_without_a_readable_time_is_a_warning() -> None:
    """Nobody knows whether EC2 has had time to answer."""
    verdict = _judge(_record(records.TERMINATED, "", updated_at=""), _machine(Ec2State.UNKNOWN))
    assert isinstance(verdict, Doubt)


@pytest.mark.parametrize(
    ("template", "tags", "proven"),
    [
        (OURS, {}, True),
        (FORMER, PROVISION, True),
        (None, PROVISION, True),
        (FORMER, {}, False),
        (None, {}, False),
        (None, {"AllowSelfTermination": "true"}, False),
        (None, {"InitialRunId": "42"}, False),
        (None, {**PROVISION, "AllowSelfTermination": "false"}, False),
        (FOREIGN, PROVISION, False),
    ],
)
@pytest.mark.parametrize("state", ["idle", "running", records.TERMINATED])
@pytest.mark.parametrize("ec2", ALIVE)
def test_nothing_alive_is_touched_without_ec2_s_own_proof(
    template: str | None, tags: dict[str, str], state: str, ec2: Ec2State, *, proven: bool
) -> None:
    """A job on a runner can write records; tags of AWS it cannot."""
    verdict = _judge(_record(state), _machine(ec2, template, **tags))
    assert isinstance(verdict, Mark | Terminate) is proven
    assert (verdict is policy._UNPROVEN) is not proven


def test_an_unknown_current_template_proves_nothing() -> None:
    """An instance whose template tag is empty is not one of a pool whose template has no id."""
    assert not policy.proven(Machine(ID, Ec2State.RUNNING, tags={policy.TEMPLATE_TAG: ""}), TemplateIds())


@pytest.mark.parametrize("state", ["idle", "running", records.TERMINATED])
@pytest.mark.parametrize("ec2", ALIVE)
def test_a_protected_instance_is_kept_and_mentioned(state: str, ec2: Ec2State) -> None:
    """Its owner wants to look at it."""
    assert _judge(_record(state), _machine(ec2, refresh_action="")) is not policy._PROTECTED
    machine = Machine(ID, ec2, tags={policy.TEMPLATE_TAG: OURS, policy.PROTECTION_TAG: "true"})
    assert _judge(_record(state), machine) is policy._PROTECTED


def test_protection_does_not_hinder_cleaning_up() -> None:
    """There is nothing left to protect."""
    record = _record(records.TERMINATED)
    machine = Machine(ID, Ec2State.TERMINATED, tags={policy.PROTECTION_TAG: "true"})
    assert _judge(record, machine) == Clean(record)


def test_a_plan_marks_then_terminates_then_cleans() -> None:
    """In the order in which they are sent."""
    marked = evolve(_record(), id="i-00000001")
    ending = evolve(_record(records.TERMINATED), id="i-00000002")
    ended = evolve(_record(records.TERMINATED), id="i-00000003")
    machines = {
        each.id: evolve(_machine(state), id=each.id)
        for each, state in ((marked, Ec2State.RUNNING), (ending, Ec2State.RUNNING), (ended, Ec2State.TERMINATED))
    }
    plan = policy.plan(Actual(machines, (ended, ending, marked), TEMPLATES), NOW)
    assert plan.changes == (Mark(marked, Reason.EXPIRED, NOW), Terminate(ending.id), Clean(ended))
    assert plan.warnings == ()


def test_a_recorded_instance_that_ec2_did_not_mention_is_unknown_to_it() -> None:
    """Expired it is marked, since that harms nobody; the termination waits for an answer of EC2."""
    record = _record()
    assert policy.plan(Actual({}, (record,), TEMPLATES), NOW).changes == (Mark(record, Reason.EXPIRED, NOW),)


def test_machines_without_a_record_do_not_exist_for_the_rules() -> None:
    """Whatever they are."""
    assert policy.plan(Actual({ID: _machine()}, (), TEMPLATES), NOW).changes == ()


def test_doubts_are_one_warning_a_kind_with_ten_ids_at_most() -> None:
    """A flood of forged records must not flood the log."""
    forged = tuple(evolve(_record(), id=f"i-{number:08x}") for number in range(13))
    machines = {each.id: evolve(_machine(template=FOREIGN), id=each.id) for each in forged}
    unreadable = (Unreadable("nonsense", "its identifier is not an instance id"), Unreadable("", "it has no state"))
    plan = policy.plan(Actual(machines, (*forged, *unreadable), TEMPLATES), NOW)
    assert plan.changes == ()
    assert len(plan.warnings) == 3
    assert plan.warnings[0].startswith("i-00000000, ")
    assert " and 3 more: the record names an instance that EC2 does not show to be of this pool." in plan.warnings[0]
    assert plan.warnings[1].startswith("nonsense: its identifier is not an instance id. It was skipped")
    assert plan.warnings[2].startswith("(no identifier): it has no state.")


def test_the_changes_say_what_they_do() -> None:
    """As the log and the summary show them."""
    record = _record("running")
    mark = Mark(record, Reason.EXPIRED, NOW)
    assert [str(change) for change in (mark, Terminate(ID), Clean(record))] == [
        f"mark instance {ID}",
        f"terminate instance {ID}",
        f"clean instance {ID}",
    ]
    assert mark.differences == (
        Difference("state", "running", "terminated"),
        Difference("threshold", PAST, wire_time(NOW)),
    )
    assert mark.note == "expired 301 s ago"


def test_a_mark_judged_again_a_second_later_is_the_same_change() -> None:
    """So a pass that plans it again recognises it."""
    assert Mark(_record(), Reason.EXPIRED, NOW) == Mark(_record(), Reason.EXPIRED, NOW + timedelta(seconds=1))


@given(
    st.builds(
        Instance,
        id=st.just(ID),
        state=st.sampled_from([*LIVING, records.TERMINATED]),
        run_id=st.none() | st.text(),
        threshold=st.none() | st.text() | TIMES,
        updated_at=st.text() | TIMES,
    ),
    st.builds(
        Machine,
        id=st.just(ID),
        state=st.sampled_from(Ec2State),
        tags=st.dictionaries(
            st.sampled_from([policy.TEMPLATE_TAG, policy.PROTECTION_TAG, *PROVISION]),
            st.sampled_from(["", "true", OURS, FORMER, FOREIGN]),
        ),
    ),
)
def test_whatever_is_recorded_the_rules_hold(record: Instance, machine: Machine) -> None:
    """Terminate only what is marked, mark only what is expired, touch nothing alive without proof."""
    verdict = _judge(record, machine)
    match verdict:
        case Mark():
            assert record.state in records.LIVING_STATES
            assert record.expires is not None
            assert record.expires < NOW
        case Terminate():
            assert record.state == records.TERMINATED
            assert machine.state.alive
        case Clean():
            assert record.state == records.TERMINATED
            assert machine.state in {Ec2State.TERMINATED, Ec2State.UNKNOWN}
        case _:
            return
    if machine.state.alive:
        assert policy.proven(machine, TEMPLATES)
        assert not machine.protected
