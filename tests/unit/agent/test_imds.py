"""The metadata service, version 2, on a local server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.agent.aws import Unanswered
from refresh.agent.imds import Metadata
from tests.unit.agent.scripted_server import Request, ScriptedServer, answer

if TYPE_CHECKING:
    from collections.abc import Iterator


class Service(ScriptedServer):
    """The metadata service: it gives numbered session tokens and accepts the last one."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.values = {"instance-id": (200, "i-0123456789abcdef0")}
        self.token_status = 200
        self.accepts = True
        self.tokens = 0

    def _answer(self, request: Request) -> Iterator[bytes]:
        if (request.method, request.path) == ("PUT", "/latest/api/token"):
            self.tokens += 1
            assert request.headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"
            yield answer(self.token_status, f"token-{self.tokens}".encode())
        elif not self.accepts or request.headers.get("x-aws-ec2-metadata-token") != f"token-{self.tokens}":
            yield answer(401)
        else:
            status, text = self.values.get(request.path.removeprefix("/latest/meta-data/"), (404, "not found"))
            yield answer(status, text.encode())


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with Service() as served:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{served.url}/")
        yield served


@pytest.fixture
def metadata(service: Service) -> Iterator[Metadata]:
    assert service.port
    asking = Metadata()
    yield asking
    asking._connection.close()


def test_a_value_is_its_text(service: Service, metadata: Metadata) -> None:
    assert metadata.get("instance-id") == service.values["instance-id"][1]


def test_a_tag_that_does_not_exist_is_none(service: Service, metadata: Metadata) -> None:
    assert metadata.get("tags/instance/refresh-action:protect") is None
    assert service.requests[-1].path == "/latest/meta-data/tags/instance/refresh-action:protect"


def test_an_empty_value_is_no_missing_one(service: Service, metadata: Metadata) -> None:
    service.values["tags/instance/InitialRunId"] = 200, ""
    assert metadata.get("tags/instance/InitialRunId") == ""


def test_many_values_need_one_session_token_and_one_connection(service: Service, metadata: Metadata) -> None:
    for _ in range(20):
        metadata.get("instance-id")
    assert (service.tokens, service.accepted) == (1, 1)


def test_an_expired_session_token_is_renewed(service: Service, metadata: Metadata) -> None:
    metadata.get("instance-id")
    service.tokens += 1
    assert metadata.get("instance-id") == "i-0123456789abcdef0"


@pytest.mark.parametrize("status", [302, 400, 403, 429, 500, 503])
def test_any_other_status_is_no_answer(service: Service, metadata: Metadata, status: int) -> None:
    """Above all it does not say that a tag is missing."""
    service.values["instance-id"] = status, "?"
    with pytest.raises(Unanswered, match=f"^metadata instance-id: HTTP {status}$"):
        metadata.get("instance-id")


@pytest.mark.parametrize("status", [403, 404, 503])
def test_without_a_session_token_there_is_no_answer(service: Service, metadata: Metadata, status: int) -> None:
    """A service that is switched off answers 403."""
    service.token_status = status
    with pytest.raises(Unanswered, match=f"^metadata token: HTTP {status}$"):
        metadata.get("instance-id")


def test_a_service_that_accepts_no_session_token_is_asked_for_one_once(service: Service, metadata: Metadata) -> None:
    service.accepts = False
    with pytest.raises(Unanswered, match="HTTP 401"):
        metadata.get("instance-id")
    assert service.tokens == 1


def test_a_service_that_does_not_listen_is_no_answer(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.2:{service.port}")
    with pytest.raises(Unanswered, match="ConnectionRefusedError"):
        Metadata().get("instance-id")


def test_without_the_variable_it_asks_ec2s_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", raising=False)
    assert Metadata()._connection.host == "169.254.169.254"
