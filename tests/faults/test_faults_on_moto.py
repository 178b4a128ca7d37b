"""AWS fails over HTTP, where the retries are botocore's own; and the runner's files cannot be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import errors
from tests.fakes.world import World, refusal
from tests.faults.faults import EXPIRED, of
from tests.reports import failed, reported
from tests.simulation.schedules import operations_of
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from pathlib import Path

    from refresh.ports import Clients

pytestmark = pytest.mark.usefixtures("slept")

ROWS = {"F1": ("Throttling", 400, errors.Throttled), "F2": ("InternalError", 503, errors.Unavailable)}
FIRST = [each for each in operations_of(build("empty account")) if not each.startswith("github:")]
"""The operations of a first run."""


@pytest.mark.shows("F1", "F2")
@pytest.mark.parametrize("operation", [each for row in ROWS for each in of(row, FIRST)])
def test_a_call_that_fails_four_times_succeeds_at_the_fifth(
    world: World, operation: str, request: pytest.FixtureRequest
) -> None:
    """A call to IAM has three tries, since a run can do without it."""
    code, status, _ = ROWS[request.node.callspec.id.partition("-")[0]]
    left = [refusal(operation, code, status)] * (2 if operation.startswith("iam:") else 4)
    world.aws.before_call = lambda call: left.pop() if call == operation and left else None
    report = world.refresh()
    world.aws.before_call = lambda _: None
    assert report.exit_code == 0, reported(report)
    assert left == []
    world.settle()


@pytest.mark.shows("F1", "F2")
@pytest.mark.parametrize("row", ROWS, ids="{}-given-up".format)
def test_after_five_tries_a_call_fails_its_own_component_and_what_needs_it(world: World, row: str) -> None:
    """Its error names the call, which the next run makes."""
    code, status, kind = ROWS[row]
    report = world.refresh_refused("ec2:CreateLaunchTemplate", code, status)
    assert (report.exit_code, failed(report)) == (1, ["launch template", "door settings"])
    assert f"{kind.__name__}: ec2:CreateLaunchTemplate: {code}" in reported(report)
    assert world.aws.counted()["ec2:CreateLaunchTemplate"] == 5
    world.settle()


@pytest.mark.shows("F6")
@pytest.mark.parametrize("code", of("F6", EXPIRED))
@pytest.mark.usefixtures("expiring")
def test_after_refused_credentials_nothing_is_sent_and_a_report_is_written(
    refreshed: World, clients: Clients, code: str
) -> None:
    """Only calls under way are still answered: there is no write and no retry."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    refreshed.forget_calls()
    report = refreshed.refresh_refused("ec2:TerminateInstances", code)
    assert report.exit_code == 1
    assert f"CredentialsExpired: ec2:TerminateInstances: {code}" in reported(report)
    assert refreshed.aws.counted()["ec2:TerminateInstances"] == 1
    # A read that was under way may arrive later.
    assert refreshed.aws.writes[-1] == "ec2:TerminateInstances"


@pytest.mark.shows("F28")
@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("/dev/full", "No space left on device", id="F28-full"),
        pytest.param(".", "Is a directory", id="F28-directory"),
        pytest.param("missing/x", "No such file", id="F28-missing"),
    ],
)
def test_a_file_that_cannot_be_written_is_a_warning(
    world: World, tmp_path: Path, variable: str, path: str, words: str
) -> None:
    """The exit code describes only the pool, which is made."""
    code, printed = world.run({variable: str(tmp_path / path)})
    assert code == 0, printed
    assert any(line.startswith(f"warning: {variable}: ") and words in line for line in printed.splitlines()), printed
    world.settle()
