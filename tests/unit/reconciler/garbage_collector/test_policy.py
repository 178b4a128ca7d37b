"""The collector's table of rules: who ends, who is cleaned up, and above all who is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh.engine.change import Difference, Plan
from refresh.pool import names, ownership, records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TemplateIds
from refresh.pool.records import InstanceRecord, Unreadable, wire_time
from refresh.reconciler.garbage_collector import policy, predict, skip_reasons
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, CollectorChange, Mark, Reason, Terminate
from refresh.reconciler.garbage_collector.restores import Restore, restore_of
from refresh.reconciler.garbage_collector.skip_reasons import SkipReason
from tests.fakes.desired import desired
from tests.fakes.serial import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

ID = "i-0123456789abcdef0"
OURS, FORMER, FOREIGN = "lt-ours", "lt-former", "lt-foreign"
TEMPLATES = TemplateIds(OURS, (FORMER,))
PROVISION = {"AllowSelfTermination": "true", "InitialRunId": "42"}
ALIVE = [state for state in Ec2State if state.alive]
LIVING = sorted(records.LIVING_STATES)
TIMES = st.datetimes(datetime(1000, 1, 2), timezones=st.just(UTC)).map(wire_time)  # noqa: DTZ001 - given a zone there
PAST, FUTURE = wire_time(NOW - timedelta(seconds=301)), wire_time(NOW + timedelta(seconds=1))


def _record(state: str = "idle", threshold: str | None = PAST, **changed: Any) -> InstanceRecord:
    return evolve(InstanceRecord(id=ID, state=state, run_id="", threshold=threshold, updated_at=PAST), **changed)


def _machine(state: Ec2State = Ec2State.RUNNING, template: str | None = OURS, **tags: str) -> Ec2Instance:
    origin = {ownership.TEMPLATE_TAG: template} if template else {}
    return Ec2Instance(ID, state, tags={**origin, **{key.replace("_", ":"): value for key, value in tags.items()}})


def _judge(record: InstanceRecord, instance: Ec2Instance) -> policy.Verdict:
    return policy.judge(desired(), record, instance, TEMPLATES, NOW)


def _plan(instances: Iterable[Ec2Instance], *found: InstanceRecord | Unreadable, **changed: Any) -> Plan[Any]:
    actual = Actual({each.id: each for each in instances}, found, TEMPLATES, changed.pop("skew", timedelta()))
    return policy.plan(desired(**changed), actual, NOW)


@pytest.mark.parametrize("state", LIVING)
@pytest.mark.parametrize("ec2", Ec2State)
def test_a_living_record_past_its_threshold_is_marked_whatever_ec2_says(state: str, ec2: Ec2State) -> None:
    """`created` ones expire like the rest."""
    record = _record(state)
    assert _judge(record, _machine(ec2)) == Mark(record, Reason.EXPIRED, NOW)


THERE = [state for state in Ec2State if state not in (Ec2State.TERMINATED, Ec2State.UNKNOWN)]


@pytest.mark.parametrize("state", LIVING)
@pytest.mark.parametrize("ec2", THERE)
@pytest.mark.parametrize("threshold", [FUTURE, "", None, wire_time(NOW)])
def test_a_living_record_that_is_not_past_its_threshold_is_left_alone(
    state: str, ec2: Ec2State, threshold: str | None
) -> None:
    """Nor one without a threshold, nor in the very second of it."""
    assert _judge(_record(state, threshold), _machine(ec2)) is None


@pytest.mark.parametrize("state", LIVING)
@pytest.mark.parametrize("threshold", [FUTURE, "", None, "soon"])
def test_a_living_record_whose_instance_ec2_has_ended_is_marked_as_vanished(state: str, threshold: str | None) -> None:
    """Whatever its threshold says: a spot interruption, somebody's console."""
    record = _record(state, threshold)
    assert _judge(record, _machine(Ec2State.TERMINATED)) == Mark(record, Reason.VANISHED, NOW)
    assert _judge(record, _machine(Ec2State.TERMINATED, FOREIGN)) == Mark(record, Reason.VANISHED, NOW)


