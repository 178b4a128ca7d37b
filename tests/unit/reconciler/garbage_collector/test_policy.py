"""The collector's rules: who ends, who is cleaned up, and above all who is left alone.

`tests/contract/test_table.py` compares every combination of record and instance with docs/table.md.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh.engine.change import Plan
from refresh.pool import ownership, records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TEMPLATE_TAG, TemplateIds
from refresh.pool.records import InstanceRecord, Unreadable, wire_time
from refresh.reconciler.garbage_collector import policy, skip_reasons
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Reason, Terminate
from tests.fakes.desired import desired
from tests.fakes.instance_items import PROVISION_TAGS
from tests.fakes.serial import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ID = "i-0123456789abcdef0"
OURS, FORMER, FOREIGN = "lt-ours", "lt-former", "lt-foreign"
TEMPLATES = TemplateIds(OURS, (FORMER,))
PROTECTION = {"refresh-action:protect": "true"}
ALIVE = [state for state in Ec2State if state.alive]
LIVING = sorted(records.LIVING_STATES)
TIMES = st.datetimes(datetime(1000, 1, 2), timezones=st.just(UTC)).map(wire_time)  # noqa: DTZ001 - given a zone there
PAST, FUTURE = wire_time(NOW - timedelta(seconds=301)), wire_time(NOW + timedelta(seconds=1))
FAR = wire_time(NOW + policy.LONGEST_LEASE + timedelta(seconds=1))
OLD = NOW - timedelta(days=7, seconds=1)
"""Older than max-instance-age by a second."""


def _record(state: str = "idle", threshold: str | None = PAST, **changed: Any) -> InstanceRecord:
    return evolve(InstanceRecord(id=ID, state=state, run_id="", threshold=threshold, updated_at=PAST), **changed)


def _instance(
    state: Ec2State = Ec2State.RUNNING,
    template: str | None = OURS,
    tags: Mapping[str, str] | None = None,
    launched_at: datetime | None = None,
) -> Ec2Instance:
    return Ec2Instance(ID, state, launched_at, {**({TEMPLATE_TAG: template} if template else {}), **(tags or {})})


def _judge(record: InstanceRecord, instance: Ec2Instance) -> policy.Verdict:
    return policy.judge(desired(), record, instance, TEMPLATES, NOW)


def _plan(instances: Iterable[Ec2Instance], *found: InstanceRecord | Unreadable, **changed: Any) -> Plan[Any]:
    actual = Actual({each.id: each for each in instances}, found, TEMPLATES, changed.pop("skew", timedelta()))
    return policy.plan(desired(**changed), actual, NOW)


@pytest.mark.parametrize(
    ("threshold", "ec2", "launched_at", "reason"),
    [
        *((PAST, state, None, Reason.EXPIRED) for state in Ec2State),
        (wire_time(NOW), Ec2State.RUNNING, None, None),
        *((threshold, Ec2State.RUNNING, None, None) for threshold in (FUTURE, "", None)),
        *((threshold, Ec2State.TERMINATED, None, Reason.VANISHED) for threshold in (FUTURE, "", None, "soon")),
        *((FUTURE, state, OLD, Reason.AGED) for state in ALIVE),
        (FAR, Ec2State.RUNNING, OLD, Reason.AGED),
        (FUTURE, Ec2State.RUNNING, OLD + timedelta(seconds=1), None),
        *((FUTURE, state, OLD, None) for state in (Ec2State.SHUTTING_DOWN, Ec2State.UNKNOWN)),
    ],
)
def test_an_idle_record_is_marked_only_for_a_reason(
    threshold: str | None, ec2: Ec2State, launched_at: datetime | None, reason: Reason | None
) -> None:
    record = _record("idle", threshold)
    assert _judge(record, _instance(ec2, launched_at=launched_at)) == (Mark(record, reason, NOW) if reason else None)


def test_a_record_whose_foreign_instance_ec2_has_terminated_is_marked() -> None:
    assert _judge(_record(), _instance(Ec2State.TERMINATED, FOREIGN)) == Mark(_record(), Reason.EXPIRED, NOW)


def test_a_threshold_of_this_second_has_not_passed() -> None:
    """The mark's condition compares whole seconds as strings."""
    record = _record(threshold=wire_time(NOW))
    assert not policy.expired(record, NOW + timedelta(microseconds=999_999))
    assert policy.expired(record, NOW + timedelta(seconds=1))


