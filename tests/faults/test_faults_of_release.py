"""Faults while `release` runs, in memory: what it does, and that another release does what is left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve, frozen

from refresh import errors
from refresh.pool import records
from refresh.ports import WorkflowJob
from refresh.release import component
from tests.fakes.memory.account import Watch
from tests.fakes.serial import Serial
from tests.faults.faults import Refuse, of
from tests.simulation.door_invariants import crashed, failing, settle, watched
from tests.simulation.door_schedules import calls_in, points_in
from tests.simulation.door_worlds import build
from tests.simulation.doors import RELEASE, RUN, clients_of
from tests.simulation.schedules import CrashAt, FailAlways

if TYPE_CHECKING:
    from tests.fakes.memory.account import Phase
    from tests.simulation.stage import Stage

KINDS = {
    "unavailable": errors.Unavailable,
    "denied": errors.PermissionDenied,
    "expired": errors.CredentialsExpired,
}


def _states(stage: Stage) -> list[tuple[str | None, str | None]]:
    """Return state and run of the machines that the run had, in the order of their launch."""
    found = stage.pool.table.of(records.INSTANCE)
    ours = [item for item in found.values() if RUN in (_text(item, "runId"), _text(item, "lastRunId"))]
    return [(_text(item, "state"), _text(item, "runId")) for item in ours]


def _text(item: records.Item, name: str) -> str | None:
    return records.text(item, name)


def _writes(stage: Stage) -> list[str]:
    return stage.pool.account.writes


@pytest.mark.shows("F36")
@pytest.mark.parametrize("world", of("F36", ["three running", "half provided", "not to be used again", "unrecorded"]))
def test_a_release_killed_at_any_call_is_finished_by_the_next_one(world: str) -> None:
    for point in points_in(world):
        stage, desired = build(world)
        assert crashed(stage, desired, CrashAt(*point))
        settle(stage, desired)


@pytest.mark.shows("F37")
@pytest.mark.parametrize("world", ["half provided", "all names"])
@pytest.mark.parametrize("kind", of("F37", KINDS))
def test_an_operation_that_fails_is_reported_and_the_next_release_does_the_rest(kind: str, world: str) -> None:
    for operation in sorted(set(calls_in(world)) - {"github:ListJobs"}):
        stage, desired = build(world)
        failing(stage, desired, FailAlways(operation, "before", KINDS[kind]))


@pytest.mark.shows("F38")
@pytest.mark.parametrize("phase", of("F38", ["before", "after"]))
def test_a_message_that_fails_is_an_error_and_sent_by_the_next_release(phase: Phase) -> None:
    stage, desired = build("three running")
    run = watched(stage, desired, FailAlways("sqs:SendMessageBatch", phase, errors.Unavailable))
    assert (run.exit_code, len(run.released)) == (1, 3)
    settle(stage, desired)


@pytest.mark.shows("F39")
@pytest.mark.parametrize("world", of("F39", ["failed provision", "not to be used again", "unrecorded"]))
def test_without_an_answer_of_ec2_nothing_is_terminated_and_the_release_fails(world: str) -> None:
    stage, desired = build(world)
    alive = stage.pool.alive
    run = watched(stage, desired, FailAlways("ec2:DescribeInstances", "before", errors.Unavailable))
    assert run.exit_code == 1
    assert stage.pool.alive == alive
    assert all(not run_id for _, run_id in _states(stage)), "no run can claim them any more"
    settle(stage, desired)


@pytest.mark.shows("F40")
@pytest.mark.parametrize("kind", of("F40", KINDS))
def test_without_an_answer_of_github_machines_are_released_with_a_notice(kind: str) -> None:
    stage, desired = build("three running")
    run = watched(stage, desired, Refuse("github:ListJobs", KINDS[kind]("GitHub GET jobs", "503", "unavailable")))
    assert (run.exit_code, len(run.released)) == (0, 3)
    (note,) = run.component.notes
    assert "GitHub GET jobs" in note


@pytest.mark.shows("F41")
@pytest.mark.parametrize("force", [pytest.param(False, id="F41-refused"), pytest.param(True, id="F41-by-force")])
def test_machines_that_an_open_job_needs_are_only_released_by_force(*, force: bool) -> None:
    stage, desired = build("three running")
    stage.pool.account.state.jobs[RUN] = [WorkflowJob(name="test", labels=(RUN,), completed=False)]
    run = watched(stage, evolve(desired, force=force))
    assert (run.exit_code, len(run.released)) == ((0, 3) if force else (1, 0))
    assert force or _writes(stage) == []


@frozen
class _Claim(Watch):
    """Another run claims a machine before the records are written."""

    stage: Stage
    identifier: str

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Change its record once."""
        item = self.stage.pool.table.of(records.INSTANCE)[self.identifier]
        if operation == "dynamodb:TransactWriteItems" and _text(item, "runId") == RUN:
            self.stage.pool.table.put({**item, "runId": {"S": "99"}})


@pytest.mark.shows("F42")
@pytest.mark.parametrize("world", of("F42", ["three running"]))
def test_a_record_that_another_process_changed_first_is_skipped_and_the_others_are_released(world: str) -> None:
    stage, desired = build(world)
    found = stage.pool.table.of(records.INSTANCE)
    first = next(each for each, item in found.items() if _text(item, "runId") == RUN)
    run = watched(stage, desired, _Claim(stage, first))
    assert (run.exit_code, len(run.released)) == (0, 2)
    assert _text(stage.pool.table.of(records.INSTANCE)[first], "runId") == "99"


@pytest.mark.shows("F43")
@pytest.mark.parametrize("world", of("F43", ["unknown state", "forged", "removed class"]))
def test_a_record_that_is_malformed_or_forged_is_a_warning_and_the_others_are_released(world: str) -> None:
    stage, desired = build(world)
    run = watched(stage, desired)
    assert (run.exit_code, bool(run.component.warnings), bool(run.released)) == (0, True, True)


@pytest.mark.shows("F44")
@pytest.mark.parametrize("world", of("F44", ["reclaimed spot"]))
def test_a_spot_machine_that_ec2_took_back_is_not_given_back(world: str) -> None:
    stage, desired = build(world)
    run = watched(stage, desired)
    assert (run.exit_code, len(run.released), len(run.ended)) == (0, 1, 2)
    assert {each.reason for each in run.ended} == {"EC2 has ended it"}


@pytest.mark.shows("F45")
@pytest.mark.parametrize("minutes", of("F45", ["2", "-10"]))
def test_with_a_wrong_clock_nothing_is_released(minutes: str) -> None:
    stage, _ = build("three running")
    stage.pool.account.requests.clear()
    skewed = evolve(clients_of(stage.pool), skew=lambda: timedelta(minutes=int(minutes)))
    converged = component.begin(RELEASE, skewed, stage.pool.account.clock, Serial()).converge()
    assert converged.report.failed
    assert _writes(stage) == []
