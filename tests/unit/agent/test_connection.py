"""The connection to a server of AWS: kept open, opened again, limited in time, verified, through a proxy."""

from __future__ import annotations

import itertools
import select
import socket
import socketserver
import ssl
import threading
from base64 import b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from refresh.agent import aws
from refresh.agent.aws import Connection, Unanswered
from tests.fakes.serving import Serving
from tests.security.wire import certificate
from tests.unit.agent.scripted_server import HangUp, Request, ScriptedServer, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Script = Callable[[Request], Iterable[bytes]]

_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*_PROXY_VARIABLES, "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    aws._tls.cache_clear()
    yield
    aws._tls.cache_clear()


@pytest.fixture
def certified(tmp_path: Path) -> Path:
    """Give a certificate for 127.0.0.1, which no authority has signed."""
    return certificate(tmp_path / "certificate.pem")


@pytest.fixture
def tls(certified: Path) -> ssl.SSLContext:
    """Give what a server with that certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified)
    return context


@pytest.fixture
def trusted(certified: Path, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Give the same, and trust the certificate."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certified))
    return tls


@contextmanager
def _connected(script: Script, host: str = "127.0.0.1", **options: Any) -> Iterator[tuple[ScriptedServer, Connection]]:
    with ScriptedServer(script, **options) as server:
        connection = Connection(f"{'https' if options.get('tls') else 'http'}://{host}:{server.port}")
        yield server, connection
        connection.close()


def _ask(connection: Connection, body: bytes = b"") -> bytes:
    return connection.ask("POST", "/", {"host": connection.host}, body)[2]


def _echo(request: Request) -> Iterator[bytes]:
    yield answer(body=request.body)


def _hang_up_after(answered: int) -> Script:
    """Answer so many requests; close the connection on every later one."""
    received = itertools.count(1)

    def script(_: Request) -> Iterator[bytes]:
        if next(received) > answered:
            raise HangUp
        yield answer()

    return script


def test_an_answer_has_status_headers_and_body() -> None:
    with _connected(lambda _: [answer(418, b"tea", Date="today")]) as (server, connection):
        status, headers, body = connection.ask("PUT", "/a", {"X-One": "1"}, b"water")
    assert (status, headers["date"], body) == (418, "today", b"tea")
    [request] = server.requests
    assert (request.method, request.path, request.headers["x-one"], request.body) == ("PUT", "/a", "1", b"water")


def test_many_requests_share_one_connection() -> None:
    with _connected(_echo) as (server, connection):
        for number in range(200):
            assert _ask(connection, b"%d" % number) == b"%d" % number
    assert server.accepted == 1


def test_threads_share_one_connection_and_each_gets_its_own_answer() -> None:
    got: dict[bytes, bytes] = {}
    with _connected(_echo) as (server, connection):

        def ask(name: int) -> None:
            for number in range(25):
                body = b"%d-%d" % (name, number)
                got[body] = _ask(connection, body)

        threads = [threading.Thread(target=ask, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(got) == 200
    assert all(body == echoed for body, echoed in got.items())
    assert server.accepted == 1


@pytest.mark.parametrize("ending", ["idle", "asked", "reset"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_the_server_closed_is_opened_again(scheme: str, ending: str, trusted: ssl.SSLContext) -> None:
    """Closed after an answer, or when the next request arrives, with or without a reset."""

    def script(request: Request) -> Iterator[bytes]:
        if request.number == 1:
            yield answer()
        if ending == "idle" or request.number > 1:
            raise HangUp

    tls = trusted if scheme == "https" else None
    with _connected(script, tls=tls, resets=ending == "reset") as (server, connection):
        assert [_ask(connection) for _ in range(3)] == [b"{}"] * 3
    assert server.accepted == 3


def test_a_connection_whose_end_the_server_announced_is_opened_again() -> None:
    with _connected(lambda _: [answer(Connection="close")]) as (server, connection):
        assert [_ask(connection) for _ in range(3)] == [b"{}"] * 3
    assert (server.accepted, len(server.requests)) == (3, 3)


def test_it_is_opened_again_only_once() -> None:
    with _connected(_hang_up_after(1)) as (server, connection):
        _ask(connection)
        with pytest.raises(Unanswered, match="RemoteDisconnected"):
            _ask(connection)
    assert (server.accepted, len(server.requests)) == (2, 3)


def test_a_new_connection_that_the_server_closes_is_no_answer() -> None:
    with _connected(_hang_up_after(0)) as (server, connection), pytest.raises(Unanswered, match=connection.host):
        _ask(connection)
    assert (server.accepted, len(server.requests)) == (1, 1)


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
def test_garbage_and_half_an_answer_are_none(garbage: bytes) -> None:
    def script(_: Request) -> Iterator[bytes]:
        yield garbage
        raise HangUp

    with _connected(script) as (_, connection), pytest.raises(Unanswered, match=r"BadStatusLine|IncompleteRead"):
        _ask(connection)


def test_a_silent_server_is_given_up_and_the_request_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next request takes a new connection, or it would get the late answer to this one."""

    def script(request: Request) -> Iterator[bytes]:
        if request.body == b"late":
            server.ended.wait()
        yield answer(body=request.body)

    with _connected(script) as (server, connection):
        _ask(connection, b"early")
        monkeypatch.setattr(aws, "_READ_SECONDS", 0.05)
        with pytest.raises(Unanswered, match="timed out"):
            _ask(connection, b"late")
        monkeypatch.undo()
        assert _ask(connection, b"next") == b"next"
    assert [request.body for request in server.requests] == [b"early", b"late", b"next"]
    assert server.accepted == 2


