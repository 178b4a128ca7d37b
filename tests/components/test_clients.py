"""The clients: bounded retries, and every error one of ours with its remedy and without a secret."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import EndpointConnectionError
from botocore.utils import parse_timestamp

from refresh import errors, inputs
from refresh.clients import connect
from refresh.clients.aws import CONCURRENCY, moment
from refresh.clients.botocore_events import ClockSkew
from refresh.clients.github import GitHub
from refresh.credentials import Secret
from refresh.ports import RunnerRegistration
from tests.fakes import canaries, operations
from tests.fakes.desired import TABLE, desired
from tests.fakes.github_server import runner
from tests.fakes.literals import good
from tests.fakes.world import CREDENTIALS, HOOKS, connected

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.aws_server import AwsServer
    from tests.fakes.github_server import GitHubServer
    from tests.fakes.world import World

THROTTLED = (400, b'{"__type": "ThrottlingException", "message": "Rate exceeded"}')
FAILURE = (500, b"{}")
PATH = "/repos/octo/widgets/actions/runners/registration-token"


def _describe(clients: Clients) -> object:
    return clients.dynamodb.describe_table(TableName=TABLE)


def test_a_call_that_is_throttled_is_tried_again(aws: AwsServer, clients: Clients, slept: list[float]) -> None:
    """Four times at most, with growing pauses."""
    answers = [THROTTLED, THROTTLED]
    aws.before_call = lambda _: answers.pop() if answers else None
    clients.sqs.list_queues()
    assert aws.calls == ["sqs:ListQueues"] * 3
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("answer", "kind"), [(THROTTLED, errors.Throttled), ((503, b"<html>down</html>"), errors.Unavailable)]
)
def test_a_call_is_given_up_after_five_tries(
    aws: AwsServer,
    clients: Clients,
    slept: list[float],
    answer: tuple[int, bytes],
    kind: type[errors.ApiError],
) -> None:
    """In all, as the retry policy says."""
    aws.before_call = lambda _: answer
    with pytest.raises(kind) as caught:
        _describe(clients)
    assert caught.value.operation == "dynamodb:DescribeTable"
    assert len(aws.calls) == 5
    assert sum(slept) < 60


@pytest.mark.parametrize(
    ("code", "kind"),
    [("AccessDeniedException", errors.PermissionDenied), ("ExpiredTokenException", errors.CredentialsExpired)],
)
@pytest.mark.usefixtures("expiring")
def test_a_refusal_is_not_tried_again(aws: AwsServer, clients: Clients, code: str, kind: type[errors.ApiError]) -> None:
    """It would be the same."""
    aws.before_call = lambda _: (400, json.dumps({"__type": code, "message": "no."}).encode())
    with pytest.raises(kind) as caught:
        _describe(clients)
    assert len(aws.calls) == 1
    assert str(caught.value).startswith(f"{kind.__name__}: dynamodb:DescribeTable: {code}: no. ")


def test_with_credentials_that_aws_has_refused_nothing_more_is_sent(aws: AwsServer, world: World) -> None:
    """Through no client: every call could only fail the same way."""
    clients = connected(world.environ())
    aws.before_call = lambda _: (400, b'{"__type": "ExpiredTokenException", "message": "The token is expired."}')
    with pytest.raises(errors.CredentialsExpired, match=r"DescribeTable: ExpiredTokenException: The token is expired"):
        _describe(clients)
    for call in (clients.sqs.list_queues, clients.ec2.describe_subnets, clients.sqs.list_queues):
        with pytest.raises(errors.CredentialsExpired, match="not sent, since dynamodb:DescribeTable was answered so"):
            call()
    assert aws.calls == ["dynamodb:DescribeTable"]


def test_what_is_only_looked_at_says_nothing_about_the_credentials(aws: AwsServer, world: World) -> None:
    """A proxy that breaks the signature for one host must not stop terminations; nor does another's image."""
    clients = connected(world.environ())
    broken = b"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>"
    aws.before_call = lambda call: (403, broken) if call.startswith("iam:") else None
    with pytest.raises(errors.CredentialsExpired):
        clients.on_demand.iam().get_instance_profile(InstanceProfileName="x")
    theirs = b"<Response><Errors><Error><Code>AuthFailure</Code><Message>Not authorized for images: [ami-1]</Message>"
    aws.before_call = lambda call: (401, theirs + b"</Error></Errors></Response>") if "Images" in call else None
    with pytest.raises(errors.Rejected):
        clients.ec2.describe_images(ImageIds=["ami-1"])
    operations.mark(clients.sqs).list_queues()
    assert aws.calls[-1] == "sqs:ListQueues"


