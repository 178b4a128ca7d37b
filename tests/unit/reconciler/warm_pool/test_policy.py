"""Which machines are promoted and kept, and how many are launched."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh import errors
from refresh.engine.change import Plan, Unchecked
from refresh.pool import lifecycle
from refresh.pool.launch_causes import Cause
from refresh.pool.ownership import TemplateIds
from refresh.pool.usage import UsageClass
from refresh.pool.warm_pool_item import WarmState
from refresh.reconciler.garbage_collector.restores import Restore
from refresh.reconciler.warm_pool import policy
from refresh.reconciler.warm_pool.actual import Template
from refresh.reconciler.warm_pool.changes import Keep, Launch, Promote, Record, WriteState
from tests.fakes.serial import NOW
from tests.unit.reconciler.warm_pool.machines import (
    IDS,
    KEY,
    READY,
    actual,
    after,
    answer,
    asked,
    instance,
    pending,
    record,
    unready,
    wanted,
)

if TYPE_CHECKING:
    from refresh.reconciler.warm_pool.actual import Actual
    from refresh.reconciler.warm_pool.changes import WarmChange

PROVEN = WarmState(version=KEY, proven=True, launches=4)


def _plan(seen: Actual, **desired: Any) -> Plan[WarmChange]:
    return policy.plan(wanted(**desired), seen, NOW)


def _of(plan: Plan[WarmChange], *kinds: type[WarmChange]) -> list[str]:
    return [each.subject for each in plan.changes if isinstance(each, kinds)]


def test_without_a_minimum_nothing_is_planned() -> None:
    assert _plan(actual(record()), min_idle=()) == Plan(unchecked=Unchecked("min-idle is not set", due=False))


def test_enough_machines_with_enough_time_need_nothing() -> None:
    seen = actual(record(0), record(1), record(2, minutes=5), state=PROVEN, reports=None)
    assert _plan(seen) == Plan()
    assert not policy.undecided(wanted(), seen, NOW)


def test_missing_machines_are_announced_and_launched() -> None:
    plan = _plan(actual(record(0), state=PROVEN), prices=(("large", Decimal("0.096")),))
    announced, launch = plan.changes
    assert isinstance(announced, WriteState)
    assert isinstance(launch, Launch)
    assert announced.state == evolve(PROVEN, launches=5, pending={"large": launch.pending})
    assert (launch.subject, launch.note) == ("1 on-demand large", "0.096 per hour")
    assert (launch.pending.label, launch.pending.at) == ("warm-77-large", NOW)
    assert not plan.notes


def test_each_launch_has_a_client_token_of_its_own() -> None:
    """Also of several classes at once, and of the next launch of the same run."""
    both = (("large", 1), ("xlarge", 1))
    first = [
        each.pending.token for each in _plan(actual(state=PROVEN), min_idle=both).changes if isinstance(each, Launch)
    ]
    later = _plan(actual(state=evolve(PROVEN, launches=5)), min_idle=both)
    second = [each.pending.token for each in later.changes if isinstance(each, Launch)]
    assert len({*first, *second}) == 4


@pytest.mark.parametrize(("minutes", "kept"), [(50, False), (40, False), (39.9, True), (1, True)])
def test_the_time_of_the_newest_is_extended_when_it_runs_out(minutes: float, *, kept: bool) -> None:
    plan = _plan(actual(record(0, minutes=minutes), record(1), record(2, minutes=0.5), state=PROVEN))
    assert _of(plan, Keep) == ([IDS[0]] if kept else [])
    assert all(each.threshold == NOW + lifecycle.WAITS_FOR for each in plan.changes if isinstance(each, Keep))
    assert len(plan.changes) == kept


def test_a_machine_that_has_booted_is_promoted_if_the_minimum_needs_it() -> None:
    """Others can be claimed as they are, and expire."""
    seen = actual(record(0, "created", 20), record(1), record(2), state=PROVEN)
    assert _plan(seen).changes == ()
    plan = _plan(seen, min_idle=(("large", 3),))
    assert (_of(plan, Promote), len(plan.changes)) == ([IDS[0]], 1)


def test_what_another_process_wrote_first_is_left_alone_and_counts() -> None:
    seen = actual(record(0, minutes=5), record(1), state=PROVEN, reports={}, lost=frozenset(IDS[:2]))
    assert _plan(seen).changes == ()


def test_booting_machines_count() -> None:
    booting = record(0, "created", 25), record(1, "created", 25)
    young = [instance(each, minutes=-1) for each in (0, 1)]
    seen = actual(*booting, instances=young, reports={}, state=evolve(PROVEN, unready=unready(0, 1, minutes=-1)))
    assert policy.undecided(wanted(), evolve(seen, reports=None), NOW)
    assert _plan(seen).changes == ()
    late = evolve(seen, state=evolve(PROVEN, unready=unready(0, 1)))
    assert _of(policy.plan(wanted(), late, after(10)), Launch) == ["2 on-demand large"]


def test_max_instances_counts_all_machines_that_live() -> None:
    busy = [record(each, "running", run_id="88") for each in range(3)]
    plan = _plan(actual(*busy, state=PROVEN), max_instances=(("large", 4),))
    assert _of(plan, Launch) == ["1 on-demand large"]
    (note,) = plan.notes
    assert "1 of the minimum of class large are missing" in note
    full = _plan(actual(*busy, state=PROVEN), max_instances=(("large", 3),))
    assert _of(full, Launch) == []
    assert len(full.notes) == 1


def test_a_version_that_is_not_proven_gets_three_machines_first() -> None:
    plan = _plan(actual(), min_idle=(("large", 2), ("xlarge", 3)))
    assert _of(plan, Launch) == ["2 on-demand large", "1 on-demand xlarge"]
    assert plan.notes == (
        "no machine of version 3 of the launch template is ready yet: 2 more are launched after that.",
    )
    running = record(0, "running", run_id="88")
    proven = _plan(actual(running), min_idle=(("large", 2), ("xlarge", 3)))
    assert _of(proven, Launch) == ["2 on-demand large", "3 on-demand xlarge"]


def test_after_three_failures_in_a_row_nothing_is_launched_and_the_run_fails() -> None:
    state = WarmState(version=KEY, proven=True, unready=unready(0, 1, 2))
    plan = _plan(actual(state=state))
    assert plan.changes == ()
    (refusal,) = plan.refusals
    assert all(each in refusal for each in IDS[:3])
    assert "get-console-output" in refusal
    assert "delete the item warm_pool" in refusal
    satisfied = actual(record(3), record(4), state=state)
    assert _plan(satisfied) == Plan()


def test_what_is_seen_to_be_ready_is_written_once() -> None:
    state = WarmState(version=KEY, unready=unready(0, 1))
    (written,) = _plan(actual(record(0), record(1), state=state)).changes
    assert isinstance(written, WriteState)
    assert written.state == WarmState(version=KEY, proven=True)


def test_another_version_alone_is_no_reason_to_write() -> None:
    seen = actual(record(0), record(1), state=evolve(PROVEN, version="lt-ours:2", unready=unready(5)))
    assert _plan(seen).changes == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"template": Template(id="lt-ours", version=3, doubt="the template has a fault")}, "the template has a fault"),
        ({"collected": {"unlisted": errors.Unavailable("ec2:DescribeInstances", "InternalError")}}, "EC2 did not list"),
        ({"collected": {"restore": Restore(after(-9), after(-1))}}, "the restored table"),
    ],
)
def test_in_doubt_nothing_is_launched_and_the_reason_is_given(changed: dict[str, Any], words: str) -> None:
    """Machines are still kept, but for those of which the table may be wrong."""
    state = evolve(PROVEN, pending={"large": pending(1, -10)})
    plan = _plan(actual(record(0, minutes=5), state=state, **changed), min_idle=(("large", 9),))
    assert _of(plan, Launch) == []
    (warning,) = plan.warnings
    assert "none was launched" in warning
    assert words in warning
    assert _of(plan, Keep) == ([] if "restore" in str(changed) else [IDS[0]])
    satisfied = actual(record(0), record(1), state=PROVEN, **changed)
    assert _plan(satisfied).warnings == () or "restore" in str(changed)


def test_an_emptied_table_launches_nothing_but_a_launch_under_way_explains_its_machines() -> None:
    living = [instance(each, minutes=-10) for each in (0, 1)]
    plan = _plan(actual(instances=living))
    assert (_of(plan, Launch), len(plan.warnings)) == ([], 1)
    resumed = _plan(actual(instances=living, state=WarmState(pending={"large": pending(2, -10)})))
    assert _of(resumed, Launch) == ["2 on-demand large"]


def test_clocks_that_differ_too_much_judge_nothing() -> None:
    for seconds, words in ((61, "61 s behind AWS's"), (-90, "90 s ahead of AWS's")):
        seen = actual(record(0, minutes=5), collected={"skew": timedelta(seconds=seconds)})
        plan = _plan(seen)
        assert plan.changes == ()
        assert words in plan.refusals[0]
        assert not policy.undecided(wanted(), seen, NOW)


def test_a_machine_of_a_former_template_is_outdated_even_with_the_same_version() -> None:
    former = instance(0, tags={"aws:ec2launchtemplate:id": "lt-former"})
    seen = actual(record(0), record(1), instances=[former], state=PROVEN)
    known = evolve(seen, collected=evolve(seen.collected, template_ids=TemplateIds("lt-ours", ("lt-former",))))
    assert _of(_plan(known), Launch) == ["1 on-demand large"]


OLD = (instance(0, "2"), instance(1, "2"))


def test_outdated_machines_are_kept_while_they_are_replaced() -> None:
    found = record(0, minutes=5), record(1, minutes=5)
    plan = _plan(actual(*found, instances=OLD, state=PROVEN))
    assert sorted(_of(plan, Keep)) == IDS[:2]
    assert _of(plan, Launch) == ["2 on-demand large"]


def test_replaced_machines_are_not_kept() -> None:
    found = [record(each, minutes=5) for each in range(4)]
    plan = _plan(actual(*found, instances=OLD, state=PROVEN))
    assert (sorted(_of(plan, Keep)), len(plan.changes)) == (IDS[2:4], 2)


def test_as_many_stay_as_are_not_replaced_yet() -> None:
    found = [record(each, minutes=5 + each) for each in range(3)]
    seen = actual(*found, instances=OLD, state=evolve(PROVEN, pending={"large": pending(1)}))
    plan = _plan(seen)
    assert (sorted(_of(plan, Keep)), len(plan.changes)) == ([IDS[1], IDS[2]], 2)


def test_only_one_class_at_a_time_launches_replacements() -> None:
    others = record(2, resource_class="xlarge"), record(3, resource_class="xlarge")
    old = (*OLD, instance(2, "2"), instance(3, "2"))
    plan = _plan(
        actual(record(0), record(1), *others, instances=old, state=PROVEN), min_idle=(("large", 2), ("xlarge", 2))
    )
    assert _of(plan, Launch) == ["2 on-demand large"]


def test_a_class_below_its_minimum_does_not_wait_for_its_turn() -> None:
    old = (*OLD, instance(2, "2"))
    seen = actual(record(0), record(1), record(2, resource_class="xlarge"), instances=old, state=PROVEN)
    plan = _plan(seen, min_idle=(("large", 2), ("xlarge", 2)))
    assert _of(plan, Launch) == ["2 on-demand large", "1 on-demand xlarge"]


def test_without_room_one_of_them_is_left_to_expire() -> None:
    found = record(0, minutes=5), record(1, minutes=6)
    seen = actual(*found, instances=OLD, state=PROVEN)
    assert (_of(_plan(seen, max_instances=(("large", 2),)), Keep, Launch)) == [IDS[1]]
    booting = evolve(seen, state=evolve(PROVEN, pending={"large": pending(1)}))
    assert sorted(_of(_plan(booting, max_instances=(("large", 2),)), Keep, Launch)) == IDS[:2]


def test_while_nothing_may_be_launched_all_of_them_stay() -> None:
    found = record(0, minutes=5), record(1, minutes=6)
    doubtful = evolve(
        actual(*found, instances=OLD, state=PROVEN), template=Template(id="lt-ours", version=3, doubt="?")
    )
    assert sorted(_of(_plan(doubtful, max_instances=(("large", 2),)), Keep, Launch)) == IDS[:2]


def test_while_the_version_is_unknown_no_machine_is_outdated() -> None:
    seen = actual(record(0), record(1), instances=OLD, template=Template(doubt="?"), state=PROVEN)
    assert _plan(seen) == Plan()


def test_it_counts_and_is_left_to_the_run_that_has_begun_it() -> None:
    assert _plan(actual(state=evolve(PROVEN, pending={"large": pending(2, -1)}))) == Plan()


def test_it_is_repeated_if_that_run_was_killed() -> None:
    begun = pending(2, -10)
    (launch,) = _plan(actual(state=evolve(PROVEN, pending={"large": begun}))).changes
    assert isinstance(launch, Launch)
    assert (launch.pending, launch.again, launch.number) == (begun, True, 2)
    assert launch.note == "an earlier run began it at 2026-01-31T08:55:00Z"


@pytest.mark.parametrize(("minutes", "classes"), [(-51, ("large",)), (-10, ("xlarge",))])
def test_an_old_one_and_one_of_an_unknown_class_are_forgotten(minutes: float, classes: tuple[str, ...]) -> None:
    sizes = tuple(each for each in wanted().resource_classes if each.name in classes)
    seen = actual(record(0), record(1), state=evolve(PROVEN, pending={"large": pending(2, minutes)}))
    (written,) = _plan(seen, resource_classes=sizes).changes
    assert isinstance(written, WriteState)
    assert written.state == PROVEN


def test_the_machines_of_an_answer_are_recorded_together_with_the_item() -> None:
    state = evolve(PROVEN, pending={"large": pending()})
    plan = _plan(actual(state=state, asked=asked(answer(0, 1))))
    assert _of(plan, Record) == IDS[:2]
    written = plan.changes[-1]
    assert isinstance(written, WriteState)
    assert written.state == evolve(PROVEN, unready=unready(0, 1, minutes=0))
    assert plan.warnings == ()


def test_recorded_and_ended_machines_of_an_answer_are_left_alone() -> None:
    ended = record(0, "terminated")
    state = evolve(PROVEN, pending={"large": pending()})
    plan = _plan(actual(ended, state=state, asked=asked(answer(0, 1)), lost=frozenset(IDS[1:2])))
    (written,) = plan.changes
    assert isinstance(written, WriteState)
    assert written.state == evolve(PROVEN, unready=unready(1, minutes=0))


@pytest.mark.parametrize("changed", [{}, {"complete": False}])
def test_a_lost_answer_leaves_it_to_the_next_run(changed: dict[str, Any]) -> None:
    state = evolve(PROVEN, pending={"large": pending()})
    lost = not changed
    causes = [Cause.UNANSWERED] if lost else []
    plan = _plan(actual(state=state, asked=asked(answer(count=2, causes=causes, lost=lost), **changed)))
    assert plan.changes == ()
    assert len(plan.warnings) == 1


def test_the_launch_of_another_run_stays_in_the_item() -> None:
    state = evolve(PROVEN, pending={"large": pending(token="another")})
    plan = _plan(actual(state=state, asked=asked(answer(0, 1))))
    assert _of(plan, Record, WriteState) == IDS[:2]


@pytest.mark.parametrize(
    ("cause", "code", "fails"),
    [
        (Cause.CAPACITY, "", False),
        (Cause.THROTTLED, "", False),
        (Cause.QUOTA, "", True),
        (Cause.PERMISSION, "", True),
        (Cause.CONFIGURATION, "", True),
        (Cause.CONFIGURATION, "IdempotentParameterMismatch", False),
    ],
)
def test_what_passes_is_a_warning_and_the_rest_fails_the_run(cause: Cause, code: str, *, fails: bool) -> None:
    """None of it is tried again in the same run."""
    state = evolve(PROVEN, pending={"large": pending()})
    plan = _plan(actual(state=state, asked=asked(answer(0, causes=[cause], code=code))))
    said = plan.refusals if fails else plan.warnings
    assert len(said) == len(plan.refusals) + len(plan.warnings) == 1
    assert "EC2 did not launch 1 of 2 instances" in said[0]
    assert _of(plan, Launch) == []
    done = evolve(PROVEN, unready=unready(0, minutes=0))
    assert _of(_plan(actual(state=done, asked=asked(answer(0, causes=[cause], code=code)))), Launch) == []


def test_what_agents_report_is_asked_of_all_that_may_wait_and_of_launched_ones() -> None:
    found = record(0), record(1, "created"), record(2, "running", run_id="88"), record(3, resource_class="xlarge")
    state = WarmState(unready=unready(7), pending={"large": pending()})
    seen = actual(*found, instances=[instance(8)], state=state)
    assert policy.questions(wanted(), seen, NOW) == [IDS[0], IDS[1], IDS[7], IDS[8]]


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        ((record(0), record(1)), False),
        ((record(0),), True),
        ((record(0), record(1, minutes=39)), True),
        ((record(0), record(1), record(2, "created", 20)), True),
        ((record(0), record(1), record(2, minutes=5)), False),
    ],
)
def test_reports_are_read_only_for_a_decision(found: tuple[Any, ...], *, asked: bool) -> None:
    assert policy.undecided(wanted(), actual(*found, reports=None), NOW) is asked


@given(
    ready=st.integers(0, 6),
    old=st.integers(0, 6),
    booting=st.integers(0, 4),
    number=st.integers(1, 6),
    cap=st.none() | st.integers(6, 12),
)
def test_never_more_is_launched_than_is_missing_and_fits(
    ready: int, old: int, booting: int, number: int, cap: int | None
) -> None:
    found = [record(each) for each in range(ready + old)]
    state = evolve(PROVEN, pending={"large": pending(booting)} if booting else {})
    outdated = [instance(each, "2") for each in range(ready, ready + old)]
    limits = {} if cap is None else {"max_instances": (("large", cap),)}
    plan = _plan(actual(*found, instances=outdated, state=state), min_idle=(("large", number),), **limits)
    launched = sum(each.number for each in plan.changes if isinstance(each, Launch))
    assert launched <= max(0, number - ready - booting)
    assert cap is None or launched == 0 or ready + old + booting + launched <= cap
    assert cap is not None or booting or launched == max(0, number - ready)


def test_spot_machines_count_only_where_spot_is_wanted() -> None:
    seen = actual(record(0), record(1, usage_class="spot"), state=PROVEN)
    assert _of(_plan(seen), Launch) == ["1 on-demand large"]
    assert _of(_plan(seen, min_idle_usage_class=UsageClass.SPOT), Launch) == ["1 spot large"]


def test_a_machine_that_ec2_takes_back_does_not_count() -> None:
    reclaimed = {IDS[0]: evolve(READY, reclaimed_at=after(2)), IDS[1]: READY}
    assert _of(_plan(actual(record(0), record(1), state=PROVEN, reports=reclaimed)), Launch) == ["1 on-demand large"]
