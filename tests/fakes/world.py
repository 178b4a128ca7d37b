"""One pool's surroundings, for tests and the demo: an AWS account, a GitHub, and the step's environment."""

from __future__ import annotations

import base64
import functools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from attrs import evolve

from refresh import errors, inputs
from refresh.agent import user_data
from refresh.clients import aws, connect, workflow_runs
from refresh.clients.aws import CONCURRENCY
from refresh.clients.github import GitHub
from refresh.clients.process_hooks import ProcessHooks
from refresh.clients.workflow_runs import WorkflowRuns
from refresh.output.job_summary import markdown
from refresh.pool import names, records
from refresh.pool.batches import batches
from refresh.reconciler import reconciliation
from tests.fakes import canaries, instance_items, operations, outgoing
from tests.fakes.desired import IMAGE, PROFILE, REGION, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_ec2.type_defs import LaunchTemplateVersionTypeDef

    from refresh.engine.report import Report
    from refresh.ports import Clients
    from tests.fakes.aws_server import AwsServer
    from tests.fakes.github_server import GitHubServer

CREDENTIALS = {
    "AWS_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": canaries.AWS_SECRET_KEY,
    "AWS_SESSION_TOKEN": canaries.AWS_SESSION_TOKEN,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
ROOT = Path(__file__).parents[2]

INPUTS = {
    "ami": IMAGE,
    "iam-instance-profile": PROFILE,
    "github-token": canaries.PAT,
    "workflow-token": canaries.WORKFLOW,
}


def refusal(operation: str, code: str, status: int = 400) -> tuple[int, bytes]:
    """Return AWS's refusal of an operation in the form of its service: some answer in JSON, the others in XML."""
    if operation.startswith(("cloudwatch:", "dynamodb:", "sqs:", "ssm:")):
        return status, json.dumps({"__type": code, "message": "no."}).encode()
    error = f"<Error><Code>{code}</Code><Message>no.</Message></Error>"
    if operation.startswith("ec2:"):
        return status, f"<Response><Errors>{error}</Errors></Response>".encode()
    return status, f"<ErrorResponse>{error}</ErrorResponse>".encode()


class SleeplessClock:
    """The machine's time, with sleeps that take none."""

    def now(self) -> datetime:
        """Give the present moment."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Go on at once."""


HOOKS = ProcessHooks(mask=lambda _: None, now=SleeplessClock().now)
"""A process without a watcher."""


class World:
    """Both servers, and ways to run refresh against them, in this process or as a child."""

    def __init__(
        self,
        aws: AwsServer,
        github: GitHubServer,
        repository: names.Repository = REPOSITORY,
        dynamodb_url: str | None = None,
    ) -> None:
        self.aws = aws
        self.github = github
        self.repository = repository
        self.server_url = "https://github.com"
        """Where people look for the repository, and where GitHub's archives may be."""
        self.dynamodb_url = dynamodb_url or aws.url
        """Where the table is; elsewhere than the rest if asked for."""
        self.table = names.table(repository)
        self.template = names.launch_template(repository)
        self.inputs = dict(INPUTS)
        """The required inputs, with a security group and subnets that exist."""
        self.furnish()

    def furnish(self) -> None:
        """Put into an empty account what the pool's owner has there before, and name it in the inputs."""
        self.aws.furnish()
        ec2 = self._connected().ec2
        group = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
        subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
        self.inputs |= {"security-group-ids": group, "subnet-ids": ", ".join(subnets)}
        self.aws.forget_calls()

    def environ(self, **changed: str) -> dict[str, str]:
        """Give the environment of the step; `changed` holds inputs by name (`_` for `-`)."""
        return self.step({**self.inputs, **{name.replace("_", "-"): value for name, value in changed.items()}})

    def step(self, given: Mapping[str, str]) -> dict[str, str]:
        """Give the environment of a step of any action with these inputs."""
        return {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_url,
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": str(self.repository),
            "GITHUB_SERVER_URL": self.server_url,
            "GITHUB_RUN_ID": "77",
            **{f"INPUT_{name.upper()}": value for name, value in given.items()},
        }

    def clients(self, **changed: str) -> Clients:
        """Connect as a run does; the calls are the test's own."""
        return self._services(own_clients, **changed)

    def _services(self, connect: Callable[..., Clients], **changed: str) -> Clients:
        given = inputs.load(self.environ(**changed))
        github = GitHub(given.desired, given.secrets.github, HOOKS)
        runs = WorkflowRuns(given.desired.github_api_url, given.secrets.workflow, HOOKS, workflow_runs.REFRESH)
        return evolve(connect(self.aws.url, self.dynamodb_url), github=github, runs=runs)

    def _connected(self) -> Clients:
        return own_clients(self.aws.url, self.dynamodb_url)

    def refresh(self, **changed: str) -> Report:
        """Run once in this process."""
        desired = inputs.load(self.environ(**changed)).desired
        clients = self._services(_connect, **changed)
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            return reconciliation.begin(desired, clients, SleeplessClock(), pool).report()

    def refresh_refused(self, operation: str, code: str, status: int = 400, **changed: str) -> Report:
        """Run once while AWS refuses an operation."""
        answer = refusal(operation, code, status)
        self.aws.before_call = lambda call: answer if call == operation else None
        try:
            return self.refresh(**changed)
        finally:
            self.aws.before_call = lambda _: None

    def start(self, environ: dict[str, str] | None = None, **changed: str) -> subprocess.Popen[str]:
        """Start the entrypoint as a child process, as the action does."""
        return child({**inherited(), **self.environ(**changed), **(environ or {})})

    def settle(self, **changed: str) -> Report:
        """Run until all is as desired: one run does it without failure and the next one writes nothing.

        Gives the first run's report.
        """
        report = self.refresh(**changed)
        assert report.exit_code == 0, markdown(report)
        self.forget_calls()
        second = self.refresh(**changed)
        assert second.exit_code == 0, markdown(second)
        assert self.aws.writes == [], markdown(second)
        assert self.github.calls == []
        return report

    def run(self, environ: dict[str, str] | None = None, **changed: str) -> tuple[int, str]:
        """Run the entrypoint as a child process to its end and give exit code and all it printed."""
        child = self.start(environ, **changed)
        printed, _ = child.communicate(timeout=100)
        return child.returncode, printed

    def delete_table(self) -> None:
        """Delete the table, if there is one, protected or not."""
        dynamodb = self._connected().dynamodb
        try:
            dynamodb.update_table(TableName=self.table, DeletionProtectionEnabled=False)
        except errors.NotFound:
            return
        except errors.Rejected:
            pass  # it had no protection
        dynamodb.delete_table(TableName=self.table)

    def items(self, clients: Clients) -> dict[str, records.Item]:
        """Read the whole table, by `PK SK`."""
        found = clients.dynamodb.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return {f"{item['PK']['S']} {item['SK']['S']}": dict(item) for item in found}

    def launch(self, clients: Clients, number: int = 1, **tags: str) -> list[str]:
        """Launch instances from the pool's template, tagged as provision tags them."""
        given = {**instance_items.PROVISION_TAGS, **tags}
        reservation = clients.ec2.run_instances(
            LaunchTemplate={"LaunchTemplateName": self.template, "Version": "$Default"},
            InstanceType="t3.micro",
            MinCount=number,
            MaxCount=number,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in given.items()]}
            ],
        )
        return [instance["InstanceId"] for instance in reservation["Instances"]]

    def record(self, clients: Clients, instance_id: str, written_at: datetime | None = None, **changed: Any) -> None:
        """Write an instance's record as provision does, with its heartbeat and signal; expired unless changed."""
        now = written_at or datetime.now(UTC)
        for item in (
            instance_items.record(instance_id, now, **changed),
            *instance_items.artifacts(instance_id, now),
        ):
            clients.dynamodb.put_item(TableName=self.table, Item=item)

    def role_id(self, profile: str = PROFILE) -> str:
        """Read the id of the role that instances with this profile have."""
        found = self._connected().on_demand.iam().get_instance_profile(InstanceProfileName=profile)
        return str(found["InstanceProfile"]["Roles"][0]["RoleId"])

    def write(self, clients: Clients, items: list[records.Item]) -> None:
        """Write many items, as many at once as DynamoDB takes."""
        for some in batches(items, 25):
            requests: Any = [{"PutRequest": {"Item": item}} for item in some]
            while requests:
                answer = clients.dynamodb.batch_write_item(RequestItems={self.table: requests})
                requests = answer["UnprocessedItems"].get(self.table)

    def states(self, clients: Clients) -> dict[str, str]:
        """Read every instance's state in EC2, by id."""
        found = clients.ec2.describe_instances()["Reservations"]
        return {each["InstanceId"]: each["State"]["Name"] for reservation in found for each in reservation["Instances"]}

    def item(self, clients: Clients, entity: str, identifier: str) -> records.Item:
        """Read one item; empty when there is none."""
        key = records.key(entity, identifier)
        return dict(clients.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True).get("Item", {}))

    def left(self, clients: Clients, identifier: str) -> list[str]:
        """List the entities of the items that are left of an instance."""
        return sorted(
            item["entityType"]["S"] for item in self.items(clients).values() if item["SK"]["S"] == f"ID#{identifier}"
        )

    def metadata(self, clients: Clients, identifier: str) -> Any:
        """Read the low-level value of a METADATA item; None when there is no such item."""
        return self.item(clients, records.METADATA, identifier).get("value")

    def put_metadata(self, clients: Clients, identifier: str, value: Mapping[str, Any]) -> None:
        """Write a METADATA item by hand; `value` is low-level."""
        item = {**records.item(records.METADATA, identifier, datetime.now(UTC)), "value": dict(value)}
        clients.dynamodb.put_item(TableName=self.table, Item=item)

    def delete_metadata(self, clients: Clients, identifier: str) -> None:
        """Delete a METADATA item by hand."""
        clients.dynamodb.delete_item(TableName=self.table, Key=records.key(records.METADATA, identifier))

    def versions(self, clients: Clients) -> list[LaunchTemplateVersionTypeDef]:
        """List the versions of the launch template, the oldest first."""
        return clients.ec2.describe_launch_template_versions(LaunchTemplateName=self.template)["LaunchTemplateVersions"]

    def default_version(self, clients: Clients) -> LaunchTemplateVersionTypeDef:
        """Read the version from which provision launches."""
        return next(version for version in self.versions(clients) if version["DefaultVersion"])

    def security_group(self, clients: Clients, vpc: str = "") -> str:
        """Make another security group, in the VPC of the pool's subnets unless another one is named."""
        subnet = self.inputs["subnet-ids"].partition(",")[0]
        found = clients.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
        return clients.ec2.create_security_group(GroupName="another", Description="-", VpcId=vpc or found)["GroupId"]

    def parameter_store(self) -> Any:
        """Connect to Systems Manager, where a parameter may name the image."""
        return self._connected().on_demand.ssm()

    def user_data(self, clients: Clients) -> str:
        """Read the program with which instances start."""
        encoded = self.default_version(clients)["LaunchTemplateData"]["UserData"]
        return user_data.unpack(base64.b64decode(encoded)).decode()

    def queues(self, clients: Clients) -> dict[str, dict[Any, str]]:
        """Read every queue's attributes, by name."""
        return {
            url.rpartition("/")[2]: clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            for url in clients.sqs.list_queues().get("QueueUrls", [])
        }

    def forget_calls(self) -> None:
        """Count the calls to both servers anew."""
        self.aws.forget_calls()
        self.github.calls.clear()