def test_an_answer_that_comes_after_a_refusal_does_not_undo_it(aws: AwsServer, world: World) -> None:
    """Many calls are under way at once, and others are refused for reasons of their own."""
    clients = connected(world.environ())
    operations.mark(clients.sqs)

    def others(call: str) -> tuple[int, bytes]:
        if call == "dynamodb:DescribeTable":
            with pytest.raises(errors.CredentialsExpired):
                clients.sqs.list_queues()
            return 400, b'{"__type": "ConditionalCheckFailedException"}'
        return 400, b'{"__type": "InvalidClientTokenId"}'

    aws.before_call = others
    with pytest.raises(errors.ConditionFailed):
        _describe(clients)
    with pytest.raises(errors.CredentialsExpired, match="not sent, since sqs:ListQueues"):
        _describe(clients)


def _connect(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Clients:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nowhere = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in {**nowhere, **environ}.items():
        monkeypatch.setenv(name, value)
    loaded = inputs.load(good())
    return connect(loaded.desired, loaded.secrets, HOOKS)


def test_an_endpoint_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    """After every try, in our own words."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        clients = _connect(
            monkeypatch,
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",
        )
        with pytest.raises(errors.Unavailable) as caught:
            _describe(clients)
    assert caught.value.operation == "dynamodb:DescribeTable"
    assert "EndpointConnectionError" in str(caught.value)
    assert len(slept) == 4


def test_without_credentials_nothing_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy names what gives them."""
    with pytest.raises(errors.InputErrors, match="aws-actions/configure-aws-credentials"):
        _connect(monkeypatch)


def test_a_profile_that_does_not_exist_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own word for it is kept."""
    with pytest.raises(errors.InputErrors, match=r"AWS credentials: .*nobody"):
        _connect(monkeypatch, AWS_PROFILE="nobody")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_ENDPOINT_URL", "nonsense"), ("AWS_ENDPOINT_URL_SQS", "http://"), ("AWS_DEFAULTS_MODE", "x")],
)
def test_a_configuration_that_cannot_be_used_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Told with its remedy and before any call, not as a traceback."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with pytest.raises(errors.InputErrors, match=r"AWS configuration: .*correct it"):
        _connect(monkeypatch, **{**keys, variable: value})


@pytest.mark.shows("F3")
@pytest.mark.parametrize("service", [pytest.param(name, id=f"F3-{name}") for name in ("dynamodb", "ec2", "sqs", "iam")])
def test_every_client_has_one_policy_of_retries_and_time_outs(clients: Clients, service: str) -> None:
    """Five tries, three seconds to connect, ten for an answer (EC2 thirty), a connection for every call under way."""
    client: Any = clients.on_demand.iam() if service == "iam" else getattr(clients, service)
    config = client.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 5}
    answered_within = 30 if service == "ec2" else 10
    assert (config.connect_timeout, config.read_timeout) == (3, answered_within)
    assert config.max_pool_connections == CONCURRENCY


def test_a_client_that_cannot_be_made_when_it_is_needed_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is only looked at stops nothing; it is made once, when it can be."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    on_demand = _connect(monkeypatch, **keys, AWS_ENDPOINT_URL_IAM="nonsense").on_demand
    with pytest.raises(errors.Unavailable, match=r"iam:client: ValueError: .*correct it in the step's env"):
        on_demand.iam()
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", "http://127.0.0.1:9")
    assert on_demand.iam() is on_demand.iam()


def test_a_credential_process_that_fails_is_bad_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is run before any call."""
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = false\n")
    with pytest.raises(errors.InputErrors, match="AWS credentials: "):
        _connect(monkeypatch, AWS_CONFIG_FILE=str(config))


def test_a_role_that_cannot_be_assumed_is_bad_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is told before any call is made with it."""
    with pytest.raises(errors.InputErrors, match=r"AWS credentials: .*missing"):
        _connect(
            monkeypatch,
            AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "missing"),
            AWS_ROLE_ARN="arn:aws:iam::123456789012:role/runner",
        )


@pytest.mark.parametrize(
    ("profile", "key", "remedy"),
    [
        (
            "gone",
            "AKIA",
            "unset AWS_PROFILE and AWS_DEFAULT_PROFILE in its env, .*; the keys in its env are used ",
        ),
        ("gone", "", "unset AWS_PROFILE and AWS_DEFAULT_PROFILE in its env, .*; set role-to-assume, or run "),
        ("sso", "", "run aws sso login --profile sso$"),
        (
            "web",
            "",
            r'run eval "\$\(aws configure export-credentials --profile web --format env\)", and unset ',
        ),
    ],
)
def test_a_profile_that_cannot_be_used_is_reported_with_what_to_unset_or_run(
    profile: str, key: str, remedy: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another remedy would leave it in the way."""
    config = tmp_path / "config"
    config.write_text(
        "[profile sso]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = ci\n"
        "[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n"
        "[profile web]\nlogin_session = arn:aws:sts::123456789012:assumed-role/ci/me\n"
    )
    given = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": key} if key else {}
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(errors.InputErrors, match=f"^AWS credentials: .*; {remedy}"):
        _connect(monkeypatch, AWS_CONFIG_FILE=str(config), AWS_PROFILE=profile, **given)


def test_credentials_of_the_standard_chain_are_asked_for_in_the_pool_s_region(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slept: list[float]
) -> None:
    """Whatever AWS_DEFAULT_REGION says: the STS of another partition knows nobody of this one."""
    (tmp_path / "token").write_text("a.b.c")
    asked: list[str] = []

    def send(_: object, request: Any) -> None:
        asked.append(request.url)
        raise EndpointConnectionError(endpoint_url=request.url)

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", send)
    with pytest.raises(errors.InputErrors, match="AWS credentials: "):
        _connect(
            monkeypatch,
            AWS_DEFAULT_REGION="us-west-2",
            AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"),
            AWS_ROLE_ARN="arn:aws:iam::123456789012:role/runner",
        )
    assert set(asked) == {f"https://sts.{good()['AWS_REGION']}.amazonaws.com/"}
    assert len(slept) > 0


ASSUMED = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/runner/refresh</Arn>
</AssumedRoleUser><Credentials><AccessKeyId>AKIAROLE</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{secret}</SessionToken><Expiration>2099-01-31T10:05:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""


@pytest.mark.shows("F3")
@pytest.mark.parametrize(
    ("mode", "host", "remedy"),
    [
        ("", "123456789012.ddb.eu-west-1.amazonaws.com", "set AWS_ACCOUNT_ID_ENDPOINT_MODE to disabled"),
        ("preferred", "123456789012.ddb.eu-west-1.amazonaws.com", "add 123456789012.ddb.eu-west-1.amazonaws.com"),
        ("disabled", "dynamodb.eu-west-1.amazonaws.com", "The connection failed"),
    ],
)
@pytest.mark.usefixtures("slept")
def test_with_a_role_dynamodb_is_asked_at_the_account_s_endpoint_unless_that_is_disabled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, host: str, remedy: str
) -> None:
    """A network that allows listed hosts only may not know it; the error names both ways out."""
    (tmp_path / "token").write_text("a.b.c")
    answer = ASSUMED.format(secret=CREDENTIALS["AWS_SECRET_ACCESS_KEY"]).encode()

    def send(_: object, request: Any) -> AWSResponse:
        if "//sts." in request.url:
            raw: Any = SimpleNamespace(stream=lambda: [answer])
            return AWSResponse(request.url, 200, HTTPHeaders(), raw)
        raise EndpointConnectionError(endpoint_url=request.url)

    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", send)
    clients = _connect(
        monkeypatch,
        AWS_WEB_IDENTITY_TOKEN_FILE=str(tmp_path / "token"),
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/runner",
        **({"AWS_ACCOUNT_ID_ENDPOINT_MODE": mode} if mode else {}),
    )
    with pytest.raises(errors.Unavailable, match=re.escape(remedy)) as caught:
        _describe(clients)
    assert f'"https://{host}/"' in str(caught.value)