@pytest.mark.shows("A57")
@pytest.mark.parametrize("state", LIVING)
def test_an_empty_answer_of_ec2_ends_nobody(state: str) -> None:
    """Its own threshold will; one without any is a warning."""
    assert _judge(_record(state, FUTURE), _machine(Ec2State.UNKNOWN)) is None
    for threshold in ("", None):
        verdict = _judge(_record(state, threshold), _machine(Ec2State.UNKNOWN))
        assert isinstance(verdict, SkipReason)
        assert not verdict.fails
        assert verdict.about([ID]).endswith("EC2 does not know it. It never expires by itself: delete the record.")


OLD = NOW - timedelta(days=7, seconds=1)


@pytest.mark.parametrize("ec2", ALIVE)
def test_an_idle_instance_beyond_its_age_is_marked(ec2: Ec2State) -> None:
    """So a busy pool moves to new images."""
    record = _record("idle", FUTURE)
    assert _judge(record, evolve(_machine(ec2), launched_at=OLD)) == Mark(record, Reason.AGED, NOW)
    assert _judge(record, evolve(_machine(ec2), launched_at=OLD + timedelta(seconds=1))) is None


@pytest.mark.parametrize("state", ["created", "claimed", "running"])
def test_an_instance_at_work_never_ages(state: str) -> None:
    """A build is on it."""
    assert _judge(_record(state, FUTURE), evolve(_machine(), launched_at=OLD)) is None


@pytest.mark.parametrize("ec2", [Ec2State.SHUTTING_DOWN, Ec2State.UNKNOWN])
def test_only_the_living_age(ec2: Ec2State) -> None:
    """The others end by themselves."""
    assert _judge(_record("idle", FUTURE), evolve(_machine(ec2), launched_at=OLD)) is None


@pytest.mark.shows("A8")
@pytest.mark.parametrize("state", LIVING)
@pytest.mark.parametrize("threshold", ["", None])
def test_an_old_living_instance_that_would_stay_for_ever_fails_the_run_by_name(
    state: str, threshold: str | None
) -> None:
    """Nobody else would ever look."""
    plan = _plan([evolve(_machine(), launched_at=OLD)], _record(state, threshold))
    assert (plan.changes, plan.warnings) == ((), ())
    (refusal,) = plan.refusals
    assert refusal.startswith(f"{ID}: it is alive, older than max-instance-age")


def test_a_threshold_of_this_second_has_not_passed() -> None:
    """The mark's condition compares whole seconds as strings; judging finer than that would lose it to nobody."""
    record = _record(threshold=wire_time(NOW))
    assert not policy.expired(record, NOW + timedelta(microseconds=999_999))
    assert policy.expired(record, NOW + timedelta(seconds=1))


@pytest.mark.parametrize("threshold", ["soon", "2026-01-31", "2026-1-1T0:00:00Z", "1738314300", "2020-01-31T09:05:00"])
def test_an_unreadable_threshold_is_a_warning_and_never_a_kill(threshold: str) -> None:
    """However long ago it may mean."""
    verdict = _judge(_record(threshold=threshold), _machine())
    assert isinstance(verdict, SkipReason)
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
    assert isinstance(verdict, SkipReason)


@pytest.mark.shows("A2")
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
    assert (verdict is skip_reasons.UNPROVEN) is not proven


def test_an_unknown_current_template_proves_nothing() -> None:
    """An instance whose template tag is empty is not one of a pool whose template has no id."""
    assert not ownership.proven(Ec2Instance(ID, Ec2State.RUNNING, tags={ownership.TEMPLATE_TAG: ""}), TemplateIds())


@pytest.mark.parametrize("state", ["idle", "running", records.TERMINATED])
@pytest.mark.parametrize("ec2", ALIVE)
def test_a_protected_instance_is_kept_and_mentioned(state: str, ec2: Ec2State) -> None:
    """Its owner wants to look at it."""
    instance = Ec2Instance(ID, ec2, tags={ownership.TEMPLATE_TAG: OURS, names.PROTECTION_TAG: "true"})
    assert _judge(_record(state), instance) is skip_reasons.PROTECTED


def test_protection_does_not_hinder_cleaning_up() -> None:
    """There is nothing left to protect."""
    record = _record(records.TERMINATED)
    instance = Ec2Instance(ID, Ec2State.TERMINATED, tags={names.PROTECTION_TAG: "true"})
    assert _judge(record, instance) == Clean(record)


