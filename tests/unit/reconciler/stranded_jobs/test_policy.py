"""Which jobs are stranded, and what is provided for them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh.engine.change import Unchecked
from refresh.pool.records import Unreadable
from refresh.pool.runs import FAILED, PROVIDED
from refresh.ports import WorkflowRun
from refresh.reconciler.stranded_jobs.actual import Actual
from refresh.reconciler.stranded_jobs.policy import RESCUED_PER_RUN, RESCUES, labels_of, pending_labels, plan
from tests.fakes.serial import NOW
from tests.unit.reconciler.stranded_jobs.cases import JOB, KNOWN, RUN, actual, job, known, record, rescue

if TYPE_CHECKING:
    from refresh.ports import WorkflowJob


def test_a_job_that_waits_for_its_run_s_label_is_rescued() -> None:
    planned = plan(actual(), NOW)
    assert planned.changes == (rescue(),)
    (change,) = planned.changes
    assert (change.rescues, change.jobs, change.asked) == (1, ("build",), KNOWN.request)
    assert (planned.warnings, planned.notes, planned.unchecked) == ((), (), None)


@pytest.mark.parametrize(
    "jobs",
    [
        [job(seconds=59)],
        [evolve(JOB, queued_since=None)],
        [evolve(JOB, queued_since=None, started_at=NOW)],
        [evolve(JOB, queued_since=None, completed=True)],
        [job("ubuntu-latest")],
        [job("78")],
        [job("77-other")],
        [job("771")],
        [job("77-")],
    ],
)
def test_other_jobs_are_left_alone(jobs: list[WorkflowJob]) -> None:
    """They have just begun to wait, do not wait, or ask for what no provision was asked for."""
    assert plan(actual(*jobs), NOW) == plan(Actual(), NOW)


def test_several_jobs_of_a_label_are_rescued_at_once() -> None:
    """With as many machines as provision was asked for; the longest wait counts."""
    (change,) = plan(actual(job(name="b"), job(name="a" * 70, seconds=90), job(seconds=10)), NOW).changes
    assert change.jobs == ("b", "a" * 60 + "...")


def test_a_job_that_names_another_label_too_can_get_no_machine_of_the_pool() -> None:
    planned = plan(actual(job("self-hosted", "77")), NOW)
    assert planned.changes == ()
    assert "asks for self-hosted, 77, but no machine has a label except 77" in planned.notes[0]


@pytest.mark.parametrize(
    ("before", "rescued"),
    [
        (known(), True),
        (known(attempt=2), False),
        (known(attempt=3), False),
        (known(FAILED, attempt=2), True),
        (known("", attempt=2), True),
        (known("", attempt=2, deadline=NOW + timedelta(minutes=1)), False),
    ],
)
def test_what_was_provided_in_this_attempt_is_not_provided_again(before: Any, *, rescued: bool) -> None:
    assert bool(plan(actual(asked={"77": before}), NOW).changes) is rescued


@pytest.mark.parametrize(
    ("records", "rescued"),
    [
        ([record("running")], False),
        ([record("running", seconds=-1)], True),
        ([record("running", run="78")], True),
        ([record("idle", run="")], True),
        ([record("terminated")], True),
        ([evolve(record("running"), threshold=None)], True),
        ([Unreadable("x", "no")], True),
        ([record("created")], True),
        ([record("claimed"), record("running")], True),
    ],
)
def test_a_label_with_machines_that_work_is_left_alone(records: list[Any], *, rescued: bool) -> None:
    """Those that are still prepared were left by a process that has ended: the lease is free."""
    assert bool(plan(actual(records=tuple(records)), NOW).changes) is rescued


@pytest.mark.parametrize(("result", "continued"), [("", True), (FAILED, False), (PROVIDED, False)])
@pytest.mark.parametrize("state", ["created", "claimed"])
def test_a_rescue_that_died_is_continued_though_no_job_waits_any_more(
    state: str, result: str, *, continued: bool
) -> None:
    begun = evolve(JOB, queued_since=None, started_at=NOW)
    seen = actual(begun, asked={"77": known(result, attempt=2, rescues=1)}, records=(record(state),))
    planned = plan(seen, NOW)
    assert [each.rescues for each in planned.changes] == ([2] if continued else [])


def test_a_provision_of_the_run_that_died_is_not_continued_without_a_job_that_waits() -> None:
    seen = actual(evolve(JOB, queued_since=None), asked={"77": known("", attempt=2)}, records=(record("created"),))
    assert plan(seen, NOW).changes == ()


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        ({"queued_since": NOW - timedelta(seconds=179)}, True),
        ({"queued_since": NOW - timedelta(seconds=180)}, False),
        ({"queued_since": None, "started_at": NOW - timedelta(seconds=10)}, True),
        ({"queued_since": None, "started_at": NOW - timedelta(minutes=10)}, False),
        ({"queued_since": None}, False),
        ({"queued_since": None, "started_at": NOW, "completed": True}, False),
        ({"queued_since": NOW, "labels": ("77-x",)}, False),
    ],
)
def test_a_young_job_of_the_run_may_be_about_to_provide(other: dict[str, Any], *, waits: bool) -> None:
    provider = evolve(JOB, name="provision", **{"labels": ("ubuntu-slim",), **other})
    planned = plan(actual(JOB, provider), NOW)
    assert bool(planned.changes) is not waits
    assert any("the job provision is new" in each for each in planned.notes) is waits


def test_a_label_is_rescued_a_few_times_in_an_attempt() -> None:
    last = plan(actual(asked={"77": known(FAILED, attempt=2, rescues=RESCUES - 1)}), NOW)
    assert [each.rescues for each in last.changes] == [RESCUES]
    more = plan(actual(asked={"77": known(FAILED, attempt=2, rescues=RESCUES)}), NOW)
    assert more.changes == ()
    assert f"after {RESCUES} rescues in this attempt" in more.warnings[0]
    anew = plan(actual(asked={"77": known(FAILED, attempt=1, rescues=RESCUES)}), NOW)
    assert [each.rescues for each in anew.changes] == [1]


def test_an_unreadable_item_is_a_warning() -> None:
    planned = plan(actual(asked={"77": None}), NOW)
    assert planned.changes == ()
    assert "its item RUN in the table is unreadable" in planned.warnings[0]


def test_the_jobs_that_wait_longest_are_first_and_the_rest_is_noted() -> None:
    labels = [f"77-p{number:02}" for number in range(RESCUED_PER_RUN + 2)]
    jobs = [job(label, seconds=100 + number) for number, label in enumerate(labels)]
    seen = actual(*jobs, asked=dict.fromkeys(labels, KNOWN))
    planned = plan(seen, NOW)
    assert [each.label for each in planned.changes] == labels[:1:-1]
    assert "jobs wait for 77-p01, 77-p00 too" in planned.notes[0]
    done = evolve(seen, tried=dict.fromkeys(labels[2:], ("a warning",)))
    after = plan(done, NOW)
    assert after.changes == ()
    assert set(after.warnings) == {"a warning"}
    assert after.notes == planned.notes


def test_a_label_is_tried_once_in_a_run() -> None:
    planned = plan(actual(tried={"77": ("it failed",)}), NOW)
    assert (planned.changes, planned.warnings) == ((), ("it failed",))


def test_what_was_not_read_is_said() -> None:
    unchecked = Unchecked("blind")
    planned = plan(Actual(warnings=("w",), notes=("n",), unchecked=unchecked), NOW)
    assert (planned.warnings, planned.notes, planned.unchecked) == (("w",), ("n",), unchecked)


def test_the_labels_of_a_run_are_those_that_provision_makes() -> None:
    jobs = [job("77", "77-a", "78", "770", "77-a b", "77-", "77-" + "x" * 41, "x64"), job("77-b", completed=True)]
    assert labels_of(RUN, jobs) == {"77", "77-a"}
    records = [record("created", "77-c"), record("running", "77-d"), record("claimed", "7"), record("idle", "")]
    assert pending_labels(RUN, records, NOW) == {"77-c"}
    assert labels_of(WorkflowRun(id="7", attempt=2), jobs) == set()