@functools.cache
def _connect(url: str, dynamodb_url: str) -> Clients:
    """Create the clients of one endpoint once, as a run does: that takes longer than a run itself."""
    environ = {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url,
        "GITHUB_REPOSITORY": str(REPOSITORY),
        **{f"INPUT_{name.upper()}": value for name, value in INPUTS.items()},
        "INPUT_SECURITY-GROUP-IDS": "sg-0123456789abcdef0",
        "INPUT_SUBNET-IDS": "subnet-0123456789abcdef0",
    }
    # On a busy machine a call to the emulator that took longer would be sent again.
    with mock.patch.multiple(aws, _CONNECT_SECONDS=60, _READ_SECONDS=60, _EC2_READ_SECONDS=60):
        clients = connected(environ)
    if dynamodb_url != url:
        outgoing.watch(clients.dynamodb)
    return clients


def child(environ: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start the entrypoint as a child process; the argument names the action."""
    return subprocess.Popen(  # noqa: S603 - our own entrypoint
        [sys.executable, str(ROOT / "entrypoint.py"), *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def inherited() -> dict[str, str]:
    """Give this process's environment for a child that is given a step's of its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS", "GITHUB", "INPUT"))}


def connected(environ: Mapping[str, str], hooks: ProcessHooks = HOOKS) -> Clients:
    """Create the clients in an environment, also those that a run makes when it needs them."""
    given = inputs.load(environ)
    with mock.patch.dict(os.environ, environ):
        clients = connect(given.desired, given.secrets, hooks)
        later = clients.on_demand
        for create in (later.sts, later.iam, later.ssm, later.cloudwatch):
            create()
    return clients


@functools.cache
def own_clients(url: str, dynamodb_url: str) -> Clients:
    """Create the clients with which a test prepares and looks: what they call is not refresh's doing."""
    clients = _connect.__wrapped__(url, dynamodb_url)
    later = clients.on_demand
    for client in (clients.dynamodb, clients.ec2, clients.sqs, later.iam(), later.ssm(), later.cloudwatch()):
        operations.mark(client)
    return clients


def forget_clients() -> None:
    """Have clients made anew: those with credentials that a stand-in has refused send nothing more."""
    _connect.cache_clear()
    own_clients.cache_clear()


def in_minutes(minutes: float) -> str:
    """Write the time in some minutes (before now, where negative) as the table holds it."""
    return records.wire_time(datetime.now(UTC) + timedelta(minutes=minutes))