def test_a_plan_marks_then_terminates_then_cleans() -> None:
    """In the order in which they are sent."""
    marked = evolve(_record(), id="i-00000001")
    ending = evolve(_record(records.TERMINATED), id="i-00000002")
    ended = evolve(_record(records.TERMINATED), id="i-00000003")
    states = ((marked, Ec2State.RUNNING), (ending, Ec2State.RUNNING), (ended, Ec2State.TERMINATED))
    ownership = [evolve(_machine(state), id=each.id) for each, state in states]
    plan = _plan(ownership, ended, ending, marked)
    assert plan == Plan((Mark(marked, Reason.EXPIRED, NOW), Terminate(ending.id), Clean(ended)))


def test_a_recorded_instance_that_ec2_did_not_mention_is_unknown_to_it() -> None:
    """Expired it is marked, since that harms nobody; the termination waits for an answer of EC2."""
    record = _record()
    assert _plan([], record).changes == (Mark(record, Reason.EXPIRED, NOW),)


STRAY_AGE = timedelta(minutes=15, seconds=1)


def _stray(number: int = 0, age: timedelta = STRAY_AGE, template: str | None = OURS, **tags: Any) -> Ec2Instance:
    instance = _machine(Ec2State.RUNNING, template, **tags)
    return evolve(instance, id=f"i-{number:08x}", launched_at=NOW - age)


def test_an_instance_that_nobody_recorded_is_adopted_after_its_grace() -> None:
    """Its provision died before it could; the tag says whose it was."""
    assert _plan([_stray(InitialRunId="42")], _record()).changes[-1:] == (
        Adopt("i-00000000", "42", NOW, NOW - STRAY_AGE),
    )
    assert _plan([_stray(age=STRAY_AGE - timedelta(seconds=1))]).changes == ()
    assert _plan([evolve(_stray(), launched_at=None)]).changes == ()


@pytest.mark.parametrize("ec2", [state for state in Ec2State if not state.alive])
def test_only_the_living_are_adopted(ec2: Ec2State) -> None:
    """There is nothing left to end."""
    assert _plan([evolve(_stray(), state=ec2)]) == Plan()


@pytest.mark.parametrize("template", [FORMER, FOREIGN, None])
def test_an_instance_that_is_not_proven_is_never_adopted(template: str | None) -> None:
    """It does not exist for us."""
    assert _plan([_stray(template=template)]) == Plan()
    adopted = _plan([_stray(template=template, **dict[str, Any](PROVISION))]).changes
    assert bool(adopted) is (template != FOREIGN)


def test_a_protected_stray_is_kept_and_mentioned() -> None:
    """Its owner wants to look at it."""
    plan = _plan([evolve(_stray(), tags={ownership.TEMPLATE_TAG: OURS, names.PROTECTION_TAG: "true"})])
    assert (plan.changes, plan.refusals, len(plan.warnings)) == ((), (), 1)


def test_an_instance_whose_record_cannot_be_read_is_not_adopted() -> None:
    """It is recorded; somebody has to look."""
    assert _plan([_stray()], Unreadable("i-00000000", "it has no state")).changes == ()


@pytest.mark.shows("A6")
@pytest.mark.parametrize(
    ("strays", "living", "limit", "adopted"),
    [
        (1, 1, None, 1),
        (1, 4, None, 1),
        (2, 8, None, 2),
        (2, 7, None, 0),
        (3, 10, 3, 3),
        (4, 10, 3, 0),
        (1, 10, 0, 0),
    ],
)
def test_more_strays_than_the_limit_are_not_touched_and_fail_the_run(
    strays: int, living: int, limit: int | None, adopted: int
) -> None:
    """The larger of 1 and a fifth of the living, or what is asked for."""
    recorded = [evolve(_record("running", FUTURE), id=f"i-{number:08x}") for number in range(100, 100 + living)]
    ownership = [*(_stray(number) for number in range(strays)), *(evolve(_stray(), id=each.id) for each in recorded)]
    plan = _plan(ownership, *recorded, max_unexpected_terminations=limit)
    assert len(plan.changes) == adopted
    assert len(plan.refusals) == (0 if adopted else 1)
    if not adopted:
        assert "max-unexpected-terminations" in plan.refusals[0]
        assert "i-00000000" in plan.refusals[0]


