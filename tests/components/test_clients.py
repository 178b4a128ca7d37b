"""Calls to AWS: bounded retries, and every error one of ours with its remedy and without a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.utils import parse_timestamp

from refresh import errors
from refresh.clients.aws import CONCURRENCY, moment
from refresh.clients.botocore_events import ClockSkew
from tests.fakes import operations
from tests.fakes.desired import TABLE
from tests.fakes.literals import good
from tests.fakes.world import CREDENTIALS, HOOKS, connected

if TYPE_CHECKING:
    from refresh.ports import Clients
    from tests.fakes.aws_server import AwsServer
    from tests.fakes.world import World

THROTTLED = (400, b'{"__type": "ThrottlingException", "message": "Rate exceeded"}')


def _describe(clients: Clients) -> object:
    return clients.dynamodb.describe_table(TableName=TABLE)


@pytest.mark.parametrize(
    ("answer", "kind", "tries"),
    [
        (THROTTLED, errors.Throttled, 5),
        ((503, b"<html>down</html>"), errors.Unavailable, 5),
        ((400, b'{"__type": "AccessDeniedException", "message": "no."}'), errors.PermissionDenied, 1),
    ],
)
def test_a_call_is_tried_five_times_and_a_refusal_once(  # noqa: PLR0913, PLR0917 - a table
    aws: AwsServer,
    clients: Clients,
    slept: list[float],
    answer: tuple[int, bytes],
    kind: type[errors.ApiError],
    tries: int,
) -> None:
    aws.before_call = lambda _: answer
    with pytest.raises(kind) as caught:
        _describe(clients)
    assert caught.value.operation == "dynamodb:DescribeTable"
    assert len(aws.calls) == tries
    assert sum(slept) < 60


@pytest.mark.usefixtures("slept")
def test_every_attempt_is_traced_with_its_time_and_answer(aws: AwsServer) -> None:
    traced: list[tuple[str, int, str]] = []

    def called(operation: str, attempt: int, seconds: float, answer: str) -> None:
        assert seconds >= 0
        traced.append((operation, attempt, answer))

    def unreachable(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1")

    clients = connected({**good(), **CREDENTIALS, "AWS_ENDPOINT_URL": aws.url}, evolve(HOOKS, called=called))
    client: Any = operations.mark(clients.sqs)
    answers = [THROTTLED]
    aws.before_call = lambda _: answers.pop() if answers else None
    client.list_queues()
    assert traced == [("sqs:ListQueues", 1, "400"), ("sqs:ListQueues", 2, "200")]
    traced.clear()
    client.meta.events.register_first("before-send", unreachable)
    with pytest.raises(errors.Unavailable):
        client.list_queues()
    assert [each[2] for each in traced] == ["EndpointConnectionError"] * 5


@pytest.mark.usefixtures("slept")
def test_a_run_that_is_asked_to_stop_sends_aws_nothing_more(aws: AwsServer, world: World) -> None:
    """Not even a retry."""
    aws.before_call = lambda _: (500, b"{}")
    traced: list[str] = []
    hooks = evolve(HOOKS, stopped=lambda: bool(aws.calls), called=lambda *each: traced.append(f"{each[0]} {each[3]}"))
    clients = connected(world.environ(), hooks)
    with pytest.raises(errors.Interrupted, match="dynamodb:DescribeTable"):
        _describe(clients)
    with pytest.raises(errors.Interrupted, match="sqs:ListQueues"):
        clients.sqs.list_queues()
    assert aws.calls == ["dynamodb:DescribeTable"]
    assert traced == ["dynamodb:DescribeTable 500", "dynamodb:DescribeTable Interrupted", "sqs:ListQueues Interrupted"]


def test_refused_credentials_are_not_sent_again_by_any_client(aws: AwsServer, world: World) -> None:
    clients = connected(world.environ())
    aws.before_call = lambda _: (400, b'{"__type": "ExpiredTokenException", "message": "The token is expired."}')
    with pytest.raises(errors.CredentialsExpired, match=r"DescribeTable: ExpiredTokenException: The token is expired"):
        _describe(clients)
    for call in (clients.sqs.list_queues, clients.ec2.describe_subnets, clients.sqs.list_queues):
        with pytest.raises(errors.CredentialsExpired, match=r"not sent: .*dynamodb:DescribeTable"):
            call()
    assert aws.calls == ["dynamodb:DescribeTable"]


def test_a_refusal_of_an_optional_look_leaves_the_credentials_in_use(aws: AwsServer, world: World) -> None:
    """A proxy that breaks the signature for one host must not stop terminations; nor must a foreign image."""
    clients = connected(world.environ())
    broken = b"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>"
    aws.before_call = lambda call: (403, broken) if call.startswith("iam:") else None
    with pytest.raises(errors.CredentialsExpired):
        clients.on_demand.iam().get_instance_profile(InstanceProfileName="x")
    foreign = b"<Response><Errors><Error><Code>AuthFailure</Code><Message>Not authorized for images: [ami-1]</Message>"
    aws.before_call = lambda call: (401, foreign + b"</Error></Errors></Response>") if "Images" in call else None
    with pytest.raises(errors.Rejected):
        clients.ec2.describe_images(ImageIds=["ami-1"])
    operations.mark(clients.sqs).list_queues()
    assert aws.calls[-1] == "sqs:ListQueues"


def test_a_later_answer_to_another_call_does_not_undo_a_refusal(aws: AwsServer, world: World) -> None:
    """Many calls are under way at once."""
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
    with pytest.raises(errors.CredentialsExpired, match=r"not sent: .*sqs:ListQueues"):
        _describe(clients)


def test_credentials_that_vanish_during_a_run_have_expired(clients: Clients) -> None:
    event = "after-call-error.ec2.DescribeInstances"
    with pytest.raises(errors.CredentialsExpired):
        clients.ec2.meta.events.emit(event, exception=NoCredentialsError(), context={})


@pytest.mark.shows("F3")
@pytest.mark.parametrize("service", [pytest.param(name, id=f"F3-{name}") for name in ("dynamodb", "ec2", "sqs", "iam")])
def test_every_client_has_the_same_retries_and_time_outs(world: World, service: str) -> None:
    """But EC2 has longer to answer, and IAM fewer attempts, since a run can do without it."""
    clients = connected(world.environ())
    client: Any = clients.on_demand.iam() if service == "iam" else getattr(clients, service)
    config = client.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 3 if service == "iam" else 5}
    assert (config.connect_timeout, config.read_timeout) == (3, 30 if service == "ec2" else 10)
    assert config.max_pool_connections == CONCURRENCY


def test_aws_s_clock_is_known_from_the_first_answer(clients: Clients) -> None:
    ahead = ClockSkew(lambda: datetime.now(UTC) - timedelta(minutes=5))
    assert ahead() == timedelta()
    ahead.listen(clients.sqs)
    clients.sqs.list_queues()
    first = ahead()
    assert timedelta(minutes=4, seconds=55) < first < timedelta(minutes=5, seconds=5)
    clients.sqs.list_queues()
    assert ahead() == first


@pytest.mark.parametrize("date", ["", "soon", "Sat, 31 Jan 2026 09:05:00 -0000"])
def test_an_answer_without_a_readable_date_is_no_clock(date: str) -> None:
    """A proxy may have dropped it."""
    skew = ClockSkew(lambda: datetime.now(UTC))
    skew._answered(SimpleNamespace(headers={"date": date}))
    assert skew() == timedelta()


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T09:05:00.000Z",
        "2026-01-31T10:05:00+01:00",
        "Sat, 31 Jan 2026 09:05:00 GMT",
        "20260131",
        1769850300.25,
    ],
)
def test_a_time_is_read_as_botocore_reads_it(value: Any) -> None:
    assert moment(value) == parse_timestamp(value)
    assert moment(value).utcoffset() == parse_timestamp(value).utcoffset()


@pytest.mark.parametrize("text", ["", "T", "2026-13-31T09:05:00Z", "yesterday"])
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        moment(text)


def test_the_clients_read_times_with_the_faster_reader(refreshed: World, clients: Clients) -> None:
    """The standard library's own zone shows it."""
    refreshed.launch(clients)
    (reservation,) = clients.ec2.describe_instances()["Reservations"]
    assert reservation["Instances"][0]["LaunchTime"].tzinfo is UTC
