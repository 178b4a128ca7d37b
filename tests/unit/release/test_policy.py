"""Which machines go back, which end, and above all which are left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh import errors
from refresh.engine.change import Plan
from refresh.pool import lifecycle, ownership, records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TEMPLATE_TAG
from refresh.pool.records import InstanceRecord, Unreadable, wire_time
from refresh.pool.signals import Report
from refresh.ports import WorkflowJob
from refresh.release import policy, predict
from refresh.release.actual import Actual, Labelled
from refresh.release.changes import GiveBack, Offer, Reason, Retire, Terminate
from tests.fakes.serial import NOW
from tests.unit.reconciler.pools import TEMPLATE_ID
from tests.unit.release import pools
from tests.unit.release.pools import AHEAD, IDS, PAST, PROTECTION, RUN, SETTINGS, instance, job, record

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIVE = [state for state in Ec2State if state.alive]
GONE = [state for state in Ec2State if not state.alive]
DOWN = errors.Unavailable("ec2:DescribeInstances", "InternalError", "down.")
SILENT = errors.Unavailable("GitHub GET jobs", "Timeout", "silent.")


def _plan(actual: Actual, **wanted: Any) -> Plan[Any]:
    return policy.plan(pools.desired(**wanted), actual, NOW)


def _give_back(given: InstanceRecord) -> GiveBack:
    return GiveBack(given.run_id or "", given, NOW, NOW + pools.IDLE_TIME)


@pytest.mark.parametrize(
    ("changed", "seen", "reason"),
    [
        ({}, None, None),
        ({}, Ec2State.RUNNING, None),
        ({"usage_class": "spot"}, Ec2State.RUNNING, None),
        *(({"usage_class": "spot"}, state, Reason.GONE) for state in GONE),
        *(({"state": state}, ec2, Reason.NEVER_RAN) for state in ("created", "claimed") for ec2 in ALIVE),
        *(({"state": state}, Ec2State.TERMINATED, Reason.GONE) for state in ("created", "claimed")),
        *(({"state": state, "threshold": PAST}, Ec2State.RUNNING, Reason.EXPIRED) for state in ("created", "running")),
        ({"threshold": wire_time(NOW)}, Ec2State.RUNNING, Reason.EXPIRED),
        ({"threshold": wire_time(pools.after(1))}, Ec2State.RUNNING, None),
        ({"threshold": PAST}, Ec2State.TERMINATED, Reason.EXPIRED),
    ],
)
def test_a_machine_goes_back_unless_there_is_a_reason_to_end_it(
    changed: dict[str, Any], seen: Ec2State | None, reason: Reason | None
) -> None:
    given = record(**changed)
    plan = _plan(pools.actual(given, instances=[instance(0, seen)] if seen else None))
    assert plan == Plan((Retire(RUN, given, NOW, reason) if reason else _give_back(given),))


SOON = pools.after(90)


@pytest.mark.parametrize("state", ["running", "created", "claimed"])
@pytest.mark.parametrize(
    ("at", "seen", "reason"),
    [
        (SOON, Ec2State.RUNNING, Reason.RECLAIMED),
        (NOW, Ec2State.RUNNING, Reason.TAKEN_BACK),
        (SOON, Ec2State.SHUTTING_DOWN, Reason.TAKEN_BACK),
        (SOON, Ec2State.TERMINATED, Reason.TAKEN_BACK),
    ],
)
def test_a_machine_that_ec2_takes_back_ends_instead_of_going_back(
    state: str, at: datetime, seen: Ec2State, reason: Reason
) -> None:
    for known in (record(state=state, usage_class="spot"), record(state=state, threshold=PAST)):
        seen_now = pools.actual(known, instances=[instance(0, seen)], reports={IDS[0]: Report(reclaimed_at=at)})
        (change,) = _plan(seen_now).changes
        assert change == Retire(RUN, known, NOW, reason)
        assert change.reclaimed_at == at


def test_ec2_is_asked_for_a_machine_that_it_takes_back_whatever_its_record_says() -> None:
    reports = {IDS[0]: Report(reclaimed_at=SOON), IDS[1]: Report(beat=NOW)}
    assert policy.questionable(pools.desired(), pools.actual(record(), record(1), reports=reports), NOW) == [IDS[0]]


def test_what_ec2_takes_back_is_not_ended_without_proof() -> None:
    foreign = evolve(instance(), tags={TEMPLATE_TAG: "lt-foreign"})
    plan = _plan(pools.actual(record(), instances=[foreign], reports={IDS[0]: Report(reclaimed_at=SOON)}))
    assert (plan.changes, len(plan.warnings)) == ((), 1)


@pytest.mark.parametrize(
    ("given", "label", "told"),
    [(record(), RUN, True), (record(), "42", False), (record(), "", False), (record(threshold=PAST), RUN, True)],
)
def test_a_restart_that_cut_off_a_job_of_the_label_is_a_warning(
    given: InstanceRecord, label: str, *, told: bool
) -> None:
    plan = _plan(pools.actual(given, instances=[instance()], reports={IDS[0]: Report(cut_off=label)}))
    (change,) = plan.changes
    assert change.cut_off is told
    assert [each.startswith(f"{IDS[0]}: a restart of the machine cut off") for each in plan.warnings] == [True] * told


def test_reports_that_were_not_read_are_a_warning_and_machines_go_back() -> None:
    plan = _plan(pools.actual(record(), reports_error=DOWN))
    assert plan.changes == (_give_back(record()),)
    assert [str(DOWN) in each for each in plan.warnings] == [True]


@pytest.mark.parametrize("state", ["running", "created", "claimed"])
def test_a_machine_that_ec2_does_not_know_ends(state: str) -> None:
    plan = _plan(pools.actual(record(state=state), instances=[]))
    assert plan == Plan((Retire(RUN, record(state=state), NOW, Reason.GONE),))


@pytest.mark.parametrize(("reuse", "told", "ends"), [
    (None, False, False), (None, True, True), (False, False, True), (True, True, False), (True, False, False),
    (False, True, True),
])  # fmt: skip
def test_the_input_reuse_decides_and_without_it_what_provision_was_asked_for(
    *, reuse: bool | None, told: bool, ends: bool
) -> None:
    single_use = frozenset({RUN} if told else {"77-other"})
    (change,) = _plan(pools.actual(record(), instances=[instance()], single_use=single_use), reuse=reuse).changes
    assert change == (Retire(RUN, record(), NOW, Reason.NOT_REUSED) if ends else _give_back(record()))


def test_the_new_time_counts_from_now_by_the_clock_of_aws() -> None:
    skew = timedelta(seconds=59)
    (change,) = _plan(pools.actual(record(), skew=skew)).changes
    assert (change.at, change.threshold) == (NOW + skew, NOW + skew + pools.IDLE_TIME)


@pytest.mark.parametrize(
    ("seconds", "side"), [(60, ""), (-60, ""), (61, "behind"), (-61, "ahead of"), (86_400, "behind")]
)
def test_a_clock_more_than_a_minute_off_releases_nothing(seconds: int, side: str) -> None:
    plan = _plan(pools.actual(record(), skew=timedelta(seconds=seconds)))
    assert len(plan.changes) == (0 if side else 1)
    assert [f" {abs(seconds)} s {side} AWS" in refusal for refusal in plan.refusals] == ([True] if side else [])


@pytest.mark.parametrize(
    "given",
    [
        record(state="idle"),
        record(state="idle", threshold=PAST),
        *(record(threshold=threshold) for threshold in (None, "", "soon", "2026-01-31", "x" * 1000)),
        record(state="created", threshold="soon"),
        Unreadable(IDS[0], "its state is unknown"),
        Unreadable("(key 'x')", "its identifier is not an instance id"),
    ],
)
def test_a_record_that_nobody_understands_is_left_alone_with_a_short_warning(
    given: InstanceRecord | Unreadable,
) -> None:
    plan = _plan(pools.actual(given, record(1), instances=[instance(), instance(1)]), reuse=True)
    assert plan.changes == (_give_back(record(1)),), "the others are released"
    (warning,) = plan.warnings
    assert warning.startswith(f"{given.id}: ")
    assert len(warning) < 400
    assert plan.refusals == ()


@pytest.mark.parametrize("given", [record(state="created"), record(state="claimed"), pools.retired()])
@pytest.mark.parametrize(
    ("tags", "word"),
    [({TEMPLATE_TAG: "lt-foreign"}, "belongs to this pool"), (PROTECTION, "refresh-action:protect=true")],
)
def test_no_living_machine_is_ended_without_proof_or_against_its_owner(
    given: InstanceRecord, tags: dict[str, Any], word: str
) -> None:
    for state in ALIVE:
        plan = _plan(pools.actual(given, instances=[instance(0, state, **tags)]))
        assert (plan.changes, plan.refusals) == ((), ())
        (warning,) = plan.warnings
        assert warning.startswith(f"{IDS[0]}: ")
        assert word in warning


def test_a_protected_machine_goes_back_to_the_pool() -> None:
    assert _plan(pools.actual(record(), instances=[instance(**PROTECTION)])).changes == (_give_back(record()),)


def test_machines_that_are_left_alone_for_one_reason_share_a_warning() -> None:
    found = [record(number, "claimed") for number in range(12)]
    (warning,) = _plan(pools.actual(*found, instances=[instance(each, **PROTECTION) for each in range(12)])).warnings
    assert warning.startswith(f"{IDS[0]}, ")
    assert "and 2 more: " in warning


@pytest.mark.parametrize("state", ["idle", "created"])
def test_a_second_release_finishes_the_end_that_a_first_one_began(state: str) -> None:
    given = pools.retired(state=state)
    assert policy.questionable(pools.desired(), pools.actual(given), NOW) == IDS[:1]
    assert _plan(pools.actual(given, instances=[instance()])).changes == (Terminate(IDS[0], RUN),)
    assert _plan(pools.actual(given, instances=[instance(0, Ec2State.SHUTTING_DOWN)])) == Plan()
    assert _plan(pools.actual(given, instances=[])) == Plan()


@pytest.mark.parametrize(
    "changed",
    [
        {"threshold": PAST, "released_at": PAST},
        {"threshold": PAST, "released_at": ""},
        {"threshold": PAST, "released_at": "soon"},
        {"threshold": "", "released_at": AHEAD},
        {"threshold": "!", "released_at": AHEAD},
        {"threshold": None, "released_at": AHEAD},
        {"state": "claimed"},
        {"state": "running"},
    ],
)
def test_a_released_machine_is_not_ended_because_its_time_is_over_or_its_record_is_strange(
    changed: dict[str, Any],
) -> None:
    given = evolve(pools.released(), **changed)
    assert _plan(pools.actual(given, instances=[instance()])) == Plan()
    assert policy.questionable(pools.desired(), pools.actual(given, record(1)), NOW) == []


@pytest.mark.parametrize(
    ("given", "original_modes", "offered"),
    [
        (pools.released(), True, True),
        (pools.released(), False, False),
        (pools.released(offered_for=AHEAD), True, False),
        (pools.released(offered_for=PAST), True, True),
        # The original has claimed it for another run since, and its own release has sent a message.
        (pools.released(offered_for=PAST, updated_at=AHEAD), True, False),
        (pools.released(updated_at=wire_time(NOW)), True, False),
        (pools.released(threshold=wire_time(NOW)), True, False),
        (pools.released(threshold=""), True, False),
    ],
)
def test_a_released_machine_is_offered_to_the_original_once(
    given: InstanceRecord, *, original_modes: bool, offered: bool
) -> None:
    """After a crash between the record and its message, a second release sends it."""
    plan = _plan(pools.actual(given, settings=evolve(SETTINGS, original_modes=original_modes)))
    assert plan == Plan((Offer(given, NOW),) if offered else ())


@pytest.mark.parametrize("original_modes", [True, False])
def test_a_machine_of_a_removed_class_goes_back_with_a_warning_and_without_a_message(*, original_modes: bool) -> None:
    settings = evolve(SETTINGS, original_modes=original_modes)
    former = record(resource_class="former" * 100)
    assert _plan(pools.actual(former, settings=settings)).changes == (_give_back(former),)
    seen = pools.actual(pools.released(resource_class="former" * 100), settings=settings)
    plan = _plan(seen)
    (warning,) = plan.warnings
    assert "formerformer" in warning
    assert len(warning) < 400
    assert plan == policy.plan(pools.desired(), seen, NOW + timedelta(seconds=90)), "a later pass repeats no warning"


OPEN = [job("build"), job("test", "self-hosted", RUN)]
HELD = [record(), record(1, "claimed"), record(2, "created"), record(3, threshold=PAST)]


def test_open_jobs_that_ask_for_the_label_keep_all_its_machines_and_are_named() -> None:
    stray = instance(4, InitialRunId=RUN)
    seen = pools.actual(*HELD, open_jobs=OPEN, instances=[*map(instance, range(4)), stray])
    plan = _plan(seen)
    assert (plan.changes, plan.warnings, plan.notes) == ((), (), ())
    (refusal,) = plan.refusals
    assert [word in refusal for word in (RUN, OPEN[0].url, "test", "needs:", "force")] == [True] * 5
    by_force = _plan(seen, force=True)
    assert [change.subject for change in by_force.changes] == IDS[:5]
    assert by_force.refusals == ()
    (note,) = by_force.notes
    assert OPEN[0].url in note


@pytest.mark.parametrize("labels", [("ubuntu-latest",), ("77-gpu",), ("177",), ("7",), ()])
def test_jobs_that_ask_for_another_label_keep_nothing(labels: tuple[str, ...]) -> None:
    other = evolve(job(), labels=labels)
    for force in (False, True):
        assert _plan(pools.actual(record(), open_jobs=[other]), force=force) == Plan((_give_back(record()),))


def test_the_case_of_a_label_does_not_matter_as_it_does_not_to_github() -> None:
    given = record(run_id="77-GPU")
    plan = _plan(pools.actual(given, open_jobs=[job("x", "77-gpu")]), name="GPU")
    assert (plan.changes, len(plan.refusals)) == ((), 1)


def test_with_all_names_only_the_labels_that_open_jobs_ask_for_are_kept() -> None:
    found = [record(0, run_id="77-a"), record(1, run_id="77-b"), record(2)]
    strays = [instance(3, InitialRunId="77-a"), instance(4, InitialRunId="77-b")]
    seen = pools.actual(*found, open_jobs=[job("x", "77-a")], instances=[*map(instance, range(3)), *strays])
    plan = _plan(seen, name="*")
    assert plan.changes == (_give_back(found[1]), _give_back(found[2]), Terminate(IDS[4], "77-b", Reason.UNRECORDED))
    (refusal,) = plan.refusals
    assert "77-a" in refusal


@pytest.mark.parametrize("force", [False, True])
def test_open_jobs_do_not_fail_a_release_after_which_nothing_is_left_to_give_back(*, force: bool) -> None:
    """A later attempt waits for the label; what the first release left is still finished."""
    seen = pools.actual(pools.released(0), pools.retired(1), open_jobs=OPEN, instances=[instance(), instance(1)])
    assert _plan(seen, force=force) == Plan((Offer(pools.released(0), NOW), Terminate(IDS[1], RUN)))


def test_a_machine_that_is_launched_and_not_recorded_yet_is_kept_while_jobs_ask_for_it() -> None:
    """Its provision may be at work."""
    seen = pools.actual(open_jobs=OPEN, instances=[instance(0, InitialRunId=RUN)])
    plan = _plan(seen)
    assert (plan.changes, len(plan.refusals)) == ((), 1)


def test_machines_are_released_with_a_note_where_github_does_not_list_the_jobs() -> None:
    plan = _plan(pools.actual(record(), jobs_error=SILENT))
    assert plan.changes == (_give_back(record()),)
    (note,) = plan.notes
    assert str(SILENT).partition(" Nothing")[0] in note
    for nothing in (pools.actual(instances=[]), pools.actual(pools.released(offered_for=AHEAD))):
        assert _plan(evolve(nothing, jobs_error=SILENT)) == Plan()


@pytest.mark.parametrize(
    ("changed", "ends"),
    [
        ({}, True),
        ({"state": Ec2State.TERMINATED}, False),
        *(({"tags": {TEMPLATE_TAG: TEMPLATE_ID, **tags}}, False) for tags in ({}, {"InitialRunId": "78"})),
        ({"tags": {TEMPLATE_TAG: TEMPLATE_ID, "InitialRunId": "77-gpu"}}, False),
    ],
)
def test_a_living_machine_that_was_launched_for_the_label_and_never_recorded_is_ended(
    changed: dict[str, Any], *, ends: bool
) -> None:
    stray = evolve(instance(0, InitialRunId=RUN), **changed)
    assert _plan(pools.actual(instances=[stray])) == Plan((Terminate(IDS[0], RUN, Reason.UNRECORDED),) if ends else ())


@pytest.mark.parametrize("tags", [{TEMPLATE_TAG: "lt-foreign"}, PROTECTION])
def test_a_machine_without_a_record_needs_the_same_proof(tags: dict[str, Any]) -> None:
    plan = _plan(pools.actual(instances=[instance(0, InitialRunId=RUN, **tags)]))
    assert (plan.changes, len(plan.warnings)) == ((), 1)


def test_a_machine_whose_record_cannot_be_read_or_has_another_label_is_not_unrecorded() -> None:
    seen = pools.actual(instances=[instance(0, InitialRunId=RUN)], recorded=frozenset({IDS[0]}))
    assert _plan(seen) == Plan()


def test_where_ec2_does_not_answer_records_lose_their_time_and_the_run_fails() -> None:
    given = [record(0), record(1, "created"), record(2, usage_class="spot")]
    plan = _plan(pools.actual(*given, ec2_error=DOWN))
    assert plan.changes == (_give_back(given[0]), Retire(RUN, given[1], NOW, Reason.NEVER_RAN), _give_back(given[2]))
    (refusal,) = plan.refusals
    assert refusal.startswith(f"{IDS[1]}: ")
    assert str(DOWN) in refusal
    again = _plan(pools.actual(pools.retired(1, "created"), ec2_error=DOWN))
    assert (again.changes, len(again.refusals)) == ((), 1), "until it is terminated"


def test_a_machine_whose_time_ends_before_ec2_is_asked_fails_the_run_by_name() -> None:
    plan = _plan(pools.actual(record(threshold=PAST)))
    assert [type(change) for change in plan.changes] == [Retire]
    assert [refusal.startswith(f"{IDS[0]}: ") for refusal in plan.refusals] == [True]


def test_where_ec2_does_not_answer_and_nothing_has_to_end_people_are_warned() -> None:
    spot = record(usage_class="spot")
    plan = _plan(pools.actual(spot, ec2_error=DOWN))
    assert (plan.changes, plan.refusals) == ((_give_back(spot),), ())
    (warning,) = plan.warnings
    assert str(DOWN) in warning


def test_where_ec2_does_not_answer_machines_without_a_record_may_be_left_and_the_run_fails() -> None:
    plan = _plan(pools.actual(ec2_error=DOWN), name="gpu")
    assert (plan.changes, plan.warnings) == ((), ())
    (refusal,) = plan.refusals
    assert [word in refusal for word in ("77-gpu", str(DOWN))] == [True, True]


def test_machines_that_refresh_ended_before_are_noted_together() -> None:
    ended = tuple(
        record(number, "terminated", "", ended=(("endedRunId", RUN), *reason))
        for number, reason in enumerate([(("endedReason", "expired"),), (), (("endedReason", "expired"),)])
    )
    first, second = _plan(pools.actual(ended=ended, instances=[])).notes
    assert [each in first for each in ("expired", IDS[0], IDS[2])] == [True] * 3
    assert IDS[1] in second


@pytest.mark.parametrize(
    ("given", "wanted", "needed"),
    [
        ((record(),), {}, False),
        ((record(), pools.released(1)), {}, False),
        ((), {}, False),
        ((record(usage_class="spot"),), {}, True),
        ((record(usage_class=""),), {}, True),
        ((record(state="created"),), {}, True),
        ((record(state="claimed"),), {}, True),
        ((record(threshold="soon"),), {}, True),
        ((record(threshold=wire_time(pools.after(60))),), {}, True),
        ((record(threshold=wire_time(pools.after(61))),), {}, False),
        ((record(1), record(0, "claimed")), {}, True),
        ((record(),), {"reuse": False}, True),
        ((record(), Unreadable(IDS[1], "no state")), {}, False),
        ((Unreadable(IDS[0], "no state"),), {}, False),
        ((pools.released(),), {}, False),
    ],
)
def test_ec2_is_asked_only_where_its_answer_matters(
    given: Sequence[InstanceRecord | Unreadable], wanted: dict[str, Any], *, needed: bool
) -> None:
    asked = policy.questionable(pools.desired(**wanted), pools.actual(*given), NOW)
    assert asked == (IDS[:1] if needed else [])


def test_ec2_is_asked_for_machines_that_provision_wanted_for_this_run_only() -> None:
    seen = pools.actual(record(), single_use=frozenset({RUN}))
    assert policy.questionable(pools.desired(), seen, NOW) == IDS[:1]


@pytest.mark.parametrize("known", [{"instances": [instance()]}, {"ec2_error": DOWN}])
def test_ec2_is_not_asked_again_for_what_it_has_described_or_refused(known: dict[str, Any]) -> None:
    assert policy.questionable(pools.desired(), pools.actual(record(state="claimed"), **known), NOW) == []


def test_a_silent_github_is_no_reason_to_promise_another_run() -> None:
    silent = errors.Unavailable("GitHub GET jobs", "Timeout", "no answer within 10 s.")
    (note,) = _plan(pools.actual(record(), jobs_error=silent)).notes
    assert note.endswith("no answer within 10 s.")


def test_the_name_of_a_job_is_cut() -> None:
    job = WorkflowJob(name="x" * 5000, labels=(RUN,), completed=False)
    (refusal,) = _plan(pools.actual(record(), open_jobs=(job,))).refusals
    assert len(refusal) < 600


LABELS = st.sampled_from([RUN, "77-gpu", "78", "177", "", None])
TIMES = st.none() | st.sampled_from(["", "soon", PAST, AHEAD, wire_time(NOW)]) | st.text() | st.datetimes(
    datetime(1000, 1, 2), timezones=st.just(UTC)  # noqa: DTZ001 - given a zone there
).map(wire_time)  # fmt: skip
TEXTS = st.sampled_from(["", "large", "spot", "on-demand", "x" * 5000]) | st.text()
TAGS = st.dictionaries(st.sampled_from([*ownership.TAGS]), st.sampled_from(["", "true", RUN, TEMPLATE_ID, "lt-other"]))
RECORDS = st.builds(
    InstanceRecord,
    id=st.sampled_from(IDS),
    state=st.sampled_from(sorted(records.LIVING_STATES)),
    run_id=LABELS,
    threshold=TIMES,
    updated_at=TIMES.map(lambda time: time or ""),
    resource_class=TEXTS,
    instance_type=TEXTS,
    usage_class=TEXTS,
    last_run_id=LABELS.map(lambda label: label or ""),
    released_at=TIMES.map(lambda time: time or ""),
    offered_for=TIMES.map(lambda time: time or ""),
)
JOBS = st.builds(pools.job, st.text(), st.sampled_from([RUN, "77-gpu", "78", "77-GPU"]))
INSTANCES = st.builds(Ec2Instance, id=st.sampled_from(IDS), state=st.sampled_from(Ec2State), tags=TAGS)
ERRORS = st.sampled_from([None, DOWN])


@st.composite
def _pools(draw: st.DrawFn) -> tuple[Any, Actual]:
    """Draw a release and a pool as `observe` may see it: each record with the label that it has or had."""
    wanted = pools.desired(
        name=draw(st.sampled_from(["", "gpu", "*"])),
        reuse=draw(st.none() | st.booleans()),
        force=draw(st.booleans()),
    )
    found = draw(st.lists(RECORDS, max_size=6, unique_by=lambda each: each.id))
    machines = [Labelled(label=each.run_id or each.last_run_id, record=each) for each in found]
    listed = draw(st.none() | st.lists(INSTANCES, max_size=8, unique_by=lambda each: each.id))
    return wanted, Actual(
        settings=evolve(SETTINGS, original_modes=draw(st.booleans())),
        machines=tuple(each for each in machines if wanted.has(each.label)),
        recorded=frozenset(each.id for each in found),
        single_use=draw(st.frozensets(st.sampled_from([RUN, "77-gpu"]))),
        open_jobs=tuple(draw(st.lists(JOBS, max_size=3))),
        instances={each.id: each for each in listed or ()},
        asked=frozenset() if listed is None else frozenset(each.id for each in found),
        ec2_error=None if listed is not None else draw(ERRORS),
        skew=timedelta(seconds=draw(st.integers(-70, 70))),
    )


@given(_pools())
def test_whatever_the_records_only_what_is_proven_and_of_the_label_is_touched(drawn: tuple[Any, Actual]) -> None:
    wanted, seen = drawn
    policy.questionable(wanted, seen, NOW)
    plan = policy.plan(wanted, seen, NOW)
    of_label = {each.record.id: each for each in seen.machines}
    asked = {label.lower() for each in seen.open_jobs for label in each.labels}
    for change in plan.changes:
        match change:
            case GiveBack(label=label, record=judged) | Retire(label=label, record=judged):
                assert of_label[judged.id].record == judged
                assert judged.run_id == label
                assert wanted.has(label)
                assert wanted.force or label.lower() not in asked
            case Offer(record=judged):
                assert (judged.state, judged.run_id or "") == (lifecycle.IDLE, "")
                assert judged.resource_class in seen.settings.classes
            case Terminate(id=identifier):
                assert seen.instances is not None
                ended = seen.instances[identifier]
                assert ownership.proven(ended, seen.template_ids)
                assert not ended.protected
                assert ended.state.alive
                recorded = of_label.get(identifier)
                if recorded is None:
                    assert identifier not in seen.recorded
                    assert wanted.has(ended.tags.initial_run or "")
                else:
                    assert isinstance(recorded.record, InstanceRecord)
                    assert not recorded.record.run_id, "its label has been taken from it first"
    assert len({(type(change), change.subject) for change in plan.changes}) == len(plan.changes)


@given(_pools())
def test_whatever_the_records_the_plan_is_empty_after_three_passes(drawn: tuple[Any, Actual]) -> None:
    wanted, seen = drawn
    for _ in range(3):
        seen = predict.predict(seen, policy.plan(wanted, seen, NOW).changes)
    last = policy.plan(wanted, seen, NOW)
    assert last.changes == ()
    if not last.refusals and not last.warnings:
        assert not any(isinstance(each.record, InstanceRecord) and each.record.run_id for each in seen.machines)
