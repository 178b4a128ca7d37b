"""Order and isolation: nothing is written before the table is ours, and one failure stops nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from refresh import errors
from refresh.output.problems import causes
from refresh.pool import records
from refresh.reconciler.registered import COMPONENTS
from tests.fakes import canaries
from tests.fakes.desired import LARGE_QUEUE
from tests.fakes.world import World, in_minutes
from tests.reports import component, failed, told

if TYPE_CHECKING:
    from refresh.ports import Clients

DENIED = (400, json.dumps({"__type": "AccessDeniedException", "message": "not authorized."}).encode())
DENIED_BY_EC2 = (
    403,
    b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no.</Message></Error></Errors></Response>",
)


def _deny(world: World, operation: str) -> None:
    answer = DENIED_BY_EC2 if operation.startswith("ec2:") else DENIED
    world.aws.before_call = lambda call: answer if call == operation else None


def _due(world: World, clients: Clients) -> str:
    """Leave an expired instance, and something to write for every component."""
    (instance_id,) = world.launch(clients)
    world.record(clients, instance_id)
    for identifier in ("gh_registration_token", "runner_release", "resource_class_config", "idle_time_sec"):
        world.delete_metadata(clients, identifier)
    clients.sqs.delete_queue(QueueUrl=clients.sqs.get_queue_url(QueueName=LARGE_QUEUE)["QueueUrl"])
    world.forget_calls()
    return instance_id


@pytest.mark.parametrize(
    ("operation", "fails"),
    [
        ("sqs:CreateQueue", ["resource pools"]),
        ("sqs:GetQueueUrl", ["resource pools"]),
        ("ec2:DescribeLaunchTemplateVersions", ["launch template"]),
    ],
)
def test_what_one_component_may_not_do_stops_no_other(
    refreshed: World, clients: Clients, operation: str, fails: list[str]
) -> None:
    """The instances are collected all the same."""
    instance_id = _due(refreshed, clients)
    _deny(refreshed, operation)
    report = refreshed.refresh()
    refreshed.aws.before_call = lambda _: None
    assert failed(report) == fails
    assert report.exit_code == 1
    assert operation in told(report)
    assert "PermissionDenied" in told(report)
    assert refreshed.states(clients) == {instance_id: "terminated"}
    assert refreshed.metadata(clients, "idle_time_sec") == {"N": "420"}
    assert refreshed.metadata(clients, "gh_registration_token") is not None
    refreshed.settle()


@pytest.mark.parametrize("operation", ["ec2:TerminateInstances", "ec2:DescribeInstances", "dynamodb:Query"])
def test_a_collector_that_may_not_stops_no_other_and_says_so(
    refreshed: World, clients: Clients, operation: str
) -> None:
    """And nothing of the instance is deleted, whatever failed."""
    instance_id = _due(refreshed, clients)
    _deny(refreshed, operation)
    report = refreshed.refresh()
    refreshed.aws.before_call = lambda _: None
    assert failed(report) == ["garbage collector"]
    assert refreshed.states(clients) == {instance_id: "running"}
    assert refreshed.left(clients, instance_id) == ["HEARTBEAT", "INSTANCE", "WS"]
    refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "terminated"}


@pytest.mark.parametrize("operation", ["dynamodb:DescribeTable", "dynamodb:CreateTable", "dynamodb:UpdateTimeToLive"])
def test_before_the_table_is_ready_nothing_else_is_written(world: World, operation: str) -> None:
    """Not even a queue."""
    _deny(world, operation)
    report = world.refresh()
    world.aws.before_call = lambda _: None
    assert "state table" in failed(report)
    written = set(world.aws.writes) - {"dynamodb:CreateTable", "dynamodb:UpdateTimeToLive"}
    if operation == "dynamodb:UpdateTimeToLive":
        assert "sqs:CreateQueue" in written
    else:
        assert written == set()
        after = {each.name for each in COMPONENTS if "state table" in each.after}
        gated = [each for each in report.components if each.name in after and each.planned]
        assert {each.name for each in gated} > {"resource pools", "parameters", "registration token"}
        assert {each.reason for each in gated} == {"the state table is not ready (see its error above)"}
        assert {each.status for each in gated} == {"skipped"}
        assert len(causes(report.components)) == 1
    world.settle()


def test_without_a_runner_release_only_it_and_the_template_fail(world: World) -> None:
    """Nobody knows what to install, so a template would launch what GitHub refuses."""
    world.github.answers["downloads"] = []
    report = world.refresh()
    assert failed(report) == ["runner release", "launch template"]
    assert "the runner release is not known" in str(component(report, "launch template").error)
    assert "ec2:CreateLaunchTemplate" not in world.aws.calls
    del world.github.answers["downloads"]
    world.settle()


def test_without_a_token_only_the_token_fails(refreshed: World, clients: Clients) -> None:
    """The stored one stays."""
    stored = records.to_wire({"token": "old", "timestamp": in_minutes(-50), "expires_at": in_minutes(10)})
    refreshed.put_metadata(clients, "gh_registration_token", stored)
    refreshed.github.failure = (403, b'{"message": "Resource not accessible by integration"}')
    report = refreshed.refresh()
    assert failed(report) == ["registration token"]
    assert "Administration: write" in told(report)
    assert refreshed.metadata(clients, "gh_registration_token") == stored


@pytest.mark.shows("A54")
def test_a_defect_in_one_component_is_told_without_its_text_and_stops_no_other(
    refreshed: World, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign exception may hold anything, also a secret."""
    instance_id = _due(refreshed, clients)

    def broken(*_: object) -> None:
        raise ZeroDivisionError(canaries.PAT)

    monkeypatch.setattr("refresh.reconciler.parameters.policy.plan", broken)
    report = refreshed.refresh()
    assert failed(report) == ["parameters"]
    error = component(report, "parameters").error
    assert isinstance(error, errors.RefreshError)
    assert "defect: ZeroDivisionError in " in str(error)
    assert "Please report this line at https://github.com/org/refresh-action/issues." in str(error)
    assert "CANARY" not in str(error)
    assert refreshed.states(clients) == {instance_id: "terminated"}


