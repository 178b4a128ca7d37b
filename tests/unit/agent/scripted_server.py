"""A server that answers as a test says, byte for byte, and counts the connections that it accepted."""

from __future__ import annotations

import contextlib
import itertools
import socket
import socketserver
import threading
from typing import TYPE_CHECKING

from attrs import field, frozen

from tests.fakes.serving import Serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable


class HangUp(Exception):
    """Raised by an answer: the server closes the connection without a word."""


@frozen
class Request:
    """What the server received."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    """By name in lower case."""
    body: bytes = b""
    number: int = 1
    """How many the connection has brought, with this one."""


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """Write an answer after which the connection stays open."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class ScriptedServer(Serving):
    """Sends what `script` yields for each request; `ended` is set when the test ends."""

    def __init__(
        self, script: Callable[[Request], Iterable[bytes]], tls: ssl.SSLContext | None = None, *, resets: bool = False
    ) -> None:
        self.script = script
        self.tls = tls
        self.resets = resets
        self.accepted = 0
        self.requests: list[Request] = []
        self.ended = threading.Event()
        server = _Server(("127.0.0.1", 0), _Handler)
        server.scripted = self
        super().__init__(server)

    def __exit__(self, *args: object) -> None:
        self.ended.set()
        super().__exit__(*args)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    scripted: ScriptedServer

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that ended the connection during the handshake."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def setup(self) -> None:
        self.scripted = self.server.scripted
        self.scripted.accepted += 1
        if self.scripted.tls:
            self.request = self.scripted.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        with contextlib.suppress(HangUp, OSError):
            for number in itertools.count(1):
                request = self._read(number)
                self.scripted.requests.append(request)
                for part in self.scripted.script(request):
                    self.wfile.write(part)

    def finish(self) -> None:
        super().finish()
        if self.scripted.resets:  # the operating system sends a reset instead of a proper end
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.request.close()  # the one in TLS is not the server's own

    def _read(self, number: int) -> Request:
        if not (first := self.rfile.readline()):
            raise HangUp
        method, path, _ = first.decode().split(" ")
        headers = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Request(method, path, headers, self.rfile.read(int(headers.get("content-length", 0))), number)