def test_what_was_adopted_and_still_lives_counts_towards_the_limit() -> None:
    """A rerun must not adopt as many again."""
    unrecorded = (("endedReason", "unrecorded"),)
    first = evolve(_record(records.TERMINATED), id="i-00000000", ended=unrecorded)
    plan = _plan([_stray(0), _stray(1)], first)
    assert plan.changes == (Terminate("i-00000000"),)
    assert len(plan.refusals) == 1
    ended = evolve(_stray(0), state=Ec2State.TERMINATED)
    assert [type(change) for change in _plan([ended, _stray(1)], first).changes] == [Adopt, Clean]


@pytest.mark.shows("A6")
def test_an_emptied_table_ends_nobody() -> None:
    """Two instances alive and no record at all is somebody's mistake."""
    for limit in (None, 100):
        plan = _plan([_stray(0), _stray(1)], max_unexpected_terminations=limit)
        assert plan.changes == ()
        assert "the table looks emptied" in plan.refusals[0]
    fresh = timedelta(minutes=1)
    assert _plan([_stray(0, fresh), _stray(1, fresh)]) == Plan()


@pytest.mark.shows("A58")
@pytest.mark.parametrize("seconds", [61, -61, 86_400])
def test_a_clock_that_is_off_marks_and_adopts_nothing_and_fails_the_run(seconds: int) -> None:
    """Terminating and cleaning go on: they need no clock of ours."""
    marked = evolve(_record(records.TERMINATED), id="i-00000002")
    ownership = [_stray(0), evolve(_machine(), id="i-00000002"), _machine()]
    plan = _plan(ownership, _record(), marked, skew=timedelta(seconds=seconds))
    assert plan.changes == (Terminate("i-00000002"),)
    side = "behind" if seconds > 0 else "ahead of"
    problem = f"this machine's clock is {abs(seconds)} s {side} AWS's, so no instance was marked or adopted by it."
    assert plan.refusals == (f"{problem} Set the runner's clock.",)


LONG_AGO = NOW - timedelta(days=30)


@pytest.mark.shows("A8")
@pytest.mark.parametrize("state", LIVING)
@pytest.mark.parametrize("threshold", ["garbage", "9999-12-31T23:59:59Z", wire_time(NOW + timedelta(hours=122))])
def test_an_old_living_instance_that_nothing_will_ever_end_fails_the_run(state: str, threshold: str) -> None:
    """A job can write such a record for its own runner, to keep it."""
    instance = evolve(_machine(), launched_at=LONG_AGO)
    verdict = _judge(_record(state, threshold), instance)
    if state == "idle" and threshold != "garbage":
        assert verdict == Mark(_record(state, threshold), Reason.AGED, NOW)
    else:
        assert isinstance(verdict, SkipReason)
        assert verdict.fails
    assert _judge(_record("running", wire_time(NOW + timedelta(hours=120))), instance) is None


@pytest.mark.shows("A8")
def test_an_old_living_instance_whose_record_cannot_be_read_fails_the_run() -> None:
    """It counts as recorded, so nobody adopts it; a young one is a warning."""
    unreadable = Unreadable(ID, "its state is none that is known")
    assert ID in _plan([evolve(_machine(), launched_at=LONG_AGO)], unreadable).refusals[0]
    young = _plan([evolve(_machine(), launched_at=NOW)], unreadable)
    assert (young.refusals, len(young.warnings)) == ((), 1)
    ended = _plan([evolve(_machine(Ec2State.TERMINATED), launched_at=LONG_AGO)], unreadable)
    assert ended.refusals == ()


def test_a_state_that_ec2_learns_some_day_counts_as_alive() -> None:
    """Nothing of it is cleaned, and one that is marked is told to end."""
    other = Ec2State("hibernating")
    assert (other, other.alive) == (Ec2State.OTHER, True)
    assert _judge(_record(records.TERMINATED), _machine(other)) == Terminate(ID)
    assert _judge(_record(threshold=FUTURE), _machine(other)) is None


def test_a_judgement_carries_the_time_by_which_it_was_made() -> None:
    """It is the threshold that a mark writes, and the condition that it waits for."""
    young = _record(threshold=FUTURE)
    old = evolve(_machine(), launched_at=NOW - timedelta(days=8))
    expired, vanished = _judge(_record(), _machine()), _judge(young, _machine(Ec2State.TERMINATED))
    aged = _judge(young, old)
    (adopted,) = _plan([_stray()], _record(threshold=FUTURE)).changes
    for change in (expired, vanished, aged, adopted):
        assert isinstance(change, Mark | Adopt)
        assert change.judged_at == NOW
    assert isinstance(aged, Mark)
    assert (aged.launched_at, aged.note) == (old.launched_at, "aged, launched 8 d ago")
    assert adopted.launched_at == NOW - STRAY_AGE


