"""Certificates and proxies: reported as what they are, at once, with the file or the variable to correct."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors, inputs
from refresh.clients import ca_files, connect, connection_errors
from refresh.clients.github import GitHub
from refresh.credentials import Secret
from tests.fakes import canaries, operations
from tests.fakes.desired import TABLE, desired
from tests.fakes.literals import good
from tests.fakes.world import CREDENTIALS, HOOKS
from tests.security import wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ABSENT = "/usr/local/share/ca-certificates/corp-ca.crt"
ROLE = "arn:aws:iam::123456789012:role/refresh"


@pytest.fixture(autouse=True)
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*connection_errors.FILES, "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a self-signed certificate with its key."""
    return wire.certificate(tmp_path_factory.mktemp("authority") / "ca.pem")


@pytest.fixture
def server(authority: Path) -> Iterator[wire.Listener]:
    """Serve with that certificate."""
    with wire.Listener(wire.answer("200 OK", b"[]", Content_Type="application/json"), authority) as started:
        yield started


def _url(server: wire.Listener) -> str:
    return f"https://127.0.0.1:{server.port}"


def _github(url: str) -> GitHub:
    return GitHub(desired(github_api_url=url), Secret(canaries.PAT), HOOKS)


def _connect(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Any:
    for name, value in {**CREDENTIALS, **environ}.items():
        monkeypatch.setenv(name, value)
    loaded = inputs.load(good())
    return connect(loaded.desired, loaded.secrets, HOOKS)


def _unreachable(call: Any) -> str:
    with pytest.raises(errors.Unreachable) as caught:
        call()
    text = str(caught.value)
    assert "the next run continues" not in text
    assert canaries.PAT not in text
    return text


def test_a_github_server_of_a_private_authority_is_reported_without_a_retry(
    server: wire.Listener, slept: list[float], monkeypatch: pytest.MonkeyPatch, authority: Path
) -> None:
    """With the authority in the file it answers."""
    text = _unreachable(_github(_url(server)).runner_downloads)
    assert f"the certificate of 127.0.0.1:{server.port} " in text
    assert "self-signed certificate" in text
    assert "set REQUESTS_CA_BUNDLE " in text
    assert (server.connections, slept) == (1, [])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    assert _github(_url(server)).runner_downloads() == []


def test_aws_behind_a_proxy_that_opens_tls_is_reported_without_a_retry(
    server: wire.Listener, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    clients = _connect(monkeypatch, AWS_ENDPOINT_URL=_url(server))
    for call in (
        lambda: clients.dynamodb.describe_table(TableName=TABLE),
        clients.ec2.describe_subnets,
        lambda: operations.mark(clients.sqs).list_queues(),
    ):
        assert "set AWS_CA_BUNDLE " in _unreachable(call)
    assert (server.connections, slept) == (3, [])


@pytest.mark.parametrize("files", [connection_errors.GITHUB_FILES, connection_errors.AWS_FILES])
def test_a_file_that_lacks_the_authority_is_named_with_its_variable(
    files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS's SDK reads the variable of GitHub's client as well."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
    error = connection_errors.lasting("x:Y", _refused(19), "", files)
    assert error is not None
    assert f"/ca.pem, the file of REQUESTS_CA_BUNDLE, or set {files[0]} " in error.remedy


def test_a_private_authority_is_reported_where_credentials_are_fetched(
    server: wire.Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """GitHub's token for the job, and what AWS's standard chain fetches by itself."""
    role = {
        "INPUT_ROLE-TO-ASSUME": ROLE,
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{_url(server)}/id-token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST,
    }
    loaded = inputs.load(good(**role))
    with pytest.raises(errors.InputErrors, match=r"role-to-assume: Unreachable: GitHub GET id-token: .*REQUESTS_CA"):
        connect(loaded.desired, loaded.secrets, HOOKS)
    assert server.connections == 1
    (tmp_path / "token").write_text("a.b.c")
    identity = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": ROLE}
    none = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(errors.InputErrors, match=r"AWS credentials: Unreachable: .*set AWS_CA_BUNDLE") as caught:
        _connect(monkeypatch, AWS_ENDPOINT_URL=_url(server), **identity, **none)
    assert "role-to-assume" not in str(caught.value)


@pytest.mark.shows("F33")
@pytest.mark.parametrize("service", [pytest.param(each, id=f"F33-{each}") for each in ("GitHub", "AWS")])
def test_a_proxy_that_refuses_is_reported_without_a_retry(
    service: str, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """Its status says why; its password stays out of the message."""
    with wire.Listener(wire.answer("407 Proxy Authentication Required")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{canaries.REQUEST}@127.0.0.1:{proxy.port}")
        if service == "GitHub":
            text = _unreachable(_github("https://api.github.example").runner_downloads)
        else:
            clients = _connect(monkeypatch, AWS_ENDPOINT_URL="https://dynamodb.example")
            text = _unreachable(lambda: clients.dynamodb.describe_table(TableName=TABLE))
    assert [word for word in ("HTTPS_PROXY", '"407 Proxy Authentication Required"') if word not in text] == []
    assert canaries.REQUEST not in text
    assert (proxy.connections, slept) == (1, [])


def test_a_server_that_speaks_no_tls_is_reported_without_a_retry(slept: list[float]) -> None:
    """As an http proxy that is named with https."""
    with wire.Listener(wire.answer("200 OK")) as plain:
        text = _unreachable(_github(_url(plain)).runner_downloads)
    assert f"no TLS connection to 127.0.0.1:{plain.port} " in text
    assert (plain.connections, slept) == (1, [])


def _refused(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("no")
    error.verify_code, error.verify_message = code, "said by OpenSSL"
    return error


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(10, "Renew"), (9, "clock"), (62, "address"), (64, "address"), (19, "path inside the container")],
)
def test_a_bad_certificate_is_reported_with_a_remedy_of_its_own(code: int, remedy: str) -> None:
    error = connection_errors.lasting("x:Y", OSError(_refused(code)), "", connection_errors.AWS_FILES)
    assert error is not None
    assert "said by OpenSSL" in error.message
    assert remedy in error.remedy
    assert error.kind == f"Unreachable: {error.code}: {error.message}"


def test_an_endpoint_is_reported_without_its_password() -> None:
    url = "https://me:hunter2@aws.example/"
    error = connection_errors.lasting("x:Y", _refused(19), url, connection_errors.AWS_FILES)
    assert "of aws.example cannot" in str(error)
    assert "hunter2" not in str(error)


def _broken(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLEOFError(8, "EOF"),
        ConnectionResetError(),
        TimeoutError(),
        _broken("SSLV3_ALERT_BAD_RECORD_MAC"),
        _broken("TLSV1_ALERT_INTERNAL_ERROR"),
    ],
)
def test_an_error_that_may_pass_is_left_to_the_retries(error: Exception) -> None:
    """A cut handshake, a damaged record, a load balancer with a problem of its own."""
    looped = OSError(error)
    error.__cause__ = looped
    assert connection_errors.lasting("x:Y", looped, "https://example.com", connection_errors.AWS_FILES) is None


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize(("path", "word"), [(ABSENT, "workspace"), (__file__, "PEM"), ("/", "directory"), ("\0", "")])
def test_a_file_of_certificates_that_cannot_be_used_is_named(name: str, path: str, word: str) -> None:
    (problem,) = ca_files.problems({name: path})
    assert problem.startswith(f"{name}: ")
    assert word in problem


def test_a_file_of_certificates_is_checked_before_any_call_and_only_where_it_is_read(
    monkeypatch: pytest.MonkeyPatch, authority: Path
) -> None:
    """For GitHub a directory will do; CURL_CA_BUNDLE is read where REQUESTS_CA_BUNDLE is not set."""
    folder = str(authority.parent)
    read = {"AWS_CA_BUNDLE": str(authority), "REQUESTS_CA_BUNDLE": folder, "CURL_CA_BUNDLE": ABSENT}
    assert list(ca_files.problems(read)) == []
    assert list(ca_files.problems({"CURL_CA_BUNDLE": folder})) == []
    with pytest.raises(errors.InputErrors, match="AWS_CA_BUNDLE"):
        _connect(monkeypatch, AWS_CA_BUNDLE=ABSENT)


@pytest.mark.parametrize("name", ["EndpointConnectionError", "ConnectTimeoutError", "ConnectionError", "ProxyError"])
def test_a_connection_that_fails_has_a_remedy_other_than_waiting(name: str) -> None:
    """A closed port or a wrong name stays what it is in the next run."""
    assert "HTTPS_PROXY" in connection_errors.remedy(type(name, (Exception,), {})())
    assert not connection_errors.remedy(TimeoutError())
