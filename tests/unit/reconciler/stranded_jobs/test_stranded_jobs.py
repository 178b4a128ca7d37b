"""The component: what it costs where nothing is to be done, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from unittest import mock

import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Postponed
from refresh.engine.component import Run
from refresh.pool import records
from refresh.pool.runs import FAILED
from tests.fakes.memory.account import Watch
from tests.simulation import rescues
from tests.simulation.paces import USUAL


def test_without_the_input_nothing_is_asked() -> None:
    stage = rescues.build()
    report = rescues.refresh(stage, rescue_stranded_jobs=False)
    component = rescues.component(report)
    assert not any(each.startswith("github:") for each in stage.pool.account.calls)
    assert component.unchecked
    assert not component.unchecked.due
    assert (component.planned, component.reason) == ((), "rescue-stranded-jobs is false")


def test_provision_s_code_is_loaded_only_for_a_rescue() -> None:
    program = (
        "import sys, refresh.reconciler.reconciliation\n"
        "print([each for each in sys.modules if each.startswith(('refresh.provision.', 'refresh.release.'))])"
    )
    printed = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"


def test_without_a_run_in_a_later_attempt_one_call_is_added() -> None:
    stage = rescues.build()
    stage.pool.account.state.runs.clear()
    rescues.refresh(stage)
    without = rescues.refresh(stage, rescue_stranded_jobs=False)
    before = list(stage.pool.account.calls)
    report = rescues.refresh(stage)
    assert (without.exit_code, report.exit_code) == (0, 0)
    assert sorted(stage.pool.account.calls) == sorted([*before, "github:ListRuns"])
    assert rescues.component(report).status == "as desired"


def test_github_is_asked_once_in_a_run() -> None:
    stage = rescues.build(2)
    rescues.refresh(stage)
    calls = stage.pool.account.calls
    assert (calls.count("github:ListRuns"), calls.count("github:ListJobs")) == (1, 1)


@pytest.mark.parametrize("result", [FAILED, ""])
def test_what_failed_in_this_attempt_is_provided_again(result: str) -> None:
    stage = rescues.build(1, result=result, attempt=2)
    rescues.refresh(stage)
    rescues.require_rescued(stage)


def test_several_labels_are_rescued_in_one_run() -> None:
    stage = rescues.build(3)
    for name in ("77-a", "77-b"):
        stage.pool.table.put(rescues.provided(label=name))
        rescues.wait(stage.pool, name)
    report = rescues.refresh(stage)
    assert [each.subject for each in rescues.component(report).done] == ["77", "77-a", "77-b"]
    for name in ("77", "77-a", "77-b"):
        assert len(rescues.running(stage, name)) == 1


def test_a_pool_without_settings_is_a_warning() -> None:
    class Forget(Watch):
        def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
            if operation == "dynamodb:GetItem":
                stage.pool.table.items.pop(("TYPE#SETTINGS", "ID#doors"))

    stage = rescues.build()
    report = rescues.refresh(stage, Forget())
    component = rescues.component(report)
    assert (report.exit_code, component.done) == (0, ())
    assert "has no settings for provision" in component.warnings[0]


def test_the_cap_of_the_class_holds_for_rescues_too() -> None:
    stage = rescues.build()
    report = rescues.refresh(stage, max_instances=(("large", 0),))
    assert "max-instances allows the pool only 0" in rescues.component(report).warnings[0]
    assert stage.pool.account.state.instances == {}


def test_a_run_whose_time_is_short_rescues_nothing_and_says_so() -> None:
    stage = rescues.build()
    report = rescues.refresh(stage, timeout=rescues.EVERY / 3)
    assert "raise the input timeout" in rescues.component(report).warnings[0]
    assert rescues.waiting(stage)


def test_mode_plan_lists_each_label_once() -> None:
    stage = rescues.build()
    component = rescues.component(rescues.refresh(stage, mode=Mode.PLAN))
    assert ([each.subject for each in component.planned], component.following) == (["77"], ())
    assert stage.pool.account.writes == []


def test_a_rescue_that_the_end_of_the_run_interrupts_is_left_to_the_next_run() -> None:
    """A job may have begun on its machine by then."""
    stage = rescues.build(pace=evolve(USUAL, register=400))
    end = stage.pool.account.clock.now() + timedelta(minutes=1)
    with mock.patch.object(Run, "over", lambda run: run.clock.now() >= end):
        component = rescues.component(rescues.refresh(stage))
    assert isinstance(component.error, errors.DeadlineReached)
    assert [type(each) for each in component.outcomes] == [Postponed]
    (item,) = stage.pool.table.of(records.INSTANCE).values()
    assert records.text(item, "runId") == "77"


def test_expired_credentials_fail_the_component() -> None:
    class Expire(Watch):
        def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
            if operation == "dynamodb:GetItem":
                raise errors.CredentialsExpired(operation, "ExpiredToken")

    report = rescues.refresh(rescues.build(), Expire())
    assert isinstance(rescues.component(report).error, errors.CredentialsExpired)
    assert report.exit_code == 1