@pytest.mark.shows("A57")
@pytest.mark.parametrize("state", LIVING)
def test_an_instance_that_ec2_does_not_mention_is_not_ended(state: str) -> None:
    assert _judge(_record(state, FUTURE), _instance(Ec2State.UNKNOWN)) is None
    for threshold in ("", None):
        assert _judge(_record(state, threshold), _instance(Ec2State.UNKNOWN)) is skip_reasons.WITHOUT_THRESHOLD


@pytest.mark.shows("A8")
@pytest.mark.parametrize(
    "record",
    [
        *(_record(state, threshold) for state in LIVING for threshold in ("", None, "soon")),
        *(
            _record(state, threshold)
            for state in LIVING
            if state != "idle"
            for threshold in (FAR, "9999-12-31T23:59:59Z")
        ),
        Unreadable(ID, "its state is unknown"),
    ],
)
def test_an_old_instance_that_nothing_would_end_fails_the_run_by_name(record: InstanceRecord | Unreadable) -> None:
    """A job can write such a record to keep its runner."""
    plan = _plan([_instance(launched_at=OLD)], record)
    assert (plan.changes, plan.warnings) == ((), ())
    (refusal,) = plan.refusals
    assert refusal.startswith(f"{ID}: ")
    assert "max-instance-age" in refusal


def test_an_old_instance_may_have_the_longest_lease() -> None:
    longest = wire_time(NOW + policy.LONGEST_LEASE)
    assert _judge(_record("running", longest), _instance(launched_at=OLD)) is None


@pytest.mark.parametrize(
    "record",
    [
        *map(_record, ["idle"] * 5, ["soon", "2026-01-31", "2026-1-1T0:00:00Z", "1738314300", "2020-01-31T09:05:00"]),
        Unreadable(ID, "its state is unknown"),
    ],
)
@pytest.mark.parametrize("launched_at", [None, NOW])
def test_what_cannot_be_read_of_a_young_instance_is_a_warning(
    record: InstanceRecord | Unreadable, launched_at: datetime | None
) -> None:
    plan = _plan([_instance(launched_at=launched_at)], record)
    assert (plan.changes, plan.refusals, len(plan.warnings)) == ((), (), 1)


@pytest.mark.parametrize(("seconds", "cleaned"), [(0, False), (1, True)])
def test_a_mark_without_a_readable_time_is_as_old_as_its_threshold(seconds: int, *, cleaned: bool) -> None:
    threshold = wire_time(NOW - policy.UNKNOWN_GRACE - timedelta(seconds=seconds))
    record = _record(records.TERMINATED, threshold, updated_at="soon")
    assert _judge(record, _instance(Ec2State.UNKNOWN)) == (Clean(record) if cleaned else None)


@pytest.mark.shows("A2")
@pytest.mark.parametrize(
    ("template", "tags", "proven"),
    [
        (OURS, {}, True),
        (FORMER, PROVISION_TAGS, True),
        (None, PROVISION_TAGS, True),
        (FORMER, {}, False),
        (None, {}, False),
        *((None, dict(PROVISION_TAGS.items() - {tag}), False) for tag in PROVISION_TAGS.items()),
        (None, {**PROVISION_TAGS, "AllowSelfTermination": "false"}, False),
        (FOREIGN, PROVISION_TAGS, False),
    ],
)
@pytest.mark.parametrize("state", ["idle", records.TERMINATED])
@pytest.mark.parametrize("ec2", ALIVE)
def test_no_living_instance_is_touched_without_proof_from_ec2(
    template: str | None, tags: dict[str, str], state: str, ec2: Ec2State, *, proven: bool
) -> None:
    verdict = _judge(_record(state), _instance(ec2, template, tags))
    assert isinstance(verdict, Mark | Terminate) is proven
    assert (verdict is skip_reasons.UNPROVEN) is not proven