@pytest.mark.parametrize("beginning", ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"])
def test_an_answer_that_drips_is_given_up(beginning: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read is fast enough; only the limit of the whole ends it."""
    monkeypatch.setattr(aws, "_TOTAL_SECONDS", 0.2)

    def script(_: Request) -> Iterator[bytes]:
        yield beginning.encode()
        while not server.ended.wait(0.01):
            yield b"x"

    with (
        _connected(script) as (server, connection),
        pytest.raises(Unanswered, match="TimeoutError"),
    ):
        _ask(connection)


def test_connecting_reading_and_the_whole_are_limited() -> None:
    """What AWS's own tools wait is a minute each."""
    assert (aws._CONNECT_SECONDS, aws._READ_SECONDS, aws._TOTAL_SECONDS) == (3, 5, 10)


def _resolved_to(addresses: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        hosts = addresses if host == "name.test" else [host]
        return [found for each in hosts for found in real(each, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_if_one_address_refuses_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolved_to(["127.0.0.2", "127.0.0.1"], monkeypatch)
    with _connected(_echo, "name.test") as (_, connection):
        assert _ask(connection, b"body") == b"body"


@pytest.mark.parametrize(
    ("addresses", "error"),
    [(["127.0.0.2", "127.0.0.3"], "ConnectionRefusedError"), ([], "no address")],
)
def test_if_no_address_accepts_there_is_no_answer(
    addresses: list[str], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolved_to(addresses, monkeypatch)
    with _connected(_echo, "name.test") as (server, connection):
        with pytest.raises(Unanswered, match=error):
            _ask(connection)
        assert server.accepted == 0


def test_an_unknown_name_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unanswered, match=r"^name\.test: gaierror: .*not known"):
        _ask(Connection("http://name.test"))


def test_addresses_are_tried_three_seconds_each_and_none_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may have a dozen addresses."""
    tried: list[float] = []

    def hang(_: object, seconds: float) -> None:
        tried.append(seconds)
        if len(tried) == 3:
            connection._deadline = 0
        raise TimeoutError

    _resolved_to(["127.0.0.2"] * 12, monkeypatch)
    monkeypatch.setattr(socket, "create_connection", hang)
    connection = Connection("http://name.test")
    with pytest.raises(Unanswered, match="no complete answer within 10 s"):
        _ask(connection)
    assert tried == [3, 3, 3]


def test_an_unverified_server_gets_no_request(tls: ssl.SSLContext) -> None:
    with _connected(_echo, tls=tls) as (server, connection):
        with pytest.raises(Unanswered, match="CERTIFICATE_VERIFY_FAILED"):
            _ask(connection)
        assert server.requests == []


def test_a_server_of_another_name_gets_no_request(trusted: ssl.SSLContext) -> None:
    with _connected(_echo, "localhost", tls=trusted) as (server, connection):
        with pytest.raises(Unanswered, match="Hostname mismatch"):
            _ask(connection)
        assert server.requests == []


def test_authorities_can_be_given_as_to_aws_own_tools(trusted: ssl.SSLContext) -> None:
    with _connected(_echo, tls=trusted) as (_, connection):
        assert _ask(connection, b"body") == b"body"


def test_authorities_that_are_missing_are_no_answer_until_they_are_there(
    certified: Path, trusted: ssl.SSLContext
) -> None:
    away = certified.rename(certified.with_suffix(".away"))
    with _connected(_echo, tls=trusted) as (_, connection):
        with pytest.raises(Unanswered, match="FileNotFoundError"):
            _ask(connection)
        away.rename(certified)
        assert _ask(connection, b"body") == b"body"


class Proxy(Serving):
    """Connects to where it is asked for, or refuses; `heard` has what it received of each client."""

    def __init__(self, beginning: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.heard: list[str] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                lines = list(iter(lambda: self.rfile.readline().decode().strip(), ""))
                outer.heard.append("\n".join(lines))
                self.wfile.write(beginning)
                host, _, port = lines[0].split()[1].rpartition(":")
                with socket.create_connection((host, int(port))) as target:
                    _relay(self.request, target)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        super().__init__(server)


def _relay(one: socket.socket, other: socket.socket) -> None:
    while True:
        readable, _, _ = select.select([one, other], [], [])
        for source in readable:
            try:
                received = source.recv(65_536)
                (other if source is one else one).sendall(received)
            except OSError:
                return
            if not received:
                return


@contextmanager
def _behind(proxy: Proxy, form: str, trusted: ssl.SSLContext) -> Iterator[tuple[ScriptedServer, Connection]]:
    with pytest.MonkeyPatch.context() as environment, proxy:
        environment.setenv("HTTPS_PROXY", form.format(proxy.port))
        with _connected(_hang_up_when_told(), tls=trusted) as connected:
            yield connected


def _hang_up_when_told() -> Script:
    def script(request: Request) -> Iterator[bytes]:
        yield answer(body=request.body)
        if request.body == b"last":
            raise HangUp

    return script


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "http://127.0.0.1:{}/", "127.0.0.1:{}"])
def test_requests_go_through_the_proxy_over_one_tunnel(form: str, trusted: ssl.SSLContext) -> None:
    proxy = Proxy()
    with _behind(proxy, form, trusted) as (server, connection):
        for _ in range(5):
            assert _ask(connection, b"body") == b"body"
        [heard] = proxy.heard
    assert heard.startswith(f"CONNECT {connection.host} HTTP/1.")
    assert "authorization" not in heard.lower()
    assert server.requests[0].headers["host"] == connection.host


def test_after_the_server_closed_the_connection_the_tunnel_is_opened_again(trusted: ssl.SSLContext) -> None:
    proxy = Proxy()
    with _behind(proxy, "http://127.0.0.1:{}", trusted) as (_, connection):
        assert [_ask(connection, b"last") for _ in range(2)] == [b"last"] * 2
    assert len(proxy.heard) == 2


def test_the_proxy_gets_its_user_and_password(trusted: ssl.SSLContext) -> None:
    proxy = Proxy()
    with _behind(proxy, "http://user:p%40ss@127.0.0.1:{}", trusted) as (server, connection):
        _ask(connection)
    assert f"Proxy-Authorization: Basic {b64encode(b'user:p@ss').decode()}" in proxy.heard[0]
    assert "proxy-authorization" not in server.requests[0].headers


def test_a_proxy_without_a_port_has_that_of_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test")
    line = Connection("https://dynamodb.eu-west-1.amazonaws.com")._new_line()
    assert (line.host, line.port) == ("proxy.test", 80)


def test_a_proxy_that_refuses_is_no_answer(trusted: ssl.SSLContext) -> None:
    proxy = Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    with _behind(proxy, "http://127.0.0.1:{}", trusted) as (server, connection):
        with pytest.raises(Unanswered, match="407"):
            _ask(connection)
        assert server.requests == []


def test_a_proxy_that_drips_is_given_up(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "_TOTAL_SECONDS", 0.2)

    def script(_: Request) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX: "
        while not dripping.ended.wait(0.01):
            yield b"x"

    with ScriptedServer(script) as dripping:
        monkeypatch.setenv("HTTPS_PROXY", dripping.url)
        with _connected(_echo, tls=tls) as (_, connection), pytest.raises(Unanswered, match="TimeoutError"):
            _ask(connection)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_no_proxy_and_plain_http_go_directly(
    scheme: str, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain HTTP is the metadata service or an emulator."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.2:9")
    if scheme == "https":
        monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
    with _connected(_echo, tls=trusted if scheme == "https" else None) as (_, connection):
        assert _ask(connection, b"body") == b"body"


def test_a_proxy_variable_that_is_empty_in_lower_case_switches_the_proxy_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """So does curl."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.2:9")
    monkeypatch.setenv("https_proxy", "")
    assert aws._proxy_of("dynamodb.eu-west-1.amazonaws.com") is None