def test_a_template_that_cannot_be_listed_leaves_the_recorded_id_as_proof_with_provision_s_tags(
    refreshed: World, clients: Clients
) -> None:
    """The record alone could be forged, so it counts as a former id."""
    tagged, bare = refreshed.launch(clients, 2)
    clients.ec2.delete_tags(Resources=[bare], Tags=[{"Key": "InitialRunId"}])
    for instance_id in (tagged, bare):
        refreshed.record(clients, instance_id)
    _deny(refreshed, "ec2:DescribeLaunchTemplateVersions")
    report = refreshed.refresh()
    refreshed.aws.before_call = lambda _: None
    assert failed(report) == ["launch template"]
    assert refreshed.states(clients) == {tagged: "terminated", bare: "running"}


def test_in_a_run_that_changes_nothing_what_is_not_looked_at_is_not_checked(refreshed: World) -> None:
    """The run itself is as desired, since it had no reason to look."""
    report = refreshed.refresh()
    assert (report.status, report.exit_code) == ("as desired", 0)
    assert {each.name: each.reason for each in report.components if each.status != "as desired"} == {
        "runner registrations": "this run ended no instance and needed no token from GitHub",
        "orphaned artifacts": "this run cleaned up no instance",
    }
    assert {each.status for each in report.components} == {"as desired", "not checked"}


@pytest.mark.parametrize("operation", ["ec2:DescribeInstances", "dynamodb:Query"])
def test_in_an_outage_nothing_is_as_desired_that_could_not_be_looked_at(refreshed: World, operation: str) -> None:
    """Where the collector sees nothing, nobody knows what is left over."""
    _deny(refreshed, operation)
    report = refreshed.refresh()
    assert report.status == ("failed: garbage collector; not checked: runner registrations, orphaned artifacts")
    refreshed.aws.before_call = lambda _: None


def test_where_the_template_is_not_described_instances_without_a_record_are_not_checked(refreshed: World) -> None:
    """By its id they are known to be the pool's."""
    _deny(refreshed, "ec2:DescribeLaunchTemplateVersions")
    report = refreshed.refresh()
    refreshed.aws.before_call = lambda _: None
    assert component(report, "garbage collector").status == "partly checked"
    assert report.status == "failed: launch template; not checked: garbage collector"


def test_where_github_gives_no_token_the_registrations_are_not_checked(refreshed: World, clients: Clients) -> None:
    """It was to be asked, and was not."""
    refreshed.delete_metadata(clients, "gh_registration_token")
    refreshed.github.failure = (503, b"{}")
    report = refreshed.refresh()
    refreshed.github.failure = None
    assert report.status == "failed: registration token; not checked: runner registrations"


def test_seven_queues_behind_one_answer_are_one_error(world: World) -> None:
    """With their number and their names."""
    world.aws.before_call = lambda call: (503, b"{}") if call == "sqs:CreateQueue" else None
    report = world.refresh()
    world.aws.before_call = lambda _: None
    ((name, problem),) = causes(report.components)
    assert name == "resource pools"
    assert problem.startswith("create queue (7): octo-widgets-large-ci-pool, octo-widgets-xlarge-ci-pool, ")
