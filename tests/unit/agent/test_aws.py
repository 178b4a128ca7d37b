"""The agent's calls to AWS: what they send, and what they make of the answers."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from refresh.agent.aws import Aws, Refused, Unanswered
from refresh.agent.clock import Clock, read_wire
from refresh.agent.credentials import Keys
from tests.fakes.canaries import AWS_SECRET_KEY, AWS_SESSION_TOKEN
from tests.unit.agent.scripted_server import Request, ScriptedServer, answer
from tests.unit.agent.stand_ins import INSTANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION = "eu-west-1"
DATE = "Sat, 31 Jan 2026 09:05:00 GMT"
MOMENT = read_wire("2026-01-31T09:05:00Z") or 0.0
USER_ID = f"AROAEXAMPLE:{INSTANCE}"
IDENTITY = f"<GetCallerIdentityResult>\n <Arn>arn:x</Arn>\n <UserId>{USER_ID}</UserId>\n</GetCallerIdentityResult>"
CLOCK_CODES = ["RequestExpired", "InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"]
KEY_CODES = [
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "ExpiredToken",
    "RequestExpired",
    "InvalidClientTokenId",
    "AuthFailure",
]


@define
class Role:
    """Credentials whose access key counts how often they were refused."""

    forgotten: int = 0

    def current(self) -> Keys:
        """Return the keys."""
        return Keys(f"AKIA{self.forgotten}", AWS_SECRET_KEY, AWS_SESSION_TOKEN, 0)

    def forget(self) -> None:
        """Count a refusal."""
        self.forgotten += 1


class Service(ScriptedServer):
    """AWS: `answers` come one after another, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.answers = [answer()]

    def _answer(self, _: Request) -> Iterator[bytes]:
        yield self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def received(self, name: str) -> list[str]:
        """Return a header of all requests."""
        return [request.headers[name] for request in self.requests]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with Service() as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        yield served


