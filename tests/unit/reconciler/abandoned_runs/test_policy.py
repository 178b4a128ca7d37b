"""Which machines are held by runs that are over: only what both looks show clearly."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.engine.change import Plan, Unchecked
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import PROTECTION_TAG, TEMPLATE_TAG, TemplateIds
from refresh.pool.records import InstanceRecord, Unreadable, wire_time
from refresh.ports import WorkflowRun
from refresh.reconciler.abandoned_runs import policy
from refresh.reconciler.abandoned_runs.actual import Actual
from refresh.reconciler.garbage_collector.actual import Actual as Collected
from refresh.reconciler.garbage_collector.changes import Mark, Reason
from refresh.reconciler.garbage_collector.restores import Restore
from tests.fakes.serial import NOW
from tests.unit.reconciler.abandoned_runs.runs import HELD, ID, OTHER, OVER_SINCE, SECOND, held, over, under_way

OVER = over()
OURS = {TEMPLATE_TAG: "lt-ours"}
SILENT = errors.Unavailable("GitHub GET /repos/octo/widgets/actions/runs/77", "ReadTimeout", "no usable answer.")
ABSENT = errors.PermissionDenied("GitHub GET /repos/octo/widgets/actions/runs/77", "404", "Not Found", remedy="Add it.")
RESTORED = NOW - timedelta(hours=1)


def _collected(*found: InstanceRecord | Unreadable, **changed: Any) -> Collected:
    instances = {each.id: Ec2Instance(each.id, Ec2State.RUNNING, tags=OURS) for each in found}
    return evolve(Collected(instances, found, TemplateIds("lt-ours")), **changed)


def _listed(record: InstanceRecord | Unreadable, **changed: Any) -> bool:
    return bool(policy.held(_collected(record, **changed), NOW))


def _actual(
    *machines: InstanceRecord,
    first: WorkflowRun | None = OVER,
    second: WorkflowRun | None = OVER,
    busy: frozenset[str] | None = frozenset(),
    **changed: Any,
) -> Actual:
    runs, again = ({each.id: each} if each else {} for each in (first, second))
    return evolve(Actual(machines or (HELD,), runs, busy, again), **changed)


def _marked(actual: Actual) -> list[str]:
    return [change.subject for change in policy.plan(actual, NOW).changes]


@pytest.mark.parametrize(
    ("label", "run"),
    [
        ("77", "77"),
        ("77-gpu", "77"),
        ("77-a.b_c", "77"),
        ("9" * 20, "9" * 20),
        *((each, "") for each in ("", None, "9" * 21, "077", "0", "77-", "-77", "warm-77-large", "77-a-b", "x77")),
        *((each, "") for each in ("77 ", "77\n", "77-a\n", "\u0667\u0667", "77/../5")),
    ],
)
def test_only_the_label_of_a_run_names_one(label: str | None, run: str) -> None:
    assert policy.run_of(label) == run


@pytest.mark.parametrize("state", sorted(records.LIVING_STATES))
@pytest.mark.parametrize("label", ["77", "77-gpu", "", None, "warm-5-large"])
def test_a_machine_is_asked_about_while_a_run_has_it(state: str, label: str | None) -> None:
    """One in the pool has no run, and a warm launch has none yet."""
    assert _listed(held(state=state, run_id=label)) is (state != "idle" and bool(label) and label != "warm-5-large")


@pytest.mark.parametrize(
    "record",
    [
        held(state=records.TERMINATED),
        held(updated_at=wire_time(NOW - timedelta(minutes=3))),
        held(updated_at=wire_time(NOW + timedelta(hours=1))),
        held(updated_at="yesterday"),
        held(updated_at=""),
        held(threshold=wire_time(NOW - SECOND)),
        Unreadable(ID, "its state is unknown"),
    ],
)
def test_no_machine_is_asked_about_that_was_just_written_is_the_collectors_or_cannot_be_read(record: Any) -> None:
    assert not _listed(record)


@pytest.mark.parametrize("threshold", [None, "", "soon", wire_time(NOW), wire_time(NOW + timedelta(days=9))])
def test_a_machine_is_asked_about_by_whatever_time_it_would_never_end(threshold: str | None) -> None:
    assert _listed(held(threshold=threshold))


@pytest.mark.parametrize("state", list(Ec2State))
def test_only_machines_that_live_are_asked_about(state: Ec2State) -> None:
    assert _listed(HELD, instances={ID: Ec2Instance(ID, state, tags=OURS)}) is state.alive


@pytest.mark.parametrize(
    "changed",
    [
        {"instances": {}},
        {"instances": {ID: Ec2Instance(ID, Ec2State.RUNNING)}},
        {"instances": {ID: Ec2Instance(ID, Ec2State.RUNNING, tags={TEMPLATE_TAG: "lt-foreign"})}},
        {"instances": {ID: Ec2Instance(ID, Ec2State.RUNNING, tags={**OURS, PROTECTION_TAG: "true"})}},
        {"template_ids": TemplateIds("", unread=True)},
        {"skew": timedelta(seconds=61)},
        {"skew": timedelta(seconds=-61)},
        {"restore": Restore(RESTORED, NOW)},
    ],
)
def test_no_machine_is_asked_about_that_the_collector_would_not_mark(changed: dict[str, Any]) -> None:
    """Unproven, protected, judged by a wrong clock, or by a record that comes from a backup."""
    assert not _listed(HELD, **changed)


def test_a_record_that_was_written_after_the_restore_counts() -> None:
    assert _listed(HELD, restore=Restore(RESTORED, RESTORED), skew=timedelta(seconds=60))


def test_runs_are_asked_about_once_each_those_first_whose_machines_were_written_longest_ago() -> None:
    times = [wire_time(NOW - timedelta(minutes=minutes)) for minutes in (10, 30, 20)]
    labels = ("5", "6-gpu", "6")
    found = [
        held(id=f"i-0000000{number}", run_id=label, updated_at=time)
        for number, (label, time) in enumerate(zip(labels, times, strict=True))
    ]
    machines = policy.held(_collected(*found), NOW)
    assert [each.run_id for each in machines] == ["6-gpu", "6", "5"]
    assert policy.runs_to_ask(machines) == ("6", "5")


def test_a_machine_of_a_run_that_is_over_is_marked() -> None:
    (mark,) = policy.plan(_actual(), NOW).changes
    assert mark == Mark(HELD, Reason.ABANDONED, NOW)
    assert mark.note == "abandoned, its run was completed 2 min ago"
    assert mark.facts["run_id"] == "77"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (under_way(), None),
        (over(), None),
        (None, over()),
        (over(), under_way()),
        (over(), under_way(attempt=2)),
        (over(), over(attempt=2)),
        (over(completed_at=NOW - OVER_SINCE + SECOND), over()),
        (over(), over(completed_at=NOW - OVER_SINCE + SECOND)),
        (over(), over(completed_at=NOW + timedelta(days=1))),
        (over("78"), over("78")),
    ],
)
def test_nothing_is_marked_unless_both_looks_show_the_same_attempt_as_over(
    first: WorkflowRun | None, second: WorkflowRun | None
) -> None:
    """Jobs may be run again at any moment."""
    assert _marked(_actual(first=first, second=second)) == []


@pytest.mark.parametrize(
    ("busy", "marked"), [(None, False), (frozenset({ID}), False), (frozenset({OTHER, ""}), True), (frozenset(), True)]
)
def test_nothing_is_marked_whose_runner_is_busy_or_unknown(busy: frozenset[str] | None, *, marked: bool) -> None:
    assert _marked(_actual(busy=busy)) == [ID] * marked


@pytest.mark.parametrize(("minutes", "marked"), [(-50, True), (1, True), (29.9, True), (30, False), (50, False)])
def test_nothing_is_marked_that_was_just_written_after_its_run_was_completed(minutes: float, *, marked: bool) -> None:
    """A later attempt may have provisioned for that label since; after half an hour GitHub would show the attempt."""
    completed_at = NOW - timedelta(hours=1)
    run, record = over(completed_at=completed_at), held(updated_at=wire_time(completed_at + timedelta(minutes=minutes)))
    assert _marked(_actual(record, first=run, second=run)) == [ID] * marked


@pytest.mark.parametrize(("minutes", "marked"), [(1, True), (1.02, False)])
def test_a_process_may_end_a_moment_later_than_its_run(minutes: float, *, marked: bool) -> None:
    completed_at = NOW - timedelta(minutes=20)
    run, record = over(completed_at=completed_at), held(updated_at=wire_time(completed_at + timedelta(minutes=minutes)))
    assert _marked(_actual(record, first=run, second=run)) == [ID] * marked


def test_each_machine_of_a_run_is_judged_by_its_own_record() -> None:
    others = [held(id=f"i-0000000{number}") for number in (2, 3, 4)]
    unlike = [evolve(others[0], state="idle"), evolve(others[1], run_id="78"), evolve(others[2], run_id="77-gpu")]
    assert _marked(_actual(HELD, *unlike)) == [ID, "i-00000004"]


@pytest.mark.parametrize(
    ("changed", "note", "status"),
    [
        (
            {"silence": SILENT},
            f"GitHub did not say which runs are over, so their machines stay until .*{SILENT}",
            False,
        ),
        ({"silence": SILENT, "runs": {}}, "until their time is over: Unavailable: ", True),
        (
            {"absent": {"77": ABSENT}},
            "^run 77: unclear whether it is over, so its machines stay: PermissionDenied: .*Add",
            None,
        ),
        ({"absent": {"77": ABSENT, "78": ABSENT}}, "^run 77(, | and )78: unclear", None),
        ({"unasked": 3}, "^3 more runs with machines were not asked about; the oldest 50 come first", None),
    ],
)
def test_what_is_unclear_is_a_note_with_the_remedy(changed: dict[str, Any], note: str, status: bool | None) -> None:  # noqa: FBT001 - a table
    plan = policy.plan(_actual(second=None, **changed), NOW)
    (found,) = plan.notes
    assert re.search(note, found)
    assert (plan.warnings, plan.refusals, plan.changes) == ((), (), ())
    assert (plan.unchecked.wholly if plan.unchecked else None) is status


def test_what_could_not_be_looked_at_is_reported() -> None:
    unchecked = Unchecked("why")
    assert policy.plan(Actual(unchecked=unchecked), NOW) == Plan(unchecked=unchecked)