def test_credentials_that_vanish_are_told_as_expired(clients: Clients) -> None:
    """As botocore says it when it signs."""
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 - only here

    with pytest.raises(errors.CredentialsExpired):
        clients.ec2.meta.events.emit(
            "after-call-error.ec2.DescribeInstances", exception=NoCredentialsError(), context={}
        )


@pytest.mark.shows("A54")
def test_the_libraries_own_loggers_stay_quiet(clients: Clients, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG they print bodies with tokens, and PyGithub's has a handler of its own."""
    clients.github.create_registration_token()
    clients.sqs.list_queues()
    for name in ("botocore", "urllib3", "github"):
        logger = logging.getLogger(name)
        assert logger.level == logging.WARNING
        assert logger.handlers == []
    assert not [record for record in caplog.records if record.levelno < logging.WARNING]


def _github(server: GitHubServer, mask: Callable[[str], None] = lambda _: None) -> GitHub:
    return GitHub(desired(github_api_url=server.url), Secret(canaries.PAT), evolve(HOOKS, mask=mask))


def test_a_registration_token_is_masked_before_it_is_given(github: GitHubServer) -> None:
    """Nobody can print it before."""
    masked: list[str] = []
    issued = _github(github, masked.append).create_registration_token()
    assert masked == ["REG-CANARY-1"]
    assert issued.token.reveal() == "REG-CANARY-1"
    assert 3500 < (issued.expires_at - datetime.now(UTC)).total_seconds() <= 3600
    assert "CANARY" not in repr(issued)
    assert github.calls == [f"POST {PATH}"]


def test_download_tokens_are_masked_and_dropped(github: GitHubServer) -> None:
    """They are secrets, and only that there was one is of use."""
    masked: list[str] = []
    listed = _github(github, masked.append).runner_downloads()
    assert len(listed) == 6
    assert not any("token" in name for each in listed for name in each)
    assert all(each["authorized_only"] is True for each in listed)
    assert set(masked) == {canaries.DOWNLOAD}


def test_downloads_without_a_token_are_listed_as_they_are(github: GitHubServer) -> None:
    """GHES gives none for its own archives."""
    masked: list[str] = []
    github.answers["downloads"] = [{"os": "linux"}]
    assert _github(github, masked.append).runner_downloads() == [{"os": "linux"}]
    assert masked == []


@pytest.mark.parametrize(
    ("status", "message", "kind", "remedy"),
    [
        (401, "Bad credentials", errors.CredentialsExpired, "Replace the github-token"),
        (401, "Requires authentication", errors.CredentialsExpired, "Replace the github-token"),
        (403, "Resource not accessible by integration", errors.PermissionDenied, "Administration: write"),
        (404, "Not Found", errors.NotFound, "may not see it"),
        (422, "Validation Failed", errors.Rejected, "Change what the message names"),
        (500, "Server Error", errors.Unavailable, "the next run continues"),
        (503, "Unavailable", errors.Unavailable, "the next run continues"),
    ],
)
def test_github_s_refusals_name_the_remedy(  # noqa: PLR0913, PLR0917 - a table
    github: GitHubServer, slept: list[float], status: int, message: str, kind: type[errors.ApiError], remedy: str
) -> None:
    """Each its own."""
    github.failure = (status, json.dumps({"message": message}).encode())
    with pytest.raises(kind) as caught:
        _github(github).create_registration_token()
    assert remedy in str(caught.value)
    assert PATH in str(caught.value)
    assert canaries.PAT not in str(caught.value)
    assert len(github.calls) == {429: 2, 500: 4, 503: 4}.get(status, 1)
    assert sum(slept) == (60 if status == 429 else 0)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"<html>", b'{"message": ["x"]}'])
