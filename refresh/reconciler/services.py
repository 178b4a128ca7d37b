"""The narrow clients that the components are given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_sqs import SQSClient

    from refresh.preflight import OnDemand
    from refresh.reconciler.registration_token import TokenIssuer
    from refresh.reconciler.runner_registrations import Registry
    from refresh.reconciler.runner_release import ReleaseSource

    class GitHub(TokenIssuer, ReleaseSource, Registry, Protocol):
        """What the components need of GitHub."""


@frozen
class Services:
    """The narrow clients: one method an API operation, errors as `refresh.errors` has them."""

    dynamodb: DynamoDBClient
    ec2: EC2Client
    sqs: SQSClient
    github: GitHub
    on_demand: OnDemand
    skew: Callable[[], timedelta] = timedelta
    """Tells how far AWS's clock is ahead of ours, as far as its answers have shown."""
