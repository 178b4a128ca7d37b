"""Certificates and proxies: reported as what they are, at once, with the file or the variable to correct."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from refresh import errors, inputs
from refresh.clients import ca_files, connect, connection_errors
from refresh.clients.github import GitHub
from refresh.credentials import Secret
from tests.fakes import canaries, operations
from tests.fakes.desired import TABLE, desired
from tests.fakes.literals import good
from tests.fakes.world import CREDENTIALS, HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ABSENT = "/usr/local/share/ca-certificates/corp-ca.crt"


class _Server:
    """Counts connections; speaks TLS by a certificate of its own, or answers CONNECT as a proxy does."""

    def __init__(self, certificate: Path | None = None, tunnel: int = 200) -> None:
        counted = self
        self.connections = 0

        class Handler(BaseHTTPRequestHandler):
            def setup(self) -> None:
                counted.connections += 1
                super().setup()

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"[]")

            def do_CONNECT(self) -> None:
                self.send_error(tunnel)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """Say nothing of handshakes that fail."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a self-signed certificate for localhost with its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture(autouse=True)
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*connection_errors.FILES, "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")


@pytest.fixture
def server(authority: Path) -> Iterator[_Server]:
    """Serve with a certificate that nobody trusts."""
    started = _Server(authority)
    yield started
    started.close()


def _github(url: str) -> GitHub:
    return GitHub(desired(github_api_url=url), Secret(canaries.PAT), HOOKS)