def test_an_unknown_current_template_proves_nothing() -> None:
    assert not ownership.proven(_instance(template=""), TemplateIds())


@pytest.mark.parametrize("state", ["idle", records.TERMINATED])
def test_a_protected_instance_is_kept_until_it_has_ended(state: str) -> None:
    record = _record(state)
    for ec2 in ALIVE:
        assert _judge(record, _instance(ec2, tags=PROTECTION)) is skip_reasons.PROTECTED
    assert isinstance(_judge(record, _instance(Ec2State.TERMINATED, tags=PROTECTION)), Mark | Clean)


def test_changes_are_planned_in_the_order_in_which_they_are_sent() -> None:
    marked = evolve(_record(), id="i-00000001")
    ending = evolve(_record(records.TERMINATED), id="i-00000002")
    ended = evolve(_record(records.TERMINATED), id="i-00000003")
    states = ((marked, Ec2State.RUNNING), (ending, Ec2State.RUNNING), (ended, Ec2State.TERMINATED))
    instances = [evolve(_instance(state), id=each.id) for each, state in states]
    mark, terminate, clean = _plan(instances, ended, ending, marked).changes
    assert (mark, clean) == (Mark(marked, Reason.EXPIRED, NOW), Clean(ended))
    assert (terminate, terminate.record) == (Terminate(ending.id), ending)


def test_an_expired_instance_that_ec2_does_not_mention_is_marked() -> None:
    """The mark is harmless; the termination waits for an answer of EC2."""
    assert _plan([], _record()).changes == (Mark(_record(), Reason.EXPIRED, NOW),)


STRAY_AGE = policy.UNRECORDED_GRACE + timedelta(seconds=1)


def _stray(number: int = 0, **changed: Any) -> Ec2Instance:
    """Give an instance without a record."""
    return evolve(_instance(launched_at=NOW - STRAY_AGE), id=f"i-{number:08x}", **changed)


@pytest.mark.parametrize("run_id", ["42", ""])
def test_an_instance_without_a_record_is_adopted_after_its_grace(run_id: str) -> None:
    tags = {TEMPLATE_TAG: OURS, **({"InitialRunId": run_id} if run_id else {})}
    (adopted,) = _plan([_stray(tags=tags)], _record(threshold=FUTURE)).changes
    assert adopted == Adopt("i-00000000", run_id, NOW, NOW - STRAY_AGE)


@pytest.mark.parametrize(
    "changed",
    [
        {"launched_at": NOW - STRAY_AGE + timedelta(seconds=1)},
        {"launched_at": None},
        *({"state": state} for state in Ec2State if not state.alive),
        {"tags": {TEMPLATE_TAG: FORMER}},
        {"tags": {}},
        {"tags": {TEMPLATE_TAG: FOREIGN, **PROVISION_TAGS}},
    ],
)
def test_only_an_old_enough_living_instance_of_the_pool_is_adopted(changed: dict[str, Any]) -> None:
    assert _plan([_stray(**changed)]) == Plan()


@pytest.mark.parametrize("tags", [{TEMPLATE_TAG: FORMER, **PROVISION_TAGS}, PROVISION_TAGS])
def test_an_instance_of_a_former_template_or_of_none_is_adopted_by_its_tags(tags: dict[str, str]) -> None:
    assert [type(change) for change in _plan([_stray(tags=tags)]).changes] == [Adopt]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({TEMPLATE_TAG: OURS, **PROTECTION}, ()),
        ({TEMPLATE_TAG: OURS}, (Unreadable("i-00000000", "it has no state"),)),
    ],
)
def test_a_protected_or_unreadably_recorded_instance_is_not_adopted(
    tags: dict[str, str], found: tuple[Unreadable, ...]
) -> None:
    plan = _plan([_stray(tags=tags)], *found)
    assert (plan.changes, plan.refusals, len(plan.warnings)) == ((), (), 1)


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
def test_more_instances_without_a_record_than_the_limit_fail_the_run(
    strays: int, living: int, limit: int | None, adopted: int
) -> None:
    recorded = [_record("running", FUTURE, id=f"i-{number:08x}") for number in range(100, 100 + living)]
    instances = [*map(_stray, range(strays)), *(evolve(_stray(), id=each.id) for each in recorded)]
    plan = _plan(instances, *recorded, max_unexpected_terminations=limit)
    assert (len(plan.changes), len(plan.refusals)) == (adopted, 0 if adopted else 1)
    assert all("max-unexpected-terminations" in refusal and "i-00000000" in refusal for refusal in plan.refusals)


