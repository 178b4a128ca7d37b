"""What crosses the border to AWS, GitHub and the clock: a Protocol each, and the values that they take and give.

`refresh.clients` implements them; whatever needs one is given it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from refresh.pool import records

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_sqs import SQSClient

    from refresh.credentials import Secret

_RUNNER_NAME = re.compile(rf"({records.INSTANCE_ID.pattern})-[0-9]+")


class Clock(Protocol):
    """The only source of time, passed in so that tests and simulations own it."""

    def now(self) -> datetime:
        """Give the present moment, aware, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@frozen
class IssuedToken:
    """A token that GitHub has just issued; already masked in the log."""

    token: Secret
    expires_at: datetime


class TokenIssuer(Protocol):
    """What this component needs of GitHub."""

    def create_registration_token(self) -> IssuedToken:
        """Issue a token and mask it before anything else happens to it."""
        ...

    def require_administration(self) -> None:
        """Raise what refuses a token, as far as GitHub shows it to who only reads."""
        ...


class ReleaseSource(Protocol):
    """What this component needs of GitHub."""

    def runner_downloads(self) -> Sequence[Mapping[str, object]]:
        """List the runner applications: `os`, `architecture`, `download_url`, `filename`, `sha256_checksum`.

        With `authorized_only` where the address takes a token that instances do not have.
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
        """The instance it runs on, if the agent named it."""
        found = _RUNNER_NAME.fullmatch(self.name)
        return found[1] if found else None


class Registry(Protocol):
    """What this component needs of GitHub."""

    def runners(self) -> Iterable[RunnerRegistration]:
        """List every runner of the repository."""
        ...

    def remove_runner(self, runner_id: int) -> None:
        """Remove a runner's registration."""
        ...


class GitHub(TokenIssuer, ReleaseSource, Registry, Protocol):
    """All that is needed of GitHub."""


class ParameterStore(Protocol):
    """What is needed of Systems Manager."""

    def get_parameters(self, *, Names: list[str]) -> Mapping[str, Any]:  # noqa: N803 - botocore's name
        """Give `Parameters` with their `Value`; a name that is none is in `InvalidParameters`."""
        ...


class Sts(Protocol):
    """What is needed of the Security Token Service."""

    def get_caller_identity(self) -> Mapping[str, Any]:
        """Tell whose credentials these are, `Account` among it; nobody needs a permission for it."""
        ...


class Iam(Protocol):
    """What is needed of IAM."""

    def get_instance_profile(self, *, InstanceProfileName: str) -> Mapping[str, Any]:  # noqa: N803 - botocore's name
        """Give the `InstanceProfile` with its `Arn` and `Roles`."""
        ...


class OnDemand(Protocol):
    """Clients that few runs need, each made when it is asked for."""

    def sts(self) -> Sts:
        """Give the Security Token Service's."""
        ...

    def iam(self) -> Iam:
        """Give IAM's."""
        ...

    def ssm(self) -> ParameterStore:
        """Give Systems Manager's."""
        ...


@frozen
class Clients:
    """The narrow clients: one method an API operation, errors as `refresh.errors` has them."""

    dynamodb: DynamoDBClient
    ec2: EC2Client
    sqs: SQSClient
    github: GitHub
    on_demand: OnDemand
    skew: Callable[[], timedelta] = timedelta
    """Tells how far AWS's clock is ahead of ours, as far as its answers have shown."""
