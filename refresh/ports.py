"""The ports to AWS, GitHub and the clock: a Protocol for each, and the values that they take and return.

`refresh.clients` implements them; components are given them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from refresh.pool import names, records

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_sqs import SQSClient

    from refresh.credentials import Secret

_RUNNER_NAME = re.compile(rf"({records.INSTANCE_ID.pattern})-[0-9]+")


class Clock(Protocol):
    """The only source of time, passed in so that tests and simulations control it."""

    def now(self) -> datetime:
        """Return the current time, with the zone UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@frozen
class IssuedToken:
    """A token that GitHub has just issued, already masked in the log."""

    token: Secret
    expires_at: datetime


class TokenIssuer(Protocol):
    """GitHub as the registration token needs it."""

    def create_registration_token(self) -> IssuedToken:
        """Issue a token and mask it before anything else happens to it."""
        ...

    def require_administration(self) -> None:
        """Raise the error that refuses a token, as far as a read shows it."""
        ...


class ReleaseSource(Protocol):
    """GitHub as the runner release needs it."""

    def runner_downloads(self) -> Sequence[Mapping[str, object]]:
        """List the runner applications: `os`, `architecture`, `download_url`, `filename`, `sha256_checksum`.

        With `authorized_only` if the download needs a token that instances do not have.
        """
        ...


@frozen
class RunnerRegistration:
    """A runner as GitHub lists it."""

    id: int
    name: str
    offline: bool
    busy: bool

    @property
    def instance_id(self) -> str | None:
        """The instance that it runs on; None if its name is not the agent's."""
        found = _RUNNER_NAME.fullmatch(self.name)
        return found[1] if found else None


class Registry(Protocol):
    """GitHub as the runner registrations need it."""

    def runners(self) -> Iterable[RunnerRegistration]:
        """List every runner of the repository."""
        ...

    def remove_runner(self, runner_id: int) -> None:
        """Remove a runner's registration."""
        ...


@frozen(kw_only=True)
class WorkflowJob:
    """A job of a workflow run as GitHub lists it."""

    name: str
    labels: tuple[str, ...]
    """What it asks for in `runs-on`."""
    completed: bool
    url: str = ""
    queued_since: datetime | None = None
    """Since when it waits for a runner; None if it does not, or GitHub does not say."""
    started_at: datetime | None = None
    """Since when it runs; None if it does not, or GitHub does not say."""


@frozen(kw_only=True)
class WorkflowRun:
    """A workflow run as GitHub shows it."""

    id: str
    attempt: int
    completed_at: datetime | None = None
    """When its latest attempt was completed; None if it was not, or that is not clear."""


class WorkflowJobs(Protocol):
    """GitHub as `release` needs it."""

    def jobs(self, repository: names.Repository, run_id: str) -> Iterable[WorkflowJob]:
        """List every job of the latest attempt of a run."""
        ...


class WorkflowRuns(WorkflowJobs, Protocol):
    """GitHub's workflow runs, which the workflow's own token may read."""

    def run(self, repository: names.Repository, run_id: str) -> WorkflowRun:
        """Describe a run."""
        ...

    def unfinished(self, repository: names.Repository) -> Iterable[WorkflowRun]:
        """List the runs of a repository that are queued or in progress."""
        ...


class GitHub(TokenIssuer, ReleaseSource, Registry, Protocol):
    """All of GitHub that refresh uses."""


class ParameterStore(Protocol):
    """Systems Manager."""

    def get_parameters(self, *, Names: list[str]) -> Mapping[str, Any]:  # noqa: N803 - botocore's name
        """Return `Parameters` with their `Value`; unknown names are in `InvalidParameters`."""
        ...


class Sts(Protocol):
    """The Security Token Service."""

    def get_caller_identity(self) -> Mapping[str, Any]:
        """Return the identity behind the credentials, such as its `Account`; needs no permission."""
        ...


class Iam(Protocol):
    """IAM."""

    def get_instance_profile(self, *, InstanceProfileName: str) -> Mapping[str, Any]:  # noqa: N803 - botocore's name
        """Return the `InstanceProfile` with its `Arn` and `Roles`."""
        ...


class CloudWatch(Protocol):
    """CloudWatch."""

    def put_metric_data(self, *, Namespace: str, MetricData: Sequence[Mapping[str, Any]]) -> object:  # noqa: N803 - botocore's names
        """Send metrics, at most 1000 in one call."""
        ...


class OnDemand(Protocol):
    """Clients that not every action needs, created when they are needed."""

    def sts(self) -> Sts:
        """Return the client of the Security Token Service."""
        ...

    def iam(self) -> Iam:
        """Return the client of IAM."""
        ...

    def ssm(self) -> ParameterStore:
        """Return the client of Systems Manager."""
        ...

    def cloudwatch(self) -> CloudWatch:
        """Return the client of CloudWatch."""
        ...


@frozen
class Clients:
    """The clients: a method for each API operation, raising the errors of `refresh.errors`."""

    dynamodb: DynamoDBClient
    ec2: EC2Client
    sqs: SQSClient
    github: GitHub
    runs: WorkflowRuns
    on_demand: OnDemand
    skew: Callable[[], timedelta] = timedelta
    """Returns how far AWS's clock is ahead of ours, as its answers have shown."""


@frozen
class DoorClients:
    """The clients of `provision` and `release`, which ask GitHub for workflow runs only."""

    dynamodb: DynamoDBClient
    ec2: EC2Client
    sqs: SQSClient
    runs: WorkflowJobs
    on_demand: OnDemand
    skew: Callable[[], timedelta] = timedelta
    """Returns how far AWS's clock is ahead of ours, as its answers have shown."""
