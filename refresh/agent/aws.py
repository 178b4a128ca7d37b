"""The agent's calls to AWS, over connections that stay open."""

from __future__ import annotations

import functools
import http.client
import io
import json
import os
import re
import socket
import ssl
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from refresh.agent.sigv4 import signed

if TYPE_CHECKING:
    from refresh.agent.clock import Clock
    from refresh.agent.credentials import Credentials

_CONNECT_SECONDS = 3
_READ_SECONDS = 5
_TOTAL_SECONDS = 10

_REFUSED_KEYS = re.compile("ExpiredToken|UnrecognizedClient|InvalidClientTokenId|AuthFailure|RequestExpired")
"""New keys may cure these codes. EC2 says RequestExpired of the clock as well."""
_REFUSED_TIME = re.compile("InvalidSignature|SignatureDoesNotMatch|RequestTimeTooSkewed")
"""A corrected clock may cure these."""
_BUSY = re.compile("Throttl|LimitExceeded$|ThroughputExceeded")
_XML_CODE = re.compile(rb"<Code>\s*([\w.]+)\s*</Code>")
_XML_USER_ID = re.compile(rb"<UserId>\s*([\w:.@=,+-]+)\s*</UserId>")


class Unanswered(Exception):
    """There was no answer, or one that says nothing about the request: a server's own error, or throttling."""


