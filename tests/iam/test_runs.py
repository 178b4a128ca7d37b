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
from tests.fakes.desired import OTHER_IMAGE
from tests.fakes.world import SleeplessClock, World, connected
from tests.iam import policies
from tests.simulation.servers import WORLDS, build

if TYPE_CHECKING:
    from refresh.engine.report import Report

PARAMETER = "/ci/image"
EVERYTHING = {"ami": f"resolve:ssm:{PARAMETER}", "root_volume_size": "20", "tags": "team=ci"}
"""Inputs with which a run also makes the calls that it makes on request only."""
REFRESH = policies.document("refresh")
FIRST_RUN = ("CreateTable", "UpdateTimeToLive", "CreateLaunchTemplate", "CreateQueue", "GetQueueUrl")
"""Operations that only a run on an empty account makes."""
UNCHECKED = {"iam:PassRole", "ec2:DescribeSecurityGroupVpcAssociations"}
"""EC2 would check the first for whoever launches, moto does not; the second moto does not know."""
LOOKED_AT = {"ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "iam:GetInstanceProfile"}
"""Actions with which a run only looks before it writes."""
NEEDED_AFTER = {"dynamodb:GetItem": "dynamodb:PutItem"}
"""What a run does only where it was refused something else: an item is read anew where a write of it failed."""
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


def _process(world: World, key: dict[str, str], **changed: str) -> tuple[int, str]:
    """Run the entrypoint as the action does, with IAM enforced; only its calls are kept."""
    world.forget_calls()
    with enable_iam_authentication():
        return world.run(key, **changed)


def _run(world: World, key: dict[str, str], **changed: str) -> Report:
    """Run in this process, with IAM enforced."""
    desired = inputs.load(world.environ(**changed)).desired
    clients = _connected(world)
    credentials: Any = clients.ec2._request_signer._credentials  # type: ignore[attr-defined] # one for all clients
    credentials.access_key, credentials.secret_key, credentials.token = key.values()
    with enable_iam_authentication(), ThreadPoolExecutor(CONCURRENCY) as pool:
        return reconciliation.begin(desired, clients, SleeplessClock(), pool).report()


def _connected(world: World) -> Clients:
    if world.aws.url not in _CONNECTED:
        _CONNECTED[world.aws.url] = connected(world.environ(**EVERYTHING))
    return evolve(_CONNECTED[world.aws.url], github=world.clients().github)


def _expired(world: World) -> str:
    """Launch an instance whose time is over."""
    clients = world.clients()
    (identifier,) = world.launch(clients)
    world.record(clients, identifier)
    return identifier


def _much_to_do(world: World, older_versions: int = 0) -> None:
    """Give a pool in which every kind of change is due but those of the first run, if it is asked for everything.

    Versions of the launch template are only deleted where there are more than ten, and moto can refuse that only.
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


def test_refresh_json_is_enough_from_the_first_run_to_the_last_instance(asked: World) -> None:
    """An empty account, nothing to do, an instance that is due, and what is done on request only."""
    key = policies.credentials(asked.aws, policies.enforceable(REFRESH))
    code, printed = _process(asked, key)
    assert code == 0, printed
    code, printed = _process(asked, key)
    assert (code, asked.aws.writes) == (0, []), printed
    identifier = _expired(asked)
    code, printed = _process(asked, key)
    assert code == 0, printed
    assert asked.states(asked.clients()) == {identifier: "terminated"}
    code, printed = _process(asked, key, **EVERYTHING)
    assert code == 0, printed
    assert {"ssm:GetParameters", "ec2:DescribeImages", "ec2:CreateTags"} <= set(asked.aws.calls)


@pytest.mark.parametrize("name", WORLDS)
def test_plan_only_json_is_enough_for_mode_plan_in_every_world(name: str, world: World) -> None:
    """From an empty account on; nothing is written, to GitHub neither."""
    pool = build(world, name)
    key = policies.credentials(pool.aws, policies.enforceable(policies.document("plan-only")))
    code, printed = _process(pool, key, mode="plan")
    assert (code, pool.aws.writes) == (0, []), printed
    assert "failed: none" in printed
    assert "changes: 0" in printed
    assert pool.aws.calls
    assert not any(call.startswith(("POST", "DELETE")) for call in pool.github.calls)


def test_plan_only_json_is_enough_for_mode_plan_with_everything_that_can_be_asked_for(asked: World) -> None:
    """Where much is due, too; not even the instances that are due are touched."""
    _much_to_do(asked)
    before = asked.states(asked.clients())
    key = policies.credentials(asked.aws, policies.enforceable(policies.document("plan-only")))
    code, printed = _process(asked, key, mode="plan", **EVERYTHING)
    assert (code, asked.aws.writes) == (0, []), printed
    assert "would" in printed
    assert asked.states(asked.clients()) == before


def test_plan_only_json_cannot_apply_and_each_refused_write_is_named(asked: World) -> None:
    """The run says which actions its policy lacks, and nothing in AWS has changed."""
    _much_to_do(asked, older_versions=11)
    clients = asked.clients()
    before = asked.states(clients), asked.items(clients), asked.queues(clients), len(asked.versions(clients))
    key = policies.credentials(asked.aws, policies.enforceable(policies.document("plan-only")))
    code, printed = _process(asked, key, **EVERYTHING)
    refused = set(asked.aws.writes)
    after = asked.states(clients), asked.items(clients), asked.queues(clients), len(asked.versions(clients))
    assert code == 1
    assert after == before
    assert "PermissionDenied" in printed
    assert {"dynamodb:TagResource", "ec2:CreateLaunchTemplateVersion", "sqs:SetQueueAttributes"} <= refused
    assert policies.missing(printed, refused) == [], printed


def test_plan_only_json_cannot_create_anything(asked: World) -> None:
    """Where there is no table yet, that is all that is tried."""
    key = policies.credentials(asked.aws, policies.enforceable(policies.document("plan-only")))
    code, printed = _process(asked, key)
    assert code == 1
    assert asked.aws.writes == ["dynamodb:CreateTable"]
    assert policies.missing(printed, ["PermissionDenied", "dynamodb:CreateTable"]) == [], printed


@pytest.mark.parametrize("action", sorted(LOOKED_AT))
def test_an_action_with_which_a_run_only_looks_stops_nothing(asked: World, action: str) -> None:
    """What was not looked at is told with the action that is missing, and everything is made."""
    key = policies.credentials(asked.aws, policies.enforceable(REFRESH, without=[action]))
    report = _run(asked, key, **EVERYTHING)
    told = html.unescape(markdown(report))
    assert report.exit_code == 0, told
    assert "was not looked at before writing: PermissionDenied" in told
    assert policies.missing(told, [action]) == [], told


@pytest.mark.parametrize("action", sorted(set(policies.actions(REFRESH)) - UNCHECKED - LOOKED_AT))
def test_an_action_that_the_policy_lacks_is_told_by_its_name(asked: World, action: str) -> None:
    """Whichever it is, where a run needs it; and nobody has to read AWS's documents to find it."""
    if not action.endswith(FIRST_RUN):
        _much_to_do(asked, older_versions=11 if action == "ec2:DeleteLaunchTemplateVersions" else 0)
    without = [action, *filter(None, [NEEDED_AFTER.get(action)])]
    key = policies.credentials(asked.aws, policies.enforceable(REFRESH, without=without))
    report = _run(asked, key, **EVERYTHING)
    told = html.unescape(markdown(report))
    assert report.exit_code == 1, told
    assert "PermissionDenied" in told
    wanted = "dynamodb:TransactWriteItems" if action in IN_TRANSACTIONS else action
    assert policies.missing(told, [wanted]) == [], told


def test_what_is_refused_in_reading_is_not_taken_for_absent(asked: World) -> None:
    """With no policy at all nothing is written, and nothing is planned to be."""
    _much_to_do(asked)
    key = policies.credentials(asked.aws, policies.enforceable(REFRESH, without=policies.actions(REFRESH)))
    asked.forget_calls()
    report = _run(asked, key, **EVERYTHING)
    assert report.exit_code == 1
    assert all(operations.reads(call) for call in asked.aws.calls), asked.aws.calls
    assert report.planned == ()
