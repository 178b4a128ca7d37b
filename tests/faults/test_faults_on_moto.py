"""AWS fails over HTTP, where the retries are botocore's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import errors
from tests.fakes.world import World
from tests.faults.faults import of, refusal
from tests.reports import failed, reported
from tests.simulation.schedules import operations_of
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from refresh.ports import Clients

pytestmark = pytest.mark.usefixtures("slept")

ROWS = {"F1": ("Throttling", 400, errors.Throttled), "F2": ("InternalError", 503, errors.Unavailable)}
FIRST = [each for each in operations_of(build("empty account")) if not each.startswith("github:")]
"""What a first run makes."""
EXPIRED = ("ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "RequestExpired")


@pytest.mark.shows("F1", "F2")
@pytest.mark.parametrize("operation", [each for row in ROWS for each in of(row, FIRST)])
def test_a_call_that_fails_four_times_succeeds_at_the_fifth(
    world: World, operation: str, request: pytest.FixtureRequest
) -> None:
    """The run succeeds, as if nothing had been."""
    code, status, _ = ROWS[request.node.callspec.id.partition("-")[0]]
    left = [refusal(operation, code, status)] * 4
    world.aws.before_call = lambda call: left.pop() if call == operation and left else None
    report = world.refresh()
    world.aws.before_call = lambda _: None
    assert report.exit_code == 0, reported(report)
    assert left == []
    world.settle()


@pytest.mark.shows("F1", "F2")
@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row}-given-up") for row in ROWS])
def test_after_five_tries_a_call_fails_only_its_own_component(world: World, row: str) -> None:
    """The component says which call, and the next run does it."""
    code, status, kind = ROWS[row]
    answer = refusal("ec2:CreateLaunchTemplate", code, status)
    world.aws.before_call = lambda call: answer if call == "ec2:CreateLaunchTemplate" else None
    report = world.refresh()
    world.aws.before_call = lambda _: None
    assert (report.exit_code, failed(report)) == (1, ["launch template"])
    assert f"{kind.__name__}: ec2:CreateLaunchTemplate: {code}" in reported(report)
    assert world.aws.counted()["ec2:CreateLaunchTemplate"] == 5
    world.settle()


@pytest.mark.shows("F6")
@pytest.mark.parametrize("code", [pytest.param(code, id=f"F6-{code}") for code in EXPIRED])
@pytest.mark.usefixtures("expiring")
def test_after_refused_credentials_nothing_is_sent_and_a_report_is_written(
    refreshed: World, clients: Clients, code: str
) -> None:
    """What was under way may still be answered; no write and no retry follows."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    refreshed.forget_calls()
    answer = refusal("ec2:TerminateInstances", code)
    refreshed.aws.before_call = lambda call: answer if call == "ec2:TerminateInstances" else None
    report = refreshed.refresh()
    assert report.exit_code == 1
    assert f"CredentialsExpired: ec2:TerminateInstances: {code}" in reported(report)
    assert refreshed.aws.counted()["ec2:TerminateInstances"] == 1
    assert refreshed.aws.calls[-1] == "ec2:TerminateInstances"