def test_a_refusal_without_a_message_is_told_all_the_same(github: GitHubServer, body: bytes) -> None:
    """A proxy may have answered."""
    github.failure = (422, body)
    with pytest.raises(errors.ApiError) as caught:
        _github(github).create_registration_token()
    assert PATH in str(caught.value)


@pytest.mark.shows("A55")
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, "no token"),
        ([], "no token"),
        ({"token": "", "expires_at": "2026-01-31T09:05:00Z"}, "no token"),
        ({"token": 5, "expires_at": "2026-01-31T09:05:00Z"}, "no token"),
        ({"token": "a\nb", "expires_at": "2026-01-31T09:05:00Z"}, "no token"),
        ({"token": "REG-CANARY-9"}, "expires_at"),
        ({"token": "REG-CANARY-9", "expires_at": "soon"}, "expires_at"),
        ({"token": "REG-CANARY-9", "expires_at": "2026-01-31T09:05:00"}, "expires_at"),
    ],
)
def test_an_answer_that_is_no_token_is_not_taken(github: GitHubServer, answer: Any, expected: str) -> None:
    """And what is in it is not told."""
    github.answers["registration-token"] = answer
    with pytest.raises(errors.Unavailable) as caught:
        _github(github).create_registration_token()
    assert expected in str(caught.value)
    assert "REG-CANARY" not in str(caught.value)