def test_an_adoption_without_provision_s_tag_names_no_run() -> None:
    """Launched from the template by hand."""
    stray = evolve(_stray(), tags={ownership.TEMPLATE_TAG: OURS})
    (adopted,) = _plan([stray], _record(threshold=FUTURE)).changes
    assert adopted.run_id == ""


@pytest.mark.parametrize("seconds", [60, -60, 0])
def test_a_clock_that_is_a_minute_off_is_good_enough(seconds: int) -> None:
    """Dates come in whole seconds and late."""
    plan = _plan([_machine()], _record(), skew=timedelta(seconds=seconds))
    assert plan == Plan((Mark(_record(), Reason.EXPIRED, NOW),))


def test_doubts_are_one_warning_a_kind_with_ten_ids_at_most() -> None:
    """A flood of forged records must not flood the log."""
    forged = tuple(evolve(_record(), id=f"i-{number:08x}") for number in range(13))
    instances = {each.id: evolve(_machine(template=FOREIGN), id=each.id) for each in forged}
    unreadable = (
        Unreadable("nonsense", "its identifier is not an instance id"),
        Unreadable("(key '')", "it has no state"),
    )
    plan = _plan(instances.values(), *forged, *unreadable)
    assert plan.changes == ()
    assert len(plan.warnings) == 3
    assert plan.warnings[0].startswith("i-00000000, ")
    assert " and 3 more: the record names an instance that EC2 does not show to be of this pool." in plan.warnings[0]
    assert plan.warnings[1].startswith("nonsense: its identifier is not an instance id. It was skipped")
    assert plan.warnings[2].startswith("(key ''): it has no state.")


def test_the_changes_say_what_they_do() -> None:
    """As the log and the summary show them."""
    record = _record("running")
    mark = Mark(record, Reason.EXPIRED, NOW)
    adopt = Adopt(ID, "42", NOW, NOW - timedelta(minutes=20))
    assert [str(change) for change in (mark, adopt, Terminate(ID), Clean(record))] == [
        f"mark instance {ID}",
        f"adopt instance {ID}",
        f"terminate instance {ID}",
        f"clean instance {ID}",
    ]
    assert mark.differences == (
        Difference("state", "running", "terminated"),
        Difference("threshold", PAST, wire_time(NOW)),
    )
    assert mark.note == "expired 5 min ago"
    assert Mark(record, Reason.VANISHED, NOW).note == "vanished"
    assert Mark(record, Reason.AGED, NOW, NOW - timedelta(days=9)).note == "aged, launched 9 d ago"
    assert adopt.note == "unrecorded, launched 20 min ago"


def test_a_mark_judged_again_a_second_later_is_the_same_change() -> None:
    """So a pass that plans it again recognises it."""
    assert Mark(_record(), Reason.EXPIRED, NOW) == Mark(_record(), Reason.EXPIRED, NOW + timedelta(seconds=1))


@given(
    st.builds(
        InstanceRecord,
        id=st.just(ID),
        state=st.sampled_from([*LIVING, records.TERMINATED]),
        run_id=st.none() | st.text(),
        threshold=st.none() | st.text() | TIMES,
        updated_at=st.text() | TIMES,
    ),
    st.builds(
        Ec2Instance,
        id=st.just(ID),
        state=st.sampled_from(Ec2State),
        tags=st.dictionaries(
            st.sampled_from([ownership.TEMPLATE_TAG, names.PROTECTION_TAG, *PROVISION]),
            st.sampled_from(["", "true", OURS, FORMER, FOREIGN]),
        ),
    ),
)
def test_whatever_is_recorded_the_rules_hold(record: InstanceRecord, instance: Ec2Instance) -> None:
    """Terminate only what is marked, mark only what is expired, touch nothing alive without proof."""
    verdict = _judge(record, instance)
    match verdict:
        case Mark():
            assert record.state in records.LIVING_STATES
            if verdict.reason is Reason.EXPIRED:
                assert record.expires is not None
                assert record.expires < NOW
            else:
                assert instance.state is Ec2State.TERMINATED
        case Terminate():
            assert record.state == records.TERMINATED
            assert instance.state.alive
        case Clean():
            assert record.state == records.TERMINATED
            assert instance.state in {Ec2State.TERMINATED, Ec2State.UNKNOWN}
        case _:
            return
    if instance.state.alive:
        assert ownership.proven(instance, TEMPLATES)
        assert not instance.protected


