"""AWS: a session and its clients."""

from __future__ import annotations

import os
import shlex
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh import errors
from refresh.clients import role
from refresh.clients.botocore_events import (
    RefusedCredentials,
    Trace,
    give_up_early,
    lasting_problem,
    refuse_once_stopped,
    translate_errors,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.config import Config
    from botocore.credentials import Credentials
    from botocore.session import Session
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_sqs import SQSClient

    from refresh.clients.botocore_events import ClockSkew
    from refresh.clients.process_hooks import ProcessHooks
    from refresh.credentials import IdTokens
    from refresh.desired import PoolAccess
    from refresh.ports import CloudWatch, Iam, ParameterStore, Sts

CONCURRENCY = 32
"""Concurrent calls, and so connections: measured, 1,500 updates take 3.1 s with 32 and 6.7 s with 8."""
_ATTEMPTS = 5
_CONNECT_SECONDS = 3
_READ_SECONDS = 10
_EC2_READ_SECONDS = 30
"""EC2 may take longer to describe or terminate thousands of instances, and a retry is no faster."""
_OPTIONAL = ("iam", "cloudwatch")
"""Services without an endpoint inside most networks; a run can do without their answer."""
_OPTIONAL_ATTEMPTS = 3
"""A run must not wait long for these."""
_AFTER_A_STOP = ("cloudwatch",)
"""What a run may still ask once it was asked to stop: its metrics count that it was stopped."""
_ALWAYS = ("dynamodb", "ec2", "sqs")
"""The services without which no run works."""
_CONFIGURATION_REMEDY = "correct it in the step's env (AWS_ENDPOINT_URL and the like) or in AWS's configuration file"
_CREDENTIALS_REMEDY = (
    "set role-to-assume, or run aws-actions/configure-aws-credentials before this step, or set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY in its env"
)


@frozen
class AwsClients:
    """The clients of one region."""

    dynamodb: DynamoDBClient
    ec2: EC2Client
    sqs: SQSClient
    on_demand: OnDemand


class OnDemand:
    """Clients that not every action needs, created at their first use, one at a time: a session is not thread-safe."""

    def __init__(self, create: Callable[[str], Any]) -> None:
        self._create = create
        self._created: dict[str, Any] = {}
        self._lock = Lock()

    def sts(self) -> Sts:
        """Return the client of the Security Token Service."""
        client: Sts = self._client("sts")
        return client

    def iam(self) -> Iam:
        """Return the client of IAM."""
        client: Iam = self._client("iam")
        return client

    def ssm(self) -> ParameterStore:
        """Return the client of Systems Manager."""
        client: ParameterStore = self._client("ssm")
        return client

    def cloudwatch(self) -> CloudWatch:
        """Return the client of CloudWatch."""
        client: CloudWatch = self._client("cloudwatch")
        return client

    def _client(self, service: str) -> Any:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - see the package's docstring

        with self._lock:
            if service not in self._created:
                try:
                    self._created[service] = self._create(service)
                except (BotoCoreError, ValueError) as error:
                    raise errors.Unavailable(
                        f"{service}:client", type(error).__name__, str(error), remedy=_CONFIGURATION_REMEDY
                    ) from None
            return self._created[service]


def connect(desired: PoolAccess, id_tokens: IdTokens | None, hooks: ProcessHooks, skew: ClockSkew) -> AwsClients:
    """Create the clients; raise `InputErrors` without credentials or with an unusable AWS configuration."""
    from botocore.config import Config  # noqa: PLC0415 - see the package's docstring
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - the same
    from botocore.loaders import Loader  # noqa: PLC0415 - the same
    from botocore.session import Session  # noqa: PLC0415 - the same

    shared = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=CONCURRENCY,
        # AWS validates parameters itself, and the stubs' types cover most; botocore's check takes an eighth of a
        # collection's time.
        parameter_validation=False,
    )

    refused = RefusedCredentials()

    def create(service: str, config: Config | None = None) -> Any:
        merged = shared.merge(config) if config else shared
        if service == "ec2":
            merged = merged.merge(Config(read_timeout=_EC2_READ_SECONDS))
        if service in _OPTIONAL:
            merged = merged.merge(Config(retries={"mode": "standard", "total_max_attempts": _OPTIONAL_ATTEMPTS}))
        # Any: the stubs do not know a client whose name is a variable.
        client: Any = chain.create_client(service, config=merged)
        skew.listen(client)
        translate_errors(client)
        # A refusal of an optional read, or of the exchange for a role, says nothing about the credentials in use.
        if service in _ALWAYS:
            refused.listen(client)
        if service != "sts":
            refused.guard(client)
        if hooks.called:
            Trace(hooks.called).listen(client)
        give_up_early(client)  # registered after the trace, so that the attempt is logged
        if service not in _AFTER_A_STOP:
            refuse_once_stopped(client, hooks)
        return client

    try:
        # With a role, ignore a profile that an earlier step may have set.
        chain = Session(session_vars={"profile": (None, None, None, None)} if desired.role else None)
        # Credential providers create their own clients in the session's region.
        chain.set_config_variable("region", desired.region)
        # Models in HOME or AWS_DATA_PATH could change what is sent, and to which host.
        chain.register_component("data_loader", Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False))
        chain.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=moment)
        if desired.role and id_tokens:
            _prefer(chain, role.credentials(desired.role, id_tokens, hooks, create))
        _require_credentials(chain)
        return AwsClients(create("dynamodb"), create("ec2"), create("sqs"), OnDemand(create))
    except (BotoCoreError, ValueError) as error:
        raise errors.InputErrors([f"AWS configuration: {error}; {_CONFIGURATION_REMEDY}"]) from None