@pytest.mark.parametrize("answer", [{}, "x", [1], [{"os": "linux"}, None]])
def test_an_answer_that_is_no_list_of_downloads_is_not_taken(github: GitHubServer, answer: Any) -> None:
    """The recorded release serves then."""
    github.answers["downloads"] = answer
    with pytest.raises(errors.Unavailable, match="a list of downloads is expected"):
        _github(github).runner_downloads()


@pytest.mark.shows("A43")
def test_a_page_of_html_is_no_answer(github: GitHubServer, slept: list[float]) -> None:
    """A proxy's login page comes with status 200."""
    github.failure = (200, b"<html>log in</html>")
    with pytest.raises(errors.Unavailable):
        _github(github).create_registration_token()
    assert sum(slept) < 60


def test_a_github_that_does_not_answer_is_unavailable(slept: list[float]) -> None:
    """After its retries; the address is named, the request is not."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(errors.Unavailable) as caught:
            GitHub(desired(github_api_url=url), Secret(canaries.PAT), HOOKS).runner_downloads()
    assert url in str(caught.value)
    assert canaries.PAT not in str(caught.value)
    assert sum(slept) < 60


def test_every_page_of_runners_is_read(github: GitHubServer) -> None:
    """A hundred at a time, GitHub's largest page."""
    github.runners = [runner(number, f"runner-{number}") for number in range(201)]
    github.runners[0] |= {"busy": True, "status": "online"}
    listed = list(_github(github).runners())
    assert [each.id for each in listed] == list(range(201))
    assert listed[0] == RunnerRegistration(0, "runner-0", offline=False, busy=True)
    assert listed[1] == RunnerRegistration(1, "runner-1", offline=True, busy=False)
    assert len(github.calls) == 3


@pytest.mark.parametrize("answer", [[], {}, {"runners": 5}, {"runners": [5]}, {"runners": [{"id": "x", "name": "y"}]}])
def test_an_answer_that_is_no_list_of_runners_is_not_taken(github: GitHubServer, answer: Any) -> None:
    """Nothing is removed by guess."""
    github.answers["runners"] = answer
    with pytest.raises(errors.Unavailable):
        list(_github(github).runners())


def test_what_is_not_clearly_offline_and_idle_is_neither(github: GitHubServer) -> None:
    """A field that is missing is no permission."""
    github.answers["runners"] = {"runners": [{"id": 1, "name": "x"}]}
    assert list(_github(github).runners()) == [RunnerRegistration(1, "x", offline=False, busy=True)]


def test_a_runner_is_removed_by_its_number(github: GitHubServer) -> None:
    """One that is gone is not found."""
    github.runners = [runner(1, "x"), runner(2, "y")]
    _github(github).remove_runner(1)
    assert [each["id"] for each in github.runners] == [2]
    with pytest.raises(errors.NotFound):
        _github(github).remove_runner(1)


def test_aws_s_own_clock_is_compared_with_ours(clients: Clients) -> None:
    """By the first answer's date; before it nothing is known."""
    ahead = ClockSkew(lambda: datetime.now(UTC) - timedelta(minutes=5))
    assert ahead() == timedelta()
    ahead.listen(clients.sqs)
    clients.sqs.list_queues()
    assert timedelta(minutes=4, seconds=55) < ahead() < timedelta(minutes=5, seconds=5)
    first = ahead()
    clients.sqs.list_queues()
    assert ahead() == first


@pytest.mark.parametrize(
    "told",
    [
        "2026-01-31T09:05:00.000Z",
        "2026-01-31T09:05:00Z",
        "2026-01-31T10:05:00+01:00",
        "Sat, 31 Jan 2026 09:05:00 GMT",
        "1769850300",
        "20260131",
        1769850300,
        1769850300.25,
    ],
)
def test_a_time_is_read_as_botocore_reads_it(told: Any) -> None:
    """Only faster where it is written as EC2 does."""
    assert moment(told) == parse_timestamp(told)
    assert moment(told).utcoffset() == parse_timestamp(told).utcoffset()


@pytest.mark.parametrize("told", ["", "T", "2026-13-31T09:05:00Z", "yesterday"])
def test_what_is_no_time_is_refused_as_by_botocore(told: str) -> None:
    """It is told as an answer that cannot be read."""
    with pytest.raises(ValueError, match="Invalid timestamp"):
        moment(told)