def test_a_program_is_told_of_a_mark_what_a_person_is() -> None:
    """By how much it was overdue, and 0 where it was not."""
    assert Mark(_record("running", run_id="42", resource_class="large"), Reason.EXPIRED, NOW).facts == {
        "reason": "expired",
        "state": "running",
        "class": "large",
        "run_id": "42",
        "overdue_seconds": 301,
    }
    for threshold in (None, "soon", FUTURE):
        assert Mark(_record(threshold=threshold, run_id=None), Reason.VANISHED, NOW).facts == {
            "reason": "vanished",
            "state": "idle",
            "class": "",
            "run_id": "",
            "overdue_seconds": 0,
        }


def test_only_an_aged_instance_is_told_by_its_launch() -> None:
    """The others end for another reason."""
    assert Mark(_record(), Reason.VANISHED, NOW, NOW).note == "vanished"


def test_a_program_is_told_of_an_adoption_why_and_for_which_run_it_was_launched() -> None:
    """It has no record that could say more."""
    assert Adopt(ID, "42", NOW, NOW).facts == {"reason": "unrecorded", "run_id": "42"}


def test_a_termination_tells_what_it_was_marked_as() -> None:
    """As its record says, if it does."""
    marked = _record("terminated", ended=(("endedBy", "x"), ("endedReason", "expired")))
    assert Terminate(ID, marked).note == "marked as expired"
    assert [Terminate(ID, each).note for each in (None, _record("terminated"))] == ["", ""]
    verdict = _judge(marked, _machine())
    assert isinstance(verdict, Terminate)
    assert verdict.record is marked


@pytest.mark.parametrize("launched_at", [None, NOW])
def test_an_unreadable_threshold_of_a_young_instance_is_a_warning(launched_at: datetime | None) -> None:
    """It fails the run only once the instance is older than any may be."""
    young = evolve(_machine(), launched_at=launched_at)
    assert _judge(_record(threshold="soon"), young) is skip_reasons.UNREADABLE_THRESHOLD


@pytest.mark.parametrize(("seconds", "verdict"), [(0, None), (1, skip_reasons.FAR_THRESHOLD)])
def test_a_threshold_may_be_as_far_away_as_any_run_may_last(seconds: int, verdict: SkipReason | None) -> None:
    """And not a second further."""
    old = evolve(_machine(), launched_at=NOW - timedelta(days=8))
    far = wire_time(NOW + policy.LONGEST_LEASE + timedelta(seconds=seconds))
    assert _judge(_record("running", far), old) is verdict


def test_what_will_be_is_what_the_changes_say() -> None:
    """A dry run tells by it what the next passes have to do."""
    marked, gone, ended = (_record(id=f"i-0000000{number}", run_id="7") for number in (1, 2, 3))
    unreadable = Unreadable("x", "y")
    there = {each: Ec2Instance(each, Ec2State.RUNNING, tags={"kept": "x"}) for each in (marked.id, ID)}
    changes: list[CollectorChange] = [
        Mark(marked, Reason.EXPIRED, NOW),
        Mark(gone, Reason.EXPIRED, NOW),
        Adopt(ID, "42", NOW, None),
        Clean(ended),
        Terminate(marked.id),
    ]
    now = wire_time(NOW)
    written: dict[str, Any] = {"state": "terminated", "run_id": "", "threshold": now, "updated_at": now}
    assert predict.predict(Actual(there, (marked, unreadable, gone, ended), TEMPLATES), changes, NOW) == Actual(
        {
            marked.id: Ec2Instance(marked.id, Ec2State.TERMINATED, tags={"kept": "x"}),
            ID: there[ID],
            gone.id: Ec2Instance(gone.id, Ec2State.TERMINATED),
        },
        (evolve(marked, **written), evolve(gone, **written), InstanceRecord(id=ID, **written), unreadable),
        TEMPLATES,
    )


