"""Runs under the published policies, with moto enforcing IAM."""

from __future__ import annotations

import html
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from moto.core.authorization import enable_iam_authentication

from refresh import inputs
from refresh.clients.aws import CONCURRENCY
from refresh.output.job_summary import markdown
from refresh.pool import records
from refresh.ports import Clients
from refresh.reconciler import reconciliation
from tests.fakes import operations
from tests.fakes.desired import ACCOUNT_ID, OTHER_IMAGE
from tests.fakes.world import SleeplessClock, World, connected
from tests.iam import policies
from tests.simulation.servers import WORLDS, build

if TYPE_CHECKING:
    from refresh.engine.report import Report

PARAMETER = "/ci/image"
EVERYTHING = {"ami": f"resolve:ssm:{PARAMETER}", "root_volume_size": "20", "tags": "team=ci"}
"""Inputs with which a run also makes the calls that it makes on request only."""
REFRESH, PLAN_ONLY = policies.document("refresh"), policies.document("plan-only")
METRICS, LAUNCHES = policies.document("refresh-metrics"), policies.document("refresh-launches")
WARM = {"min_idle": '{"large": 1}'}
CHECKED_BY_EC2 = {"ec2:CreateTags", "ec2:RunInstances"}
"""What EC2 asks of the caller of CreateFleet, and moto does not: the market refuses it as EC2 does."""
FIRST_RUN = ("CreateTable", "UpdateTimeToLive", "CreateLaunchTemplate", "CreateQueue", "GetQueueUrl")
"""Operations that only a run on an empty account makes."""
UNCHECKED = {"iam:PassRole", "ec2:DescribeSecurityGroupVpcAssociations"}
"""EC2 checks the first for the caller who launches, moto never; the second is unknown to moto."""
LOOKED_AT = {"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "iam:GetInstanceProfile"}
"""Actions with which a run only looks before it writes."""
NEEDED_AFTER = {"dynamodb:GetItem": "dynamodb:PutItem"}
"""An item is read again only after a write of it was refused."""
IN_TRANSACTIONS = {"dynamodb:UpdateItem", "dynamodb:DeleteItem"}
"""What moto refuses by the transaction's name, see `policies.enforceable`."""
_CONNECTED: dict[str, Clients] = {}
"""Clients by endpoint, whose key is exchanged: making them takes longer than a run."""


@pytest.fixture
def asked(world: World) -> World:
    """Give a pool whose image is behind a parameter, with one resource class, which is faster than seven."""
    world.inputs["resource-class-config"] = '{"large": {"cpu": 2, "mmem": 4096}}'
    image = policies.client(world.aws, "ec2").register_image(Name="image")["ImageId"]
    policies.client(world.aws, "ssm").put_parameter(Name=PARAMETER, Value=image, Type="String")
    world.forget_calls()
    return world


def _process(world: World, policy: policies.Document, **changed: str) -> tuple[int, str]:
    """Run the entrypoint as the action does, with IAM enforced; only its calls are kept."""
    return _again(world, policies.credentials(world.aws, policies.enforceable(policy)), **changed)


def _again(world: World, key: dict[str, str], **changed: str) -> tuple[int, str]:
    world.forget_calls()
    with enable_iam_authentication():
        return world.run(key, **changed)


def _run(world: World, *without: str) -> Report:
    """Run in this process with every call that can be asked for, under refresh.json less some actions."""
    key = policies.credentials(world.aws, policies.enforceable(REFRESH, without=without))
    desired = inputs.load(world.environ(**EVERYTHING)).desired
    if world.aws.url not in _CONNECTED:
        _CONNECTED[world.aws.url] = connected(world.environ(**EVERYTHING))
    clients = evolve(_CONNECTED[world.aws.url], github=world.clients().github)
    credentials: Any = clients.ec2._request_signer._credentials  # type: ignore[attr-defined] # one for all clients
    credentials.access_key, credentials.secret_key, credentials.token = key.values()
    world.forget_calls()
    with enable_iam_authentication(), ThreadPoolExecutor(CONCURRENCY) as pool:
        return reconciliation.begin(desired, clients, SleeplessClock(), pool).report()


def _expired(world: World) -> str:
    """Launch an instance whose time is over."""
    clients = world.clients()
    (identifier,) = world.launch(clients)
    world.record(clients, identifier)
    return identifier


def _much_to_do(world: World, older_versions: int = 0) -> None:
    """Make every kind of change due but those of the first run, if everything is asked for.

    Versions of the launch template are only deleted if there are more than ten, and moto can refuse that only.
    """
    assert world.refresh().exit_code == 0
    clients = world.clients()
    ended = _expired(world)
    clients.ec2.terminate_instances(InstanceIds=[ended])
    item = {**world.item(clients, records.INSTANCE, ended), "state": {"S": records.TERMINATED}}
    clients.dynamodb.put_item(TableName=world.table, Item=item)
    _expired(world)
    for _ in range(older_versions):
        clients.ec2.create_launch_template_version(
            LaunchTemplateName=world.template,
            SourceVersion="1",
            LaunchTemplateData={"ImageId": OTHER_IMAGE},
        )
    url = clients.sqs.list_queues()["QueueUrls"][0]
    clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0"})


def _state(world: World) -> tuple[object, ...]:
    clients = world.clients()
    return world.states(clients), world.items(clients), world.queues(clients), len(world.versions(clients))


def test_refresh_json_allows_everything_from_the_first_run_to_the_last_instance(asked: World) -> None:
    key = policies.credentials(asked.aws, policies.enforceable(REFRESH))
    assert _again(asked, key)[0] == 0
    code, printed = _again(asked, key)
    assert (code, asked.aws.writes) == (0, []), printed
    identifier = _expired(asked)
    assert _again(asked, key)[0] == 0
    assert asked.states(asked.clients()) == {identifier: "terminated"}
    code, printed = _again(asked, key, **EVERYTHING)
    assert code == 0, printed
    assert {"ssm:GetParameters", "ec2:DescribeImages", "ec2:CreateTags"} <= set(asked.aws.calls)


def test_refresh_metrics_json_allows_the_metrics(asked: World) -> None:
    code, printed = _process(asked, policies.together(REFRESH, METRICS), metrics="true")
    assert code == 0, printed
    assert "metrics.sent" in printed


def test_without_refresh_metrics_json_a_run_with_metrics_only_warns(asked: World) -> None:
    code, printed = _process(asked, REFRESH, metrics="true")
    assert (code, asked.aws.calls.count("cloudwatch:PutMetricData")) == (0, 1), printed
    assert policies.missing(printed, ["PermissionDenied", "cloudwatch:PutMetricData"]) == [], printed
    assert "warning: metrics: " in printed


def test_with_refresh_launches_json_a_run_keeps_the_minimum(asked: World) -> None:
    code, printed = _process(asked, policies.together(REFRESH, LAUNCHES), **WARM)
    assert code == 0, printed
    assert asked.aws.calls.count("ec2:CreateFleet") == 1
    assert [*asked.states(asked.clients()).values()] == ["running"]


@pytest.mark.parametrize("action", sorted({*policies.actions(LAUNCHES)} - {"sqs:SendMessage"}))
def test_an_action_that_is_missing_for_the_minimum_is_named_and_fails_the_run(asked: World, action: str) -> None:
    """Everything else is done. Only a rescue of stranded jobs offers machines to the original action."""
    key = policies.credentials(asked.aws, policies.enforceable(policies.together(REFRESH, LAUNCHES), without=(action,)))
    if action in CHECKED_BY_EC2:
        asked.aws.market.deny(f"User: arn:aws:iam::{ACCOUNT_ID}:user/refresh is not authorized to perform: {action}")
    code, printed = _again(asked, key, **WARM)
    assert code == 1, printed
    assert policies.missing(printed, [action]) == [], printed
    assert "failed: warm pool" in printed
    assert asked.states(asked.clients()) == {}


@pytest.mark.parametrize("name", WORLDS)
def test_plan_only_json_allows_mode_plan_in_every_world(name: str, world: World) -> None:
    pool = build(world, name)
    code, printed = _process(pool, PLAN_ONLY, mode="plan")
    assert (code, pool.aws.writes) == (0, []), printed
    assert "failed: none" in printed
    assert "changes: 0" in printed
    assert pool.aws.calls
    assert not any(call.startswith(("POST", "DELETE")) for call in pool.github.calls)


def test_plan_only_json_allows_mode_plan_with_every_input(asked: World) -> None:
    _much_to_do(asked)
    before = _state(asked)
    code, printed = _process(asked, PLAN_ONLY, mode="plan", **EVERYTHING)
    assert (code, asked.aws.writes) == (0, []), printed
    assert "would" in printed
    assert _state(asked) == before


def test_plan_only_json_refuses_every_write_by_its_name(asked: World) -> None:
    _much_to_do(asked, older_versions=11)
    before = _state(asked)
    code, printed = _process(asked, PLAN_ONLY, **EVERYTHING)
    refused = set(asked.aws.writes)
    assert (code, _state(asked)) == (1, before)
    assert {"dynamodb:TagResource", "ec2:CreateLaunchTemplateVersion", "sqs:SetQueueAttributes"} <= refused
    assert policies.missing(printed, ["PermissionDenied", *refused]) == [], printed


def test_plan_only_json_refuses_the_table_of_an_empty_account(asked: World) -> None:
    code, printed = _process(asked, PLAN_ONLY)
    assert (code, asked.aws.writes) == (1, ["dynamodb:CreateTable"])
    assert policies.missing(printed, ["PermissionDenied", "dynamodb:CreateTable"]) == [], printed


@pytest.mark.parametrize("action", sorted(LOOKED_AT))
def test_a_missing_action_that_only_looks_is_a_notice(asked: World, action: str) -> None:
    report = _run(asked, action)
    shown = html.unescape(markdown(report))
    assert report.exit_code == 0, shown
    assert policies.missing(shown, ["PermissionDenied", action]) == [], shown


@pytest.mark.parametrize("action", sorted(set(policies.actions(REFRESH)) - UNCHECKED - LOOKED_AT))
def test_a_missing_action_is_named_and_fails_the_run(asked: World, action: str) -> None:
    if not action.endswith(FIRST_RUN):
        _much_to_do(asked, older_versions=11 if action == "ec2:DeleteLaunchTemplateVersions" else 0)
    report = _run(asked, action, *filter(None, [NEEDED_AFTER.get(action)]))
    shown = html.unescape(markdown(report))
    assert report.exit_code == 1, shown
    named = "dynamodb:TransactWriteItems" if action in IN_TRANSACTIONS else action
    assert policies.missing(shown, ["PermissionDenied", named]) == [], shown


def test_what_cannot_be_read_is_not_taken_for_absent(asked: World) -> None:
    _much_to_do(asked)
    report = _run(asked, *policies.actions(REFRESH))
    assert report.exit_code == 1
    assert all(operations.reads(call) for call in asked.aws.calls), asked.aws.calls
    assert report.planned == ()