def test_adopted_instances_count_towards_the_limit_while_they_live() -> None:
    """A second run must not adopt as many again."""
    first = _record(records.TERMINATED, id="i-00000000", ended=(("endedReason", "unrecorded"),))
    plan = _plan([_stray(0), _stray(1)], first)
    assert (plan.changes, len(plan.refusals)) == ((Terminate("i-00000000"),), 1)
    ended = _stray(0, state=Ec2State.TERMINATED)
    assert [type(change) for change in _plan([ended, _stray(1)], first).changes] == [Adopt, Clean]


@pytest.mark.shows("A6")
@pytest.mark.parametrize("limit", [None, 100])
def test_an_emptied_table_ends_no_instance(limit: int | None) -> None:
    plan = _plan([_stray(0), _stray(1)], max_unexpected_terminations=limit)
    assert (plan.changes, len(plan.refusals)) == ((), 1)
    assert "emptied" in plan.refusals[0]
    fresh = [_stray(number, launched_at=NOW) for number in range(2)]
    assert _plan(fresh, max_unexpected_terminations=limit) == Plan()


@pytest.mark.shows("A58")
@pytest.mark.parametrize(
    ("seconds", "side"), [(0, ""), (60, ""), (-60, ""), (61, "behind"), (-61, "ahead of"), (86_400, "behind")]
)
def test_a_clock_more_than_a_minute_off_marks_and_adopts_nothing(seconds: int, side: str) -> None:
    """Terminating and cleaning go on: they do not depend on this machine's clock."""
    marked = _record(records.TERMINATED, id="i-00000002")
    instances = [_stray(0), evolve(_instance(), id="i-00000002"), _instance()]
    plan = _plan(instances, _record(), marked, skew=timedelta(seconds=seconds))
    assert [type(change) for change in plan.changes] == ([Terminate] if side else [Mark, Adopt, Terminate])
    assert [f" {abs(seconds)} s {side} AWS" in refusal for refusal in plan.refusals] == ([True] if side else [])


def test_a_change_carries_the_time_of_its_judgement_and_of_the_launch() -> None:
    aged = _judge(_record(threshold=FUTURE), _instance(launched_at=OLD))
    vanished = _judge(_record(threshold=FUTURE), _instance(Ec2State.TERMINATED))
    (adopted,) = _plan([_stray()], _record(threshold=FUTURE)).changes
    for change in (_judge(_record(), _instance()), vanished, aged, adopted):
        assert isinstance(change, Mark | Adopt)
        assert change.judged_at == NOW
    assert isinstance(aged, Mark)
    assert (aged.launched_at, adopted.launched_at) == (OLD, NOW - STRAY_AGE)


def test_instances_that_are_left_alone_for_one_reason_share_a_warning() -> None:
    """A flood of forged records must not flood the log."""
    forged = [_record(id=f"i-{number:08x}") for number in range(13)]
    unreadable = Unreadable("nonsense", "no id"), Unreadable("(key '')", "no state")
    plan = _plan([evolve(_instance(template=FOREIGN), id=each.id) for each in forged], *forged, *unreadable)
    assert plan.changes == ()
    first, *others = plan.warnings
    assert first.startswith("i-00000000, ")
    assert "and 3 more: " in first
    assert [warning.partition(".")[0] for warning in others] == ["nonsense: no id", "(key ''): no state"]


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
            st.sampled_from([*ownership.TAGS]),
            st.sampled_from(["", "true", OURS, FORMER, FOREIGN]),
        ),
    ),
)
def test_the_rules_hold_for_any_record_and_instance(record: InstanceRecord, instance: Ec2Instance) -> None:
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
