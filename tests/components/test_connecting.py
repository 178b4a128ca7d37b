"""Connecting to AWS: its configuration, credentials and endpoints."""

from __future__ import annotations

import os
import re
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import EndpointConnectionError

from refresh import errors, inputs
from refresh.clients import connect
from tests.fakes.desired import TABLE
from tests.fakes.literals import good
from tests.fakes.world import CREDENTIALS, HOOKS

if TYPE_CHECKING:
    from pathlib import Path

    from refresh.ports import Clients

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
SEND = "botocore.httpsession.URLLib3Session.send"


def _connect(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Clients:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nowhere = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    for name, value in {**nowhere, "AWS_EC2_METADATA_DISABLED": "true", **environ}.items():
        monkeypatch.setenv(name, value)
    loaded = inputs.load(good())
    return connect(loaded.desired, loaded.secrets, HOOKS)


def _with_role(monkeypatch: pytest.MonkeyPatch, folder: Path, **environ: str) -> Clients:
    """Connect with a role of the standard chain, which a web identity token gives."""
    (folder / "token").write_text("a.b.c")
    identity = {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "token"),
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/runner",
    }
    return _connect(monkeypatch, **identity, **environ)


def test_an_endpoint_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        clients = _connect(monkeypatch, AWS_ENDPOINT_URL=f"http://127.0.0.1:{unused.getsockname()[1]}", **KEYS)
        with pytest.raises(errors.Unavailable, match="dynamodb:DescribeTable: EndpointConnectionError"):
            clients.dynamodb.describe_table(TableName=TABLE)
    assert len(slept) == 4


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_ENDPOINT_URL", "nonsense"), ("AWS_ENDPOINT_URL_SQS", "http://"), ("AWS_DEFAULTS_MODE", "x")],
)
def test_a_configuration_that_cannot_be_used_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    with pytest.raises(errors.InputErrors, match=r"^AWS configuration: "):
        _connect(monkeypatch, **{**KEYS, variable: value})


def test_a_client_on_demand_that_cannot_be_created_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is created once, when it can be."""
    on_demand = _connect(monkeypatch, **KEYS, AWS_ENDPOINT_URL_IAM="nonsense").on_demand
    with pytest.raises(errors.Unavailable, match=r"iam:client: ValueError: "):
        on_demand.iam()
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", "http://127.0.0.1:9")
    assert on_demand.iam() is on_demand.iam()


CONFIGURATION = """
[default]
credential_process = false
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = ci
[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://example.awsapps.com/start
[profile web]
login_session = arn:aws:sts::123456789012:assumed-role/ci/me
"""


@pytest.mark.parametrize(
    ("environ", "remedy"),
    [
        (
            {"AWS_CONFIG_FILE": os.devnull},
            "none found; set role-to-assume, or run aws-actions/configure-aws-credentials",
        ),
        ({}, "set role-to-assume"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/missing", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x"}, "/missing"),
        ({"AWS_PROFILE": "gone", **KEYS}, "unset AWS_PROFILE .*; the access keys"),
        ({"AWS_PROFILE": "gone"}, "gone.*unset AWS_PROFILE .*; set role-to-assume"),
        ({"AWS_PROFILE": "sso"}, "run aws sso login --profile sso$"),
        ({"AWS_PROFILE": "web"}, r'run eval "\$\(aws configure export-credentials --profile web --format env\)"'),
    ],
)
def test_credentials_that_cannot_be_had_are_bad_input_with_what_to_set_or_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environ: dict[str, str], remedy: str
) -> None:
    """Before any call; where a profile is in the way, the remedy removes it."""
    (tmp_path / "config").write_text(CONFIGURATION)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(errors.InputErrors, match=f"^AWS credentials: .*{remedy}"):
        _connect(monkeypatch, **{"AWS_CONFIG_FILE": str(tmp_path / "config"), **environ})


def test_the_standard_chain_asks_sts_of_the_pool_s_region(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slept: list[float]
) -> None:
    """Whatever AWS_DEFAULT_REGION says: the STS of another partition does not know this one's roles."""
    asked: set[str] = set()

    def send(_: object, request: Any) -> None:
        asked.add(request.url)
        raise EndpointConnectionError(endpoint_url=request.url)

    monkeypatch.setattr(SEND, send)
    with pytest.raises(errors.InputErrors, match="AWS credentials: "):
        _with_role(monkeypatch, tmp_path, AWS_DEFAULT_REGION="us-west-2")
    assert asked == {f"https://sts.{good()['AWS_REGION']}.amazonaws.com/"}
    assert len(slept) > 0


ASSUMED = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/runner/refresh</Arn>
</AssumedRoleUser><Credentials><AccessKeyId>AKIAROLE</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{secret}</SessionToken><Expiration>2099-01-31T10:05:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
OF_THE_ACCOUNT = "123456789012.ddb.eu-west-1.amazonaws.com"


@pytest.mark.shows("F3")
@pytest.mark.parametrize(
    ("mode", "host", "remedy"),
    [
        ("", OF_THE_ACCOUNT, "AWS_ACCOUNT_ID_ENDPOINT_MODE to disabled"),
        ("preferred", OF_THE_ACCOUNT, f"add {OF_THE_ACCOUNT}"),
        ("disabled", "dynamodb.eu-west-1.amazonaws.com", "DNS"),
    ],
)
@pytest.mark.usefixtures("slept")
def test_an_unreachable_endpoint_of_the_account_has_two_remedies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, host: str, remedy: str
) -> None:
    """With a role DynamoDB is asked there, and a network that allows listed hosts only may not know it."""
    answer = ASSUMED.format(secret=CREDENTIALS["AWS_SECRET_ACCESS_KEY"]).encode()

    def send(_: object, request: Any) -> AWSResponse:
        if "//sts." not in request.url:
            raise EndpointConnectionError(endpoint_url=request.url)
        raw: Any = SimpleNamespace(stream=lambda: [answer])
        return AWSResponse(request.url, 200, HTTPHeaders(), raw)

    monkeypatch.setattr(SEND, send)
    clients = _with_role(monkeypatch, tmp_path, **({"AWS_ACCOUNT_ID_ENDPOINT_MODE": mode} if mode else {}))
    with pytest.raises(errors.Unavailable, match=re.escape(remedy)) as caught:
        clients.dynamodb.describe_table(TableName=TABLE)
    assert f'"https://{host}/"' in str(caught.value)


@pytest.mark.shows("A48")
def test_models_in_home_or_aws_data_path_are_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """HOME is shared between the steps of a job; botocore would take the addresses of services from there."""
    for name in ("endpoints.json", "partitions.json"):
        (tmp_path / name).write_text("{}")
    monkeypatch.setattr("botocore.loaders.Loader.CUSTOMER_DATA_PATH", str(tmp_path))
    clients = _connect(monkeypatch, **KEYS, AWS_DATA_PATH=str(tmp_path))
    assert clients.sqs.meta.endpoint_url == f"https://sqs.{good()['AWS_REGION']}.amazonaws.com"
