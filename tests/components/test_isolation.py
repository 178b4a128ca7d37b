"""Nothing is written before the table is ready and ours, and a failed component stops no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import errors
from refresh.output.problems import causes
from refresh.pool import records
from refresh.reconciler.registered import COMPONENTS
from tests.fakes import canaries
from tests.fakes.desired import LARGE_QUEUE
from tests.fakes.world import World, in_minutes
from tests.reports import component, failed, reported

if TYPE_CHECKING:
    from refresh.engine.report import Report
    from refresh.ports import Clients

FOLLOWERS = ["abandoned runs", "runner registrations", "orphaned artifacts"]


def _refresh_denied(world: World, operation: str) -> Report:
    code = "UnauthorizedOperation" if operation.startswith("ec2:") else "AccessDeniedException"
    return world.refresh_refused(operation, code)


def _unchecked(report: Report) -> list[str]:
    """Name the components that did not check all that they should have checked."""
    return [each.name for each in report.components if each.unchecked and each.unchecked.due]


@pytest.fixture
def due(refreshed: World, clients: Clients) -> str:
    """Leave an expired instance, and something to write for every component; return the instance's id."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    for identifier in ("gh_registration_token", "runner_release", "resource_class_config", "idle_time_sec"):
        refreshed.delete_metadata(clients, identifier)
    clients.sqs.delete_queue(QueueUrl=clients.sqs.get_queue_url(QueueName=LARGE_QUEUE)["QueueUrl"])
    refreshed.forget_calls()
    return instance_id


@pytest.mark.parametrize(
    ("operation", "fails"),
    [
        ("sqs:CreateQueue", "resource pools"),
        ("sqs:GetQueueUrl", "resource pools"),
        ("ec2:DescribeLaunchTemplateVersions", "launch template"),
    ],
)
def test_a_denied_operation_fails_one_component_and_stops_no_other(
    refreshed: World, clients: Clients, due: str, operation: str, fails: str
) -> None:
    report = _refresh_denied(refreshed, operation)
    assert (failed(report), report.exit_code) == ([fails], 1)
    assert f"PermissionDenied: {operation}" in reported(report)
    assert refreshed.states(clients) == {due: "terminated"}
    assert refreshed.metadata(clients, "idle_time_sec") == {"N": "420"}
    assert refreshed.metadata(clients, "gh_registration_token") is not None
    refreshed.settle()


@pytest.mark.parametrize("operation", ["ec2:TerminateInstances", "ec2:DescribeInstances", "dynamodb:Query"])
def test_a_denied_collector_deletes_nothing_and_stops_no_other(
    refreshed: World, clients: Clients, due: str, operation: str
) -> None:
    """Without its view of the instances, the components after it check nothing."""
    report = _refresh_denied(refreshed, operation)
    assert failed(report) == ["garbage collector"]
    if operation != "ec2:TerminateInstances":
        assert _unchecked(report) == FOLLOWERS
    assert refreshed.states(clients) == {due: "running"}
    assert refreshed.left(clients, due) == ["HEARTBEAT", "INSTANCE", "WS"]
    refreshed.settle()
    assert refreshed.states(clients) == {due: "terminated"}


@pytest.mark.parametrize("operation", ["dynamodb:DescribeTable", "dynamodb:CreateTable", "dynamodb:UpdateTimeToLive"])
def test_nothing_is_written_before_the_table_is_ready(world: World, operation: str) -> None:
    report = _refresh_denied(world, operation)
    assert "state table" in failed(report)
    written = set(world.aws.writes) - {"dynamodb:CreateTable", "dynamodb:UpdateTimeToLive"}
    if operation == "dynamodb:UpdateTimeToLive":
        assert "sqs:CreateQueue" in written
    else:
        assert written == set()
        after = {each.name for each in COMPONENTS if "state table" in each.after}
        gated = [each for each in report.components if each.name in after and each.planned]
        assert {each.name for each in gated} > {"resource pools", "parameters", "registration token"}
        assert all(each.status == "skipped" and "state table" in each.reason for each in gated)
        assert len(causes(report.components)) == 1
    world.settle()


def test_without_a_runner_release_only_it_and_what_needs_the_template_fail(world: World) -> None:
    """A template would install a runner that GitHub may refuse."""
    world.github.answers["downloads"] = []
    report = world.refresh()
    assert failed(report) == ["runner release", "launch template", "door settings"]
    for waiting in ("launch template", "door settings"):
        assert isinstance(component(report, waiting).error, errors.Blocked)
    assert "ec2:CreateLaunchTemplate" not in world.aws.calls
    del world.github.answers["downloads"]
    world.settle()


def test_without_a_new_token_only_the_token_fails_and_the_stored_one_stays(refreshed: World, clients: Clients) -> None:
    stored = records.to_wire({"token": "old", "timestamp": in_minutes(-50), "expires_at": in_minutes(10)})
    refreshed.put_metadata(clients, "gh_registration_token", stored)
    refreshed.github.failure = (403, b'{"message": "Resource not accessible by integration"}')
    report = refreshed.refresh()
    assert (failed(report), _unchecked(report)) == (["registration token"], ["runner registrations"])
    assert "Administration" in reported(report)
    assert refreshed.metadata(clients, "gh_registration_token") == stored


@pytest.mark.shows("A54")
def test_a_defect_in_one_component_stops_no_other_and_hides_its_text(
    refreshed: World, clients: Clients, due: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of a library's exception may hold a secret."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError(canaries.PAT)

    monkeypatch.setattr("refresh.reconciler.parameters.policy.plan", broken)
    report = refreshed.refresh()
    assert failed(report) == ["parameters"]
    error = component(report, "parameters").error
    assert isinstance(error, errors.RefreshError)
    assert "ZeroDivisionError" in str(error)
    assert errors.ISSUES in str(error)
    assert "CANARY" not in str(error)
    assert refreshed.states(clients) == {due: "terminated"}


def test_without_the_template_a_recorded_instance_is_proven_by_the_tags_of_provision(
    refreshed: World, clients: Clients
) -> None:
    """The recorded id may be forged, so it counts as a former one; instances without a record are not checked."""
    tagged, bare = refreshed.launch(clients, 2)
    clients.ec2.delete_tags(Resources=[bare], Tags=[{"Key": "InitialRunId"}])
    for instance_id in (tagged, bare):
        refreshed.record(clients, instance_id)
    report = _refresh_denied(refreshed, "ec2:DescribeLaunchTemplateVersions")
    assert (failed(report), _unchecked(report)) == (["launch template"], ["garbage collector"])
    assert refreshed.states(clients) == {tagged: "terminated", bare: "running"}


def test_a_run_without_a_reason_to_look_everywhere_is_as_desired(refreshed: World) -> None:
    report = refreshed.refresh()
    assert (report.status, report.exit_code, _unchecked(report)) == ("as desired", 0, [])
    assert {*FOLLOWERS[1:]} <= {each.name for each in report.components if each.reason}