@pytest.mark.shows("A48")
def test_models_in_home_or_elsewhere_choose_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """HOME is shared between the steps of a job; botocore would take the addresses of services from there."""
    models = tmp_path / ".aws" / "models"
    models.mkdir(parents=True)
    for name in ("endpoints.json", "partitions.json"):
        (models / name).write_text("{}")
    monkeypatch.setattr("botocore.loaders.Loader.CUSTOMER_DATA_PATH", str(models))
    for name, value in {**CREDENTIALS, "HOME": str(tmp_path), "AWS_DATA_PATH": str(models)}.items():
        monkeypatch.setenv(name, value)
    given = inputs.load({**good(), **CREDENTIALS})
    clients = connect(given.desired, given.secrets, HOOKS)
    assert clients.sqs.meta.endpoint_url == f"https://sqs.{given.desired.region}.amazonaws.com"


def test_the_clients_read_times_by_it(refreshed: World, clients: Clients) -> None:
    """The standard library's own zone shows it."""
    refreshed.launch(clients)
    (reservation,) = clients.ec2.describe_instances()["Reservations"]
    assert reservation["Instances"][0]["LaunchTime"].tzinfo is UTC


@pytest.mark.parametrize("date", ["", "soon", "Sat, 31 Jan 2026 09:05:00 -0000"])
def test_an_answer_without_a_readable_date_tells_nothing(date: str) -> None:
    """A proxy may have dropped it."""
    skew = ClockSkew(lambda: datetime.now(UTC))
    skew._answered(SimpleNamespace(headers={"date": date}))
    assert skew() == timedelta()


def test_a_connection_is_made_once(github: GitHubServer) -> None:
    """And kept."""
    connected = _github(github)
    connected.runner_downloads()
    first = connected._connection()
    connected.create_registration_token()
    assert connected._connection() is first


@pytest.mark.usefixtures("slept")
def test_every_attempt_is_told_with_its_time_and_answer(aws: AwsServer) -> None:
    """Also one that got no answer; never what was in it."""
    told: list[tuple[str, int, str]] = []

    def called(operation: str, attempt: int, seconds: float, answer: str) -> None:
        assert seconds >= 0
        told.append((operation, attempt, answer))

    clients = connected({**good(), **CREDENTIALS, "AWS_ENDPOINT_URL": aws.url}, evolve(HOOKS, called=called))
    operations.mark(clients.sqs)
    answers = [THROTTLED]
    aws.before_call = lambda _: answers.pop() if answers else None
    clients.sqs.list_queues()
    assert told == [("sqs:ListQueues", 1, "400"), ("sqs:ListQueues", 2, "200")]
    told.clear()
    client: Any = clients.sqs
    client.meta.events.register_first("before-send", _refuse)
    with pytest.raises(errors.Unavailable):
        clients.sqs.list_queues()
    assert [each[2] for each in told] == ["EndpointConnectionError"] * 5


def _refuse(**_: Any) -> None:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1")


@pytest.mark.usefixtures("slept")
def test_once_asked_to_stop_aws_is_sent_nothing_more_not_even_a_retry(aws: AwsServer, world: World) -> None:
    """GitHub kills the run ten seconds after it asked."""
    aws.before_call = lambda _: FAILURE
    told: list[str] = []
    hooks = evolve(HOOKS, stopped=lambda: bool(aws.calls), called=lambda *each: told.append(f"{each[0]} {each[3]}"))
    clients = connected(world.environ(), hooks)
    with pytest.raises(errors.Interrupted, match="stopped as asked, before dynamodb:DescribeTable was sent"):
        _describe(clients)
    with pytest.raises(errors.Interrupted, match="before sqs:ListQueues was sent"):
        clients.sqs.list_queues()
    assert aws.calls == ["dynamodb:DescribeTable"]
    assert told == ["dynamodb:DescribeTable 500", "dynamodb:DescribeTable Interrupted", "sqs:ListQueues Interrupted"]


def test_once_asked_to_stop_github_is_sent_nothing_more_not_even_a_retry(
    github: GitHubServer, slept: list[float]
) -> None:
    """Its own pauses between retries are the longest."""
    github.failure = FAILURE
    hooks = evolve(HOOKS, stopped=lambda: bool(github.calls))
    stopping = GitHub(desired(github_api_url=github.url), Secret(canaries.PAT), hooks)
    with pytest.raises(errors.Interrupted, match=r"registration-token again was sent"):
        stopping.create_registration_token()
    with pytest.raises(errors.Interrupted, match=r"downloads was sent"):
        stopping.runner_downloads()
    assert len(github.calls) == 1
    assert slept == []