class Refused(Exception):
    """AWS does not do what was asked; repeating it is useless until something else changes."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


class _TimedReads(io.RawIOBase):
    """A socket whose reads each take `_READ_SECONDS` at most, and less near the limit of the exchange."""

    def __init__(self, connection: Connection, sock: socket.socket) -> None:
        self._connection = connection
        self._sock = sock
        self._raw = sock.makefile("rb", 0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(_READ_SECONDS, self._connection.left()))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


@functools.lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))


class Connection:
    """A connection to one server, which stays open and which threads share. Looking up a name has the system's limits.

    `url` has scheme, host and perhaps port. HTTPS verifies the server, and takes the proxy of HTTPS_PROXY if there is
    one that NO_PROXY does not exclude; the proxy itself is spoken to over HTTP.
    """

    def __init__(self, url: str) -> None:
        self._url = urllib.parse.urlsplit(url)
        self.host = self._url.netloc
        """What the Host header says."""
        self._line: http.client.HTTPConnection | None = None
        self._deadline = 0.0
        self._lock = threading.Lock()

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return status, headers and body of the answer; repeat the request if the server has closed the connection.

        Raises Unanswered.
        """
        with self._lock:
            self._deadline = time.monotonic() + _TOTAL_SECONDS
            while True:
                kept = self._line is not None and self._line.sock is not None
                try:
                    return self._exchange(method, path, headers, body)
                except (OSError, http.client.HTTPException) as error:
                    self.close()
                    if not kept or not isinstance(error, (ConnectionError, ssl.SSLError)):
                        raise Unanswered(f"{self.host}: {type(error).__name__}: {error}") from None

    def close(self) -> None:
        """Close the connection; the next request opens it again."""
        if self._line:
            self._line.close()

    def left(self) -> float:
        """Return the seconds until the limit of the exchange.

        Raises TimeoutError after it.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no complete answer within {_TOTAL_SECONDS} s")
        return left

    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        if self._line is None:
            self._line = self._new_line()
        self._line.request(method, path, body, headers)
        answer = self._line.getresponse()
        return answer.status, answer.headers, answer.read()

    def _new_line(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "http":
            line = http.client.HTTPConnection(host, port)
        elif proxy := _proxy_of(host):
            line = http.client.HTTPSConnection(proxy.hostname or "", proxy.port or 80, context=_tls())
            line.set_tunnel(host, port or 443, _authorization(proxy))
        else:
            line = http.client.HTTPSConnection(host, port, context=_tls())
        line._create_connection = self._dial  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to limit it
        line.response_class = self._answer  # type: ignore[assignment]
        return line

    def _dial(self, address: tuple[str, int], *_: object) -> socket.socket:
        """Try the addresses of a server, `_CONNECT_SECONDS` each and until the limit of the exchange."""
        failure = OSError("no address")
        for *_rest, target in socket.getaddrinfo(*address, type=socket.SOCK_STREAM):
            try:
                return socket.create_connection((str(target[0]), address[1]), min(_CONNECT_SECONDS, self.left()))
            except OSError as error:
                failure = error
        raise failure

    def _answer(self, sock: socket.socket, *arguments: Any, **options: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_TimedReads(self, sock), *arguments, **options)  # type: ignore[arg-type]


def _proxy_of(host: str) -> urllib.parse.SplitResult | None:
    if not (os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")):
        return None
    import urllib.request  # noqa: PLC0415 - large, and rarely needed

    proxy = urllib.request.getproxies().get("https", "")
    if not proxy or urllib.request.proxy_bypass(host):
        return None
    return urllib.parse.urlsplit(proxy if "//" in proxy else f"http://{proxy}")


def _authorization(proxy: urllib.parse.SplitResult) -> dict[str, str]:
    import base64  # noqa: PLC0415 - rarely needed

    user = urllib.parse.unquote(f"{proxy.username or ''}:{proxy.password or ''}")
    return {"Proxy-Authorization": "Basic " + base64.b64encode(user.encode()).decode()} if proxy.username else {}


class Aws:
    """The calls that the agent makes. Each raises Unanswered or Refused."""

    def __init__(self, region: str, domain: str, credentials: Credentials, clock: Clock) -> None:
        self._region = region
        self._credentials = credentials
        self._clock = clock
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        self._connections = {
            service: Connection(endpoint or f"https://{service}.{region}.{domain}")
            for service in ("dynamodb", "sts", "ec2")
        }

    def dynamodb(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """Call an operation of https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/ with its JSON."""
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"DynamoDB_20120810.{operation}"}
        answer = self._call("dynamodb", operation, headers, json.dumps(body).encode())
        try:
            return dict(json.loads(answer))
        except (ValueError, TypeError):
            raise Unanswered(f"dynamodb {operation}: the answer is not JSON") from None

    def user_id(self) -> str:
        """Return what IAM calls `aws:userid`: the id of the role, `:` and the id of the instance."""
        found = _XML_USER_ID.search(self._query("sts", "GetCallerIdentity", "Version=2011-06-15"))
        if not found:
            raise Unanswered("sts GetCallerIdentity: the answer has no UserId")
        return found.group(1).decode()

    def terminate(self, instance_id: str) -> None:
        """Have EC2 terminate an instance."""
        self._query("ec2", "TerminateInstances", f"Version=2016-11-15&InstanceId.1={instance_id}")

    def _query(self, service: str, operation: str, parameters: str) -> bytes:
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self._call(service, operation, headers, f"Action={operation}&{parameters}".encode())

    def _call(self, service: str, operation: str, headers: dict[str, str], body: bytes) -> bytes:
        """Return the body of the answer. A refusal that new keys or the corrected clock may cure is repeated once."""
        status, code, request, answer = self._attempt(service, headers, body)
        refused_keys = _REFUSED_KEYS.match(code)
        if refused_keys:
            self._credentials.forget()
        if refused_keys or _REFUSED_TIME.match(code):
            status, code, request, answer = self._attempt(service, headers, body)
        if status == http.HTTPStatus.OK:
            return answer
        text = f"{service} {operation}: {code or f'HTTP {status}'} (request {request})"
        if not code or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR or _BUSY.search(code):
            raise Unanswered(text)
        raise Refused(text, code)

    def _attempt(self, service: str, headers: dict[str, str], body: bytes) -> tuple[int, str, str | None, bytes]:
        connection = self._connections[service]
        keys, now = self._credentials.current(), self._clock.now()
        sent = signed("POST", connection.host, "/", "", headers, body, keys, self._region, service, now)
        asked = self._clock.uptime()
        status, received, answer = connection.ask("POST", "/", sent, body)
        self._clock.correct(received["date"], asked, self._clock.uptime())
        request = received["x-amzn-requestid"] or received["x-amz-request-id"]
        return status, "" if status == http.HTTPStatus.OK else _code_of(answer), request, answer


def _code_of(answer: bytes) -> str:
    """Return AWS's code of an error, which is JSON or XML; "" if there is none: the answer is not AWS's."""
    in_xml = _XML_CODE.search(answer)
    if in_xml:
        return in_xml.group(1).decode()
    try:
        return str(json.loads(answer)["__type"]).rpartition("#")[2]
    except (ValueError, LookupError, TypeError):
        return ""