@pytest.fixture
def role() -> Role:
    return Role()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give a clock that is a day behind."""
    with monkeypatch.context() as machine:
        machine.setattr(time, "time", lambda: MOMENT - 86_400)
        return Clock()


@pytest.fixture
def aws(service: Service, role: Role, clock: Clock) -> Iterator[Aws]:
    assert service.port
    calling = Aws(REGION, "amazonaws.com", role, clock)  # type: ignore[arg-type]
    yield calling
    for connection in calling._connections.values():
        connection.close()


def _refused(code: str, status: int = 400, message: str = "") -> bytes:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return answer(status, json.dumps(body).encode(), Date=DATE, x_amzn_RequestId="REQUEST1")


def _refused_in_xml(code: str, status: int = 400) -> bytes:
    body = f"<Response><Errors><Error>\n<Code>{code}</Code><Message>no</Message></Error></Errors></Response>"
    return answer(status, body.encode(), Date=DATE, x_amz_request_id="REQUEST2")


def _get(aws: Aws) -> dict[str, Any]:
    return aws.dynamodb("GetItem", {"TableName": "t", "ConsistentRead": True})


CALLS: list[Any] = [
    pytest.param(_get, "dynamodb", _refused, id="dynamodb"),
    pytest.param(Aws.user_id, "sts", _refused_in_xml, id="sts"),
    pytest.param(lambda aws: aws.terminate(INSTANCE), "ec2", _refused_in_xml, id="ec2"),
]
each_call = pytest.mark.parametrize(("call", "name", "refused"), CALLS)


def test_an_operation_of_dynamodb_has_its_json_both_ways(aws: Aws, service: Service) -> None:
    service.answers = [answer(body=b'{"Item": {"runId": {"S": "7"}}}')]
    assert _get(aws) == {"Item": {"runId": {"S": "7"}}}
    [request] = service.requests
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["x-amz-target"] == "DynamoDB_20120810.GetItem"
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert json.loads(request.body) == {"TableName": "t", "ConsistentRead": True}


def test_the_user_id_is_that_of_sts(aws: Aws, service: Service) -> None:
    service.answers = [answer(body=IDENTITY.encode())]
    assert aws.user_id() == USER_ID
    assert service.requests[0].body == b"Action=GetCallerIdentity&Version=2011-06-15"


def test_ec2_terminates_the_instance(aws: Aws, service: Service) -> None:
    aws.terminate(INSTANCE)
    [request] = service.requests
    assert request.body.decode() == f"Action=TerminateInstances&Version=2016-11-15&InstanceId.1={INSTANCE}"
    assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")


@pytest.mark.parametrize(("call", "name"), [each.values[:2] for each in CALLS])
def test_what_arrives_is_what_was_signed(
    call: Callable[[Aws], Any], name: str, aws: Aws, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request that arrived, signed once more by botocore, has the same signature."""
    service.answers = [answer(body=b"{}" if name == "dynamodb" else IDENTITY.encode())]
    call(aws)
    [request] = service.requests
    sent = request.headers
    moment = dt.datetime.strptime(sent["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda: moment)
    monkeypatch.setattr(auth.logger, "disabled", True)  # it logs what it signs
    covered = sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    again = AWSRequest("POST", f"http://{sent['host']}/", {each: sent[each] for each in covered}, request.body)
    keys = Credentials("AKIA0", AWS_SECRET_KEY, AWS_SESSION_TOKEN)
    auth.SigV4Auth(keys, name, REGION).add_auth(again)
    assert again.headers["Authorization"] == sent["authorization"]


def test_many_calls_of_dynamodb_share_one_connection(aws: Aws, service: Service) -> None:
    for _ in range(100):
        _get(aws)
    assert (service.accepted, len(service.requests)) == (1, 100)


def test_a_refusal_has_aws_code_and_names_the_operation_and_the_request(aws: Aws, service: Service) -> None:
    service.answers = [_refused("ConditionalCheckFailedException")]
    with pytest.raises(Refused) as refused:
        _get(aws)
    assert refused.value.code == "ConditionalCheckFailedException"
    assert str(refused.value) == "dynamodb GetItem: ConditionalCheckFailedException (request REQUEST1)"
    assert len(service.requests) == 1


def test_refusals_in_xml_are_read_as_well(aws: Aws, service: Service) -> None:
    service.answers = [_refused_in_xml("UnauthorizedOperation", 403)]
    with pytest.raises(
        Refused, match=r"^ec2 TerminateInstances: UnauthorizedOperation \(request REQUEST2\)$"
    ) as refused:
        aws.terminate(INSTANCE)
    assert refused.value.code == "UnauthorizedOperation"


def test_a_code_without_a_namespace_is_read_as_well(aws: Aws, service: Service) -> None:
    service.answers = [answer(400, b'{"__type": "ValidationException"}')]
    with pytest.raises(Refused) as refused:
        _get(aws)
    assert refused.value.code == "ValidationException"


def test_a_refusal_never_shows_the_request(aws: Aws, service: Service) -> None:
    """AWS repeats the signed headers, and with them the session token, if a signature is wrong."""
    service.answers = [_refused("InvalidSignatureException", 400, f"should have been {AWS_SESSION_TOKEN}")]
    with pytest.raises(Refused) as refused:
        _get(aws)
    assert AWS_SESSION_TOKEN not in f"{refused.value} {refused.value!r} {vars(refused.value)}"


@pytest.mark.parametrize(
    "refusal",
    [
        _refused("ThrottlingException"),
        _refused("ProvisionedThroughputExceededException"),
        _refused("RequestLimitExceeded"),
        _refused("InternalServerError", 500),
        _refused("ServiceUnavailable", 503),
        _refused_in_xml("Throttling"),
        _refused_in_xml("Unavailable", 503),
        answer(502, b"<html>Bad Gateway</html>"),
        answer(403, b"<html>blocked by the proxy</html>"),
        answer(307, b"", Location="http://127.0.0.2/"),
        answer(400, b"[]"),
        answer(400, b'"text"'),
        answer(400, b"{}"),
        answer(400, b"\xff"),
    ],
)
def test_throttling_failures_and_what_is_not_from_aws_are_no_answer(aws: Aws, service: Service, refusal: bytes) -> None:
    """They say nothing about the request, so it can be repeated; the caller pauses."""
    service.answers = [refusal]
    with pytest.raises(Unanswered, match=r"^dynamodb GetItem: "):
        _get(aws)
    assert len(service.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"7", b"\xff"])
def test_an_answer_that_is_not_json_is_none(aws: Aws, service: Service, body: bytes) -> None:
    service.answers = [answer(body=body)]
    with pytest.raises(Unanswered, match="dynamodb GetItem: the answer is not JSON"):
        _get(aws)


def test_an_answer_without_a_user_id_is_none(aws: Aws, service: Service) -> None:
    service.answers = [answer(body=b"<html>")]
    with pytest.raises(Unanswered, match="no UserId"):
        aws.user_id()


@pytest.mark.parametrize("given", [answer(Date=DATE), _refused("AccessDeniedException"), answer(503, Date=DATE)])
def test_every_answer_corrects_the_clock(aws: Aws, service: Service, clock: Clock, given: bytes) -> None:
    service.answers = [given]
    asked = clock.uptime()
    try:
        _get(aws)
    except (Refused, Unanswered):
        assert given != answer(Date=DATE)
    assert clock.now() >= MOMENT - 1e-3
    assert clock.now() - clock.uptime() <= MOMENT + 1 - asked + 1e-3


@pytest.mark.parametrize("code", CLOCK_CODES)
@each_call
def test_a_request_refused_for_its_time_is_repeated_at_once_with_the_right_one(  # noqa: PLR0913, PLR0917 - fixtures
    call: Callable[[Aws], Any], name: str, refused: Callable[[str], bytes], code: str, aws: Aws, service: Service
) -> None:
    service.answers = [refused(code), answer(body=b"{}" if name == "dynamodb" else IDENTITY.encode())]
    call(aws)
    assert [each[:8] for each in service.received("x-amz-date")] == ["20260130", "20260131"]


@pytest.mark.parametrize("code", KEY_CODES)
@each_call
def test_a_request_refused_for_its_keys_is_repeated_at_once_with_others(  # noqa: PLR0913, PLR0917 - fixtures
    call: Callable[[Aws], Any], name: str, refused: Callable[[str], bytes], code: str, aws: Aws, service: Service
) -> None:
    service.answers = [refused(code), answer(body=b"{}" if name == "dynamodb" else IDENTITY.encode())]
    call(aws)
    used = [each.partition("Credential=")[2][:5] for each in service.received("authorization")]
    assert used == ["AKIA0", "AKIA1"]


@pytest.mark.parametrize("code", sorted({*KEY_CODES, *CLOCK_CODES}))
def test_it_is_repeated_only_once(aws: Aws, service: Service, code: str) -> None:
    service.answers = [_refused(code)]
    with pytest.raises(Refused) as refused:
        _get(aws)
    assert (refused.value.code, len(service.requests)) == (code, 2)


@pytest.mark.parametrize("code", ["AccessDeniedException", "InvalidSignatureException"])
def test_other_refusals_leave_the_keys(aws: Aws, service: Service, role: Role, code: str) -> None:
    service.answers = [_refused(code)]
    with pytest.raises(Refused):
        _get(aws)
    assert role.forgotten == 0


def test_a_server_that_does_not_answer_is_reported_without_the_request(aws: Aws, service: Service) -> None:
    service.answers = [b"garbage\r\n"]
    with pytest.raises(Unanswered) as unanswered:
        _get(aws)
    assert AWS_SESSION_TOKEN not in str(unanswered.value)


def test_endpoints_are_those_of_the_region_and_its_partition(
    role: Role, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    connections = Aws("cn-north-1", "amazonaws.com.cn", role, clock)._connections  # type: ignore[arg-type]
    assert {service: connection._url.geturl() for service, connection in connections.items()} == {
        service: f"https://{service}.cn-north-1.amazonaws.com.cn" for service in ("dynamodb", "sts", "ec2")
    }