def moment(value: Any) -> datetime:
    """Parse a time in an answer: ISO 8601 with the standard library, anything else as botocore does.

    botocore's parser takes half a millisecond, and the description of an instance has three times.
    """
    from botocore.utils import parse_timestamp  # noqa: PLC0415 - see the package's docstring

    if isinstance(value, str) and "T" in value:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    parsed: datetime = parse_timestamp(value)
    return parsed


def _prefer(chain: Session, credentials: Credentials) -> None:
    """Put these credentials before all others that the standard chain would find."""
    from botocore.credentials import CredentialProvider  # noqa: PLC0415 - see the package's docstring

    class Provider(CredentialProvider):
        METHOD = "refresh-action-role"

        def load(self) -> Credentials:
            return credentials

    chain.get_component("credential_provider").insert_before("env", Provider())


def _require_credentials(chain: Session) -> None:
    """Fetch the credentials now: later botocore would raise their errors in the middle of a call."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - see the package's docstring

    try:
        credentials = chain.get_credentials()
        if credentials:
            credentials.get_frozen_credentials()
    except errors.ApiError as error:
        raise errors.InputErrors([f"role-to-assume: {error}"]) from None
    except (BotoCoreError, ClientError, OSError) as error:
        if lasting := lasting_problem("credentials", error):
            raise errors.InputErrors([f"AWS credentials: {lasting}"]) from None
        raise _no_credentials(error, _profile_remedy(chain, error)) from None
    if not credentials:
        raise _no_credentials("none found")


def _profile_remedy(chain: Session, error: Exception) -> str:
    """Return the remedy for a profile that cannot be used; another remedy would leave it in the way."""
    profile = shlex.quote(str(chain.profile or "default"))
    match type(error).__name__:
        case "ProfileNotFound":
            remedy = "unset AWS_PROFILE and AWS_DEFAULT_PROFILE, or name a profile that exists"
            given = os.environ.get("AWS_ACCESS_KEY_ID")
            return f"{remedy}; {'the access keys in the environment are used then' if given else _CREDENTIALS_REMEDY}"
        case "SSOTokenLoadError" | "UnauthorizedSSOTokenError" | "TokenRetrievalError":
            return f"run aws sso login --profile {profile}"
        case "MissingDependencyException":
            exported = f"aws configure export-credentials --profile {profile} --format env"
            return f'run eval "$({exported})" and unset AWS_PROFILE'
    return _CREDENTIALS_REMEDY


def _no_credentials(problem: object, remedy: str = _CREDENTIALS_REMEDY) -> errors.InputErrors:
    return errors.InputErrors([f"AWS credentials: {problem}; {remedy}"])