def _connect(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Any:
    for name, value in {**CREDENTIALS, **environ}.items():
        monkeypatch.setenv(name, value)
    loaded = inputs.load(good())
    return connect(loaded.desired, loaded.secrets, HOOKS)


def _told(call: Any) -> str:
    with pytest.raises(errors.Unreachable) as caught:
        call()
    told = str(caught.value)
    assert "the next run continues" not in told
    assert canaries.PAT not in told
    return told


OWN = (
    "If a private authority issued it, such as that of a TLS-inspecting proxy: set {} in the step's env to a PEM file "
    "of its certificates, by the path inside the container, such as /github/workspace/ca.pem (docs/access.md)."
)


def test_a_github_server_of_a_private_authority_is_reported_at_once(
    server: _Server, slept: list[float], monkeypatch: pytest.MonkeyPatch, authority: Path
) -> None:
    """By its host and the certificate; with the authority in the file it answers."""
    told = _told(_github(server.url).runner_downloads)
    assert f"the certificate of localhost:{server.port} cannot be verified: self-signed certificate." in told
    assert OWN.format("REQUESTS_CA_BUNDLE") in told
    assert (server.connections, slept) == (1, [])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    assert _github(server.url).runner_downloads() == []


def test_a_file_that_lacks_the_authority_is_named(
    server: _Server, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """For GitHub and for AWS, whose SDK reads both variables."""
    import certifi  # noqa: PLC0415 - the public authorities

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    assert (
        f"Add the authority that issued it to {certifi.where()}, which REQUESTS_CA_BUNDLE names, or set REQ"
        in _told(_github(server.url).runner_downloads)
    )
    clients = _connect(monkeypatch, AWS_ENDPOINT_URL=server.url)
    told = _told(lambda: clients.dynamodb.describe_table(TableName=TABLE))
    assert f"to {certifi.where()}, which REQUESTS_CA_BUNDLE names, or set AWS_CA_BUNDLE to another PEM file" in told
    assert slept == []


def test_aws_behind_a_proxy_that_opens_tls_is_reported_at_once(
    server: _Server, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """For every service, once."""
    clients = _connect(monkeypatch, AWS_ENDPOINT_URL=server.url)
    for call in (
        lambda: clients.dynamodb.describe_table(TableName=TABLE),
        clients.ec2.describe_subnets,
        lambda: operations.mark(clients.sqs).list_queues(),
    ):
        assert OWN.format("AWS_CA_BUNDLE") in _told(call)
    assert (server.connections, slept) == (3, [])


def test_credentials_behind_a_private_authority_are_no_matter_of_a_role(
    server: _Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """GitHub's token for the job, and what AWS's standard chain fetches by itself."""
    url = f"{server.url}/id-token?api-version=2.0"
    role = {
        "INPUT_ROLE-TO-ASSUME": "arn:aws:iam::123456789012:role/refresh",
        "ACTIONS_ID_TOKEN_REQUEST_URL": url,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST,
    }
    loaded = inputs.load(good(**role))
    with pytest.raises(errors.InputErrors, match=r"role-to-assume: Unreachable: GitHub GET id-token: .*REQUESTS_CA"):
        connect(loaded.desired, loaded.secrets, HOOKS)
    assert server.connections == 1
    (tmp_path / "token").write_text("a.b.c")
    identity = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ROLE_ARN": role["INPUT_ROLE-TO-ASSUME"]}
    keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(errors.InputErrors, match=r"AWS credentials: Unreachable: .*set AWS_CA_BUNDLE") as caught:
        _connect(monkeypatch, AWS_ENDPOINT_URL=server.url, **identity, **keys)
    assert "role-to-assume" not in str(caught.value)


@pytest.mark.shows("F33")
@pytest.mark.parametrize("service", [pytest.param(each, id=f"F33-{each}") for each in ("GitHub", "AWS")])
def test_a_proxy_that_refuses_is_reported_at_once(
    service: str, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """Its status says why; its password stays out of the message."""
    proxy = _Server(tunnel=407)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{canaries.REQUEST}@127.0.0.1:{proxy.port}")
    if service == "GitHub":
        told = _told(_github("https://api.github.example").runner_downloads)
    else:
        clients = _connect(monkeypatch, AWS_ENDPOINT_URL="https://dynamodb.example")
        told = _told(lambda: clients.dynamodb.describe_table(TableName=TABLE))
    assert "the proxy of HTTPS_PROXY makes no connection to " in told
    assert '"407 Proxy Authentication Required". Correct HTTPS_PROXY (407: its user and password)' in told
    assert canaries.REQUEST not in told
    assert (proxy.connections, slept) == (1, [])
    proxy.close()


def test_a_server_that_speaks_no_tls_is_reported(slept: list[float]) -> None:
    """As an http proxy that is named with https."""
    plain = _Server()
    told = _told(_github(plain.url).runner_downloads)
    assert f"no TLS connection to localhost:{plain.port} can be made. Check its address" in told
    assert (plain.connections, slept) == (1, [])
    plain.close()


@pytest.mark.parametrize("reason", ["SSLV3_ALERT_BAD_RECORD_MAC", "TLSV1_ALERT_INTERNAL_ERROR"])
def test_a_tls_connection_that_breaks_may_be_made_again(reason: str) -> None:
    """A damaged record, or a load balancer with a problem of its own, says nothing of the next try."""
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    assert connection_errors.lasting("ec2:DescribeInstances", error, "https://ec2.example", ()) is None


def _refused(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("no")
    error.verify_code, error.verify_message = code, "said by OpenSSL"
    return error


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (10, "Have the certificate renewed, or set this machine's clock."),
        (9, "Set this machine's clock."),
        (62, "Compare the address with the names in the certificate"),
        (64, "Compare the address with the names in the certificate"),
        (19, "by the path inside the container"),
    ],
)
def test_an_error_of_a_certificate_says_what_is_wrong_with_it(code: int, remedy: str) -> None:
    """Another authority helps only where that is missing."""
    error = connection_errors.lasting("x:Y", OSError(_refused(code)), "", connection_errors.AWS_FILES)
    assert error is not None
    assert "the certificate of the server cannot be verified: said by OpenSSL." in str(error)
    assert remedy in str(error)
    assert error.kind == f"Unreachable: {error.code}: {error.message}"


@pytest.mark.parametrize("error", [ssl.SSLEOFError(8, "EOF"), ConnectionResetError(), TimeoutError()])
def test_what_may_pass_is_left_to_the_retries(error: Exception) -> None:
    """A handshake that was cut is no certificate."""
    looped = OSError(error)
    error.__cause__ = looped
    assert connection_errors.lasting("x:Y", looped, "https://example.com", connection_errors.AWS_FILES) is None


def test_a_file_of_certificates_that_cannot_be_used_is_bad_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, authority: Path
) -> None:
    """Before any call, by the variable that names it."""
    text = tmp_path / "ca.txt"
    text.write_text("no certificate")
    wrong = {
        ABSENT: f"there is no file {ABSENT} here. The action's container sees the workspace and none of the host's",
        str(text): f"{text} holds no certificates in PEM",
        str(tmp_path): f"{tmp_path} is a directory; name one PEM file",
        "\0": "cannot be read",
    }
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        for path, problem in wrong.items():
            (told,) = ca_files.problems({name: path})
            assert told.startswith(f"{name}: ")
            assert problem in told
    both = {"AWS_CA_BUNDLE": str(authority), "REQUESTS_CA_BUNDLE": str(tmp_path), "CURL_CA_BUNDLE": ABSENT}
    assert list(ca_files.problems(both)) == []
    assert list(ca_files.problems({"CURL_CA_BUNDLE": str(tmp_path)})) == []
    with pytest.raises(errors.InputErrors, match="AWS_CA_BUNDLE: there is no file"):
        _connect(monkeypatch, AWS_CA_BUNDLE=ABSENT)


@pytest.mark.parametrize("code", ["EndpointConnectionError", "ConnectTimeoutError", "ConnectionError", "ProxyError"])
def test_a_connection_that_fails_is_no_matter_of_waiting(code: str) -> None:
    """A closed port or a wrong name stays what it is in the next run."""
    assert "the proxy (HTTPS_PROXY)" in connection_errors.remedy(type(code, (Exception,), {})())
    assert not connection_errors.remedy(TimeoutError())