RESTORE = Restore(NOW - timedelta(hours=3), NOW - timedelta(hours=1))
BEFORE, SINCE = wire_time(RESTORE.made_at), wire_time(RESTORE.made_at + timedelta(seconds=1))


def _plan_restored(instances: Iterable[Ec2Instance], *found: InstanceRecord, restore: Restore = RESTORE) -> Plan[Any]:
    actual = Actual({each.id: each for each in instances}, found, TEMPLATES, restore=restore)
    return policy.plan(desired(), actual, NOW)


@pytest.mark.parametrize("written", [BEFORE, wire_time(RESTORE.to), "", "yesterday"])
@pytest.mark.parametrize("state", LIVING)
def test_no_living_instance_ends_by_a_record_that_was_restored(state: str, written: str) -> None:
    """Its threshold is that of the backup; the run fails with the restore, the instance and the remedy."""
    planned = _plan_restored([_machine()], _record(state, updated_at=written))
    assert planned.changes == ()
    (refusal,) = planned.refusals
    assert refusal.startswith(
        f"{ID}: alive and due to end only by a record that is older than the restore of the table to"
    )
    assert "2026-01-31T06:05:00Z" in refusal
    assert "docs/operations.md" in refusal


def test_a_restored_idle_instance_does_not_age() -> None:
    """It may have been claimed since."""
    old = evolve(_machine(), launched_at=NOW - timedelta(days=8))
    planned = _plan_restored([old], _record("idle", FUTURE, updated_at=BEFORE))
    assert (planned.changes, len(planned.refusals)) == ((), 1)


def test_a_record_that_was_written_since_the_restore_is_one_like_any_other() -> None:
    """The check ends by itself, instance by instance."""
    for since in (SINCE, SINCE.replace("Z", ".250Z")):
        record = _record(updated_at=since)
        assert _plan_restored([_machine()], record) == Plan((Mark(record, Reason.EXPIRED, NOW),))


def test_what_ec2_has_ended_is_collected_in_a_restored_table_as_well() -> None:
    """EC2 says so, not the threshold; what it does not know has to be unknown for a while."""
    record, marked = _record(updated_at=BEFORE), _record(records.TERMINATED, updated_at=BEFORE)
    assert _plan_restored([_machine(Ec2State.TERMINATED)], record) == Plan((Mark(record, Reason.VANISHED, NOW),))
    gone = evolve(record, threshold=FUTURE)
    assert _plan_restored([_machine(Ec2State.TERMINATED)], gone) == Plan((Mark(gone, Reason.VANISHED, NOW),))
    assert _plan_restored([_machine(Ec2State.SHUTTING_DOWN)], record) == Plan()
    assert _plan_restored([], record) == Plan((Mark(record, Reason.EXPIRED, NOW),))
    assert _plan_restored([], record, restore=Restore(RESTORE.to, NOW - policy.UNKNOWN_GRACE)) == Plan()
    assert _plan_restored([_machine()], marked) == Plan((Terminate(ID, marked),))
    assert _plan_restored([_machine(Ec2State.TERMINATED)], marked) == Plan((Clean(marked),))


def test_what_a_restored_table_does_not_record_is_not_adopted() -> None:
    """It may have been recorded after the backup, and have a job; what was launched later is judged as ever."""
    other = _record("running", FUTURE, id="i-0123456789abcdef1")
    lost = evolve(_machine(), launched_at=RESTORE.made_at)
    planned = _plan_restored([lost], other)
    assert planned.changes == ()
    assert "not recorded in it" in planned.refusals[0]
    stray = evolve(_machine(), launched_at=RESTORE.made_at + timedelta(minutes=16))
    assert _plan_restored([stray], other).changes == (Adopt(ID, "", NOW, stray.launched_at),)


def test_a_restore_is_read_from_the_table_s_description() -> None:
    """Its time is that of the backup; the table is made later. Only some tables were restored."""
    summary = {"RestoreDateTime": RESTORE.to, "RestoreInProgress": False}
    assert restore_of({"RestoreSummary": summary, "CreationDateTime": RESTORE.made_at}) == RESTORE
    assert restore_of({"RestoreSummary": summary}) == Restore(RESTORE.to, RESTORE.to)
    assert restore_of({"CreationDateTime": NOW}) is restore_of(None) is None
