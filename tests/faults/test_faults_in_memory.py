"""Every AWS operation fails in every way, in memory: which components fail, and that nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

from refresh import errors
from refresh.pool import records
from tests.fakes.desired import TABLE, TEMPLATE
from tests.fakes.memory.account import Watch, refused
from tests.faults.faults import EXPIRED, Refuse, of, worlds, writes
from tests.reports import failed, reported
from tests.simulation.invariants import settle, watched
from tests.simulation.pool import Pool
from tests.simulation.schedules import PHASES, FailAlways, calls_of
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark.structures import ParameterSet

    from tests.fakes.memory.account import Phase

GATED = ["state table", "runner release", "launch template", "resource pools", "parameters", "registration token"]
DOORS = "door settings"
TAGS = ("ec2:DescribeLaunchTemplates", "sqs:ListQueueTags")
LOOKS = ("ec2:DescribeImages", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "iam:GetInstanceProfile")
"""Checks before writing: if one is impossible, a note says so."""
COLLECTION = ("dynamodb:Query", "dynamodb:TransactWriteItems", "ec2:DescribeInstances", "ec2:TerminateInstances")
FINISH = (
    *("dynamodb:ListTagsOfResource", "dynamodb:TagResource"),
    *("dynamodb:DescribeTimeToLive", "dynamodb:UpdateTimeToLive"),
)
"""What a table gets after the other components may use it."""
KINDS = {
    "F1": ("ThrottlingException", errors.Throttled),
    "F2": ("InternalError", errors.Unavailable),
    "F3": ("ConnectTimeoutError", errors.Unavailable),
    "F5": ("UnauthorizedOperation", errors.PermissionDenied),
}


def _fails(operation: str) -> list[str]:
    """Name the components that fail without an operation: without most of DynamoDB's, all that write."""
    if operation in LOOKS:
        return []
    if operation in COLLECTION:
        return ["garbage collector"]
    if operation in FINISH:
        return ["state table"]
    if operation == "dynamodb:BatchGetItem":
        return [*GATED, DOORS, "garbage collector"]
    return {"sqs": ["resource pools"], "ec2": ["launch template"]}.get(operation.partition(":")[0], GATED)


def _fails_in(pool: Pool, operation: str) -> list[str]:
    """Name the components that fail; the settings need the others if the table does not record them yet."""
    failing = _fails(operation)
    if operation == "dynamodb:BatchGetItem" and pool.desired.daily_summary:
        failing = [*failing, "daily summary"]
    recorded = TABLE in pool.account.state.tables and pool.table.of(records.SETTINGS)
    if recorded or operation in TAGS or DOORS in failing or {*failing}.isdisjoint(GATED[1:]):
        return failing
    return [*failing, DOORS]


def _refused() -> Iterator[ParameterSet]:
    """Return every operation for every row, except a throttled termination, which a run waits for."""
    for row in KINDS:
        yield from of(row, [each for each in worlds() if (row, each) != ("F1", "ec2:TerminateInstances")])


@pytest.mark.shows("F1", "F2", "F3", "F5")
@pytest.mark.parametrize("operation", list(_refused()))
def test_a_refused_operation_fails_only_the_components_that_need_it(
    operation: str, request: pytest.FixtureRequest
) -> None:
    """The error has the operation's kind and name; a failed check is a note. The next run does the rest."""
    code, kind = KINDS[request.node.callspec.id.partition("-")[0]]
    error = refused(operation, code, status=503) if kind is not errors.Unavailable else kind(operation, code, "no.")
    assert type(error) is kind
    pool = build(worlds()[operation])
    fails = _fails_in(pool, operation)
    report = watched(pool, Refuse(operation, error))
    assert failed(report) == fails
    assert report.exit_code == bool(fails)
    notes = "\n".join(note for each in report.components for note in each.notes)
    words = reported(report) if _fails(operation) else notes
    assert f"{kind.__name__}: {operation}: {code}" in words
    if kind is errors.PermissionDenied:
        assert "in the IAM policy of the role or user that the run uses" in words
    settle(pool)


@pytest.mark.shows("F4")
@pytest.mark.parametrize("operation", of("F4", writes()))
def test_a_write_whose_answer_was_lost_is_not_repeated(operation: str) -> None:
    """There is no second queue or record: the next read finds the first. EC2's warnings about a version are lost."""
    pool = build(worlds()[operation])
    report = watched(pool, FailAlways(operation, "after", errors.Unavailable))
    assert operation in pool.account.writes
    assert report.exit_code in (0, 1)
    settle(pool)
    undisturbed = build(worlds()[operation])
    settle(undisturbed)
    template = undisturbed.account.state.templates[TEMPLATE]
    if operation in ("ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion"):
        # One more equal version shows the lost warnings.
        template.versions[template.latest + 1] = template.versions[template.latest]
    if operation == "ec2:CreateLaunchTemplateVersion":
        template.default += 1
    assert _there(pool) == _there(undisturbed)


def _there(pool: Pool) -> tuple[object, ...]:
    """Return what would show a repeated write."""
    state = pool.account.state
    versions = {name: (each.default, sorted(each.versions)) for name, each in state.templates.items()}
    return versions, sorted(state.queues), sorted(pool.table.of(records.HISTORY)), sorted(state.tables)


@pytest.mark.shows("F6")
@pytest.mark.parametrize("code", of("F6", EXPIRED))
def test_credentials_that_expire_during_a_collection_end_it_with_a_report(code: str) -> None:
    """The marks remain, no other termination is tried, and the next run ends the instances."""
    pool = build("mixed instances")
    error = refused("ec2:TerminateInstances", code)
    assert type(error) is errors.CredentialsExpired
    report = watched(pool, Refuse("ec2:TerminateInstances", error))
    assert (report.exit_code, failed(report)) == (1, ["garbage collector"])
    assert f"CredentialsExpired: ec2:TerminateInstances: {code}" in reported(report)
    assert "valid credentials" in reported(report)
    assert pool.account.calls.count("ec2:TerminateInstances") == 1
    settle(pool)


@pytest.mark.shows("F29")
@pytest.mark.parametrize("phase", of("F29", PHASES))
@pytest.mark.parametrize("world", ["mixed instances", "empty account"])
def test_a_run_stopped_at_any_call_reports_and_the_next_run_finishes(world: str, phase: Any) -> None:
    calls = calls_of(build(world))
    for number in range(calls if phase == "before" else calls - 1):
        pool = build(world)
        report = watched(pool, _Stop(number, phase))
        assert report.exit_code == 1
        assert "stopped as asked" in reported(report)
        settle(pool)


@frozen
class _Stop(Watch):
    """The run is stopped before or after a call; it still reads the answer."""

    number: int
    phase: Phase

    def before(self, number: int, operation: str) -> None:
        """Send nothing after the request to stop."""
        if number > self.number or (number == self.number and self.phase == "before"):
            raise errors.Interrupted(f"stopped as asked, before {operation} was sent.")
