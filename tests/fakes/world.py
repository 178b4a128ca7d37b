"""One pool's surroundings, for tests and the demo: an AWS account, a GitHub, and the step's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from refresh import clients, inputs, names, records
from refresh.reconciler import reconcile

if TYPE_CHECKING:
    from refresh.reconciler import Services
    from refresh.report import Report
    from tests.fakes.aws_server import AwsServer
    from tests.fakes.github_server import GitHubServer

PAT_CANARY = "PAT-CANARY-5e1f"
REPOSITORY = names.Repository("octo", "widgets")
TABLE = names.table(REPOSITORY)
TEMPLATE = names.launch_template(REPOSITORY)
REGION = "eu-west-1"
IMAGE = "ami-0123456789abcdef0"
RUN_URL = "https://github.com/octo/widgets/actions/runs/77"
ROOT = Path(__file__).parents[2]

INPUTS = {
    "ami": IMAGE,
    "iam-instance-profile": "runner-profile",
    "github-token": PAT_CANARY,
}


class SystemClock:
    """The machine's time, with sleeps that take none."""

    def now(self) -> datetime:
        """Give the present moment."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Go on at once."""


class World:
    """Both servers, and ways to run refresh against them, in this process or as a child."""

    def __init__(self, aws: AwsServer, github: GitHubServer) -> None:
        self.aws = aws
        self.github = github
        client = boto3.client(
            "ec2",
            endpoint_url=aws.url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        group = client.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
        subnets = [subnet["SubnetId"] for subnet in client.describe_subnets()["Subnets"]][:2]
        self.inputs = {**INPUTS, "security-group-ids": group, "subnet-ids": ", ".join(subnets)}
        """The required inputs, with a security group and subnets that exist."""
        aws.forget_calls()

    def environ(self, **changed: str) -> dict[str, str]:
        """Give the environment of the step; `changed` holds inputs by name (`_` for `-`)."""
        given = {**self.inputs, **{name.replace("_", "-"): value for name, value in changed.items()}}
        return {
            "AWS_ENDPOINT_URL": self.aws.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": str(REPOSITORY),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "77",
            **{f"INPUT_{name.upper()}": value for name, value in given.items()},
        }

    def services(self, **changed: str) -> Services:
        """Connect as a run does."""
        given = inputs.load(self.environ(**changed))
        os.environ.update({name: value for name, value in self.environ().items() if name.startswith("AWS_")})
        return clients.connect(given.desired, given.secrets, mask=lambda _: None)

    def refresh(self, **changed: str) -> Report:
        """Run once in this process."""
        desired = inputs.load(self.environ(**changed)).desired
        services = self.services(**changed)
        with ThreadPoolExecutor(clients.CONCURRENCY) as pool:
            return reconcile(desired, services, SystemClock(), pool)

    def start(self, environ: dict[str, str] | None = None, **changed: str) -> subprocess.Popen[str]:
        """Start the entrypoint as a child process, as the action does."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS", "GITHUB", "INPUT"))}
        return subprocess.Popen(  # noqa: S603 - our own entrypoint
            [sys.executable, str(ROOT / "entrypoint.py")],
            env={**inherited, **self.environ(**changed), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, environ: dict[str, str] | None = None, **changed: str) -> tuple[int, str]:
        """Run the entrypoint as a child process to its end and give exit code and all it printed."""
        child = self.start(environ, **changed)
        printed, _ = child.communicate(timeout=100)
        return child.returncode, printed

    def items(self, services: Services) -> dict[str, records.Item]:
        """Read the whole table, by `PK SK`."""
        found = services.dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return {f"{item['PK']['S']} {item['SK']['S']}": dict(item) for item in found}

    def launch(self, services: Services, number: int = 1, **tags: str) -> list[str]:
        """Launch instances from the pool's template, tagged as provision tags them."""
        given = {"AllowSelfTermination": "true", "InitialRunId": "42", **tags}
        reservation = services.ec2.run_instances(
            LaunchTemplate={"LaunchTemplateName": TEMPLATE, "Version": "$Default"},
            InstanceType="t3.micro",
            MinCount=number,
            MaxCount=number,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in given.items()]}
            ],
        )
        return [instance["InstanceId"] for instance in reservation["Instances"]]

    def record(self, services: Services, instance_id: str, **changed: Any) -> None:
        """Write an instance's record as provision does, with its heartbeat and signal; expired unless changed."""
        now = datetime.now(UTC)
        attributes = {
            "state": "idle",
            "runId": "",
            "threshold": records.wire_time(now - timedelta(minutes=5)),
            "resourceClass": "large",
            "instanceType": "t3.micro",
            "usageClass": "on-demand",
            **changed,
        }
        signal = {"state": "UD_REG_OK", "runId": "42"}
        for item in (
            records.item(records.INSTANCE, instance_id, now, **attributes),
            records.item(records.HEARTBEAT, instance_id, now, value="PING"),
            records.item(records.SIGNAL, instance_id, now, value=signal),
        ):
            services.dynamodb.put_item(TableName=TABLE, Item=item)

    def states(self, services: Services) -> dict[str, str]:
        """Read every instance's state in EC2, by id."""
        found = services.ec2.describe_instances()["Reservations"]
        return {each["InstanceId"]: each["State"]["Name"] for reservation in found for each in reservation["Instances"]}
