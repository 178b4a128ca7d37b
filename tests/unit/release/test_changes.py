"""The changes of release as the plan, the log and the summary show them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from refresh.pool.records import InstanceRecord, wire_time
from refresh.release.changes import CUT_OFF, GiveBack, Offer, Reason, Retire, Terminate
from tests.fakes.serial import NOW
from tests.unit.release.pools import IDS, RUN, record

GIVE_BACK = GiveBack(RUN, record(), NOW, NOW + timedelta(minutes=7))
RETIRE = Retire(RUN, record(), NOW, Reason.NOT_REUSED)


def test_each_change_names_its_machine() -> None:
    for change in (GIVE_BACK, RETIRE, Terminate(IDS[0], RUN), Offer(record(), NOW)):
        assert change.subject == IDS[0]
    assert [str(each) for each in GIVE_BACK.differences] == ["state: running -> idle"]


def test_a_change_that_is_planned_a_moment_later_is_the_same() -> None:
    later = NOW + timedelta(seconds=1)
    assert evolve(GIVE_BACK, at=later, threshold=later) == GIVE_BACK
    assert evolve(RETIRE, at=later) == RETIRE
    assert evolve(Offer(record(), NOW), at=later) == Offer(record(), NOW)
    assert Terminate(IDS[0], RUN, Reason.UNRECORDED) == Terminate(IDS[0], "other")


def test_facts_and_note_describe_the_machine_and_how_long_the_run_had_it() -> None:
    facts = {"label": RUN, "class": "large", "type": "c7i.large", "usage": "on-demand", "seconds": 600}
    assert GIVE_BACK.facts == facts
    assert GIVE_BACK.note.split(", ")[:3] == ["large", "c7i.large", "on-demand"]
    assert "10 min" in GIVE_BACK.note
    assert RETIRE.facts == {**facts, "reason": Reason.NOT_REUSED.value}
    assert RETIRE.note == f"{GIVE_BACK.note}, {Reason.NOT_REUSED.value}"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.RECLAIMED, "EC2 takes it back at 2026-01-31T09:05:00Z"),
        (Reason.TAKEN_BACK, "EC2 took it back at 2026-01-31T09:05:00Z; a job that ran on it was cut off"),
    ],
)
def test_what_ec2_takes_back_is_said_with_the_time(reason: Reason, words: str) -> None:
    change = Retire(RUN, record(), NOW, reason, NOW)
    assert (change.facts["reason"], change.note.endswith(f", {words}")) == (words, True)
    assert evolve(change, cut_off=True).facts["reason"] == f"{words}; {CUT_OFF}"


def test_a_restart_that_cut_off_the_job_is_said_of_a_machine_that_goes_back() -> None:
    change = evolve(GIVE_BACK, cut_off=True)
    assert (change.facts["reason"], change.note) == (CUT_OFF, f"{GIVE_BACK.note}, {CUT_OFF}")
    assert change == GIVE_BACK
    assert evolve(RETIRE, cut_off=True).facts["reason"] == f"{Reason.NOT_REUSED.value}; {CUT_OFF}"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (record(), 600),
        (record(updated_at=wire_time(NOW + timedelta(seconds=20))), 0),
        (record(updated_at=""), None),
        (record(updated_at="soon"), None),
        (record(state="claimed"), None),
        (record(state="created"), None),
    ],
)
def test_a_machine_that_never_ran_has_not_worked_and_none_worked_less_than_nothing(
    given: InstanceRecord, seconds: int | None
) -> None:
    """The clock of the provision that wrote the record may have been ahead."""
    change = evolve(GIVE_BACK, record=given)
    assert change.facts.get("seconds") == seconds
    assert change.worked == (None if seconds is None else timedelta(seconds=seconds))


def test_a_note_leaves_out_what_is_not_recorded() -> None:
    bare = record(resource_class="", instance_type="", usage_class="", state="claimed")
    assert evolve(GIVE_BACK, record=bare).note == ""
    assert evolve(RETIRE, record=bare).note == Reason.NOT_REUSED.value


@pytest.mark.parametrize("reason", [None, *Reason])
def test_a_termination_gives_its_reason_in_words(reason: Reason | None) -> None:
    change = Terminate(IDS[0], RUN, reason)
    assert change.facts == {"label": RUN, "reason": change.note}
    assert reason is None or change.note == reason.value
    assert change.note
