"""moto as a server on a free port, with its defects fixed and every call recorded.

moto's conditional writes are not atomic (measured: 16 racing updates, several winners), so one lock holds around its
handler. Calls are counted by service and operation, which is exact where seconds are noisy.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

# One image is enough, and moto reads thousands at import otherwise.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

from attrs import frozen
from moto.backends import get_backend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fakes import canaries, fleet_server, moto_fixes, operations, outgoing
from tests.fakes.role_sessions import Sessions
from tests.fakes.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.fakes.iam_enforcement import Enforcement

_CREDENTIALS = re.compile(rb"<(?:SecretAccessKey|SessionToken)>([^<]*)<")
_NAMES = {"monitoring": "cloudwatch"}
"""What IAM calls services that sign with another name."""
_DENIED = re.compile(rb"<Code>AccessDenied</Code><Message>([^<]*)</Message>")


@frozen
class Arrival:
    """A call as it arrived."""

    operation: str
    body: bytes
    at: float
    """When, on the clock of `time.monotonic`."""
    signer: str
    """The access key with which it was signed; empty where it was not."""
    ours: bool
    """Whether the test itself made it."""


class AwsServer(Serving):
    """An AWS endpoint for tests and the demo; `calls` lists `service:Operation` in the order of arrival."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.calls: list[str] = []
        self.bodies: list[bytes] = []
        self.arrivals: list[Arrival] = []
        self.signers: set[str] = set()
        """The access keys with which calls were signed."""
        self.before_call: Callable[[str], tuple[int, bytes] | None] = lambda _: None
        """Asked with the operation before moto sees it; a (status, body) is answered instead."""
        self.instead_of: Callable[[Arrival], tuple[int, bytes] | None] = lambda _: None
        """The same for the whole call; it may wait, as a server does that does not answer."""
        self.after_call: Callable[[str], None] = lambda _: None
        """Called with the operation after its effect and before its answer, which a ConnectionError loses."""
        self.enforcement: Enforcement | None = None
        """IAM for some of the callers."""
        self.market = fleet_server.MARKET
        """What the launches of fleets meet."""
        self.sessions = Sessions()
        """Those of the role of instances."""
        self._lock = threading.RLock()
        moto_fixes.apply()
        self._moto = DomainDispatcherApplication(create_backend_app)
        server = make_server(host, port, self._answer, threaded=True, request_handler=_Silent)
        server.sessions = self.sessions  # type: ignore[attr-defined] # for the header Date
        super().__init__(server)

    def __enter__(self) -> Self:
        self.forget_everything()
        return super().__enter__()

    @property
    def writes(self) -> list[str]:
        """The calls that change something."""
        return [call for call in self.calls if not operations.reads(call)]

    def counted(self) -> Counter[str]:
        """Count the calls by name."""
        return Counter(self.calls)

    def forget_calls(self) -> None:
        """Start counting anew."""
        self.calls.clear()
        self.bodies.clear()
        self.arrivals.clear()
        self.signers.clear()

    def forget_everything(self) -> None:
        """Empty the account."""
        for service in ("ec2", "dynamodb", "sqs", "sts", "iam", "ssm", "cloudwatch"):
            for account in get_backend(service).values():
                for region in account.values():
                    region.reset()
        fleet_server.forget()
        self.forget_calls()

    def messages(self, queue: str) -> list[tuple[Any, int]]:
        """Give the messages in a queue, each parsed and with its delay in seconds; none is received by that."""
        found: list[Any] = []
        for account in get_backend("sqs").values():
            for region in account.values():
                # Its public list leaves out those that are hidden.
                found += region.queues[queue]._messages if queue in region.queues else []
        return [(json.loads(message.body), message.asked_delay) for message in found]

    def forget_messages(self) -> None:
        """Empty every queue: moto takes longer for a message the more there are, and purges once a minute."""
        for account in get_backend("sqs").values():
            for region in account.values():
                for queue in region.queues.values():
                    queue._messages.clear()

    def items(self, table: str, partition: str) -> list[dict[str, Any]]:
        """Give the items of a partition, by no call; none if there is no such table."""
        with self._lock:
            key = DynamoType({"S": partition})
            found = [item for each in _tables(table) for item in each.items.get(key, {}).values()]
            return [item.to_json()["Attributes"] for item in found]

    def put(self, table: str, items: Iterable[dict[str, Any]]) -> None:
        """Write items by no call."""
        with self._lock:
            for each in _tables(table):
                for item in items:
                    each.put_item(item)

    def furnish(self) -> None:
        """Put into the account what a pool's owner has there before."""
        from tests.fakes import surroundings  # noqa: PLC0415 - it knows a pool's inputs, as which this module is loaded

        surroundings.furnish()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            body = gzip.decompress(body)
        operation = _operation(environ, body)
        counts = operations.counts(environ)
        if counts:
            operations.record(operation)
        outgoing.aws_request(operation, _headers(environ), body)
        signed = re.search(r"Credential=([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        signer, at = signed[1] if signed else "", time.monotonic()
        arrival = Arrival(operation, body, at, signer, ours=not counts)
        with self._lock:
            self.calls.append(operation)
            self.bodies.append(body)
            self.arrivals.append(arrival)
            if signed:
                self.signers.add(signer)
        if (instead := self._instead_of(arrival, environ)) is not None:
            status, content = instead
            start_response(f"{status} Injected", [("Content-Type", "application/x-amz-json-1.0")])
            return [content]
        began: list[tuple[Any, ...]] = []
        with self._lock:
            answer = list(self._moto(environ, lambda *given: began.append(given)))
        if operation.startswith("sts:AssumeRole"):
            for secret in _CREDENTIALS.findall(b"".join(answer)):
                canaries.plant("role's credentials", secret.decode())
        self.after_call(operation)
        if "HTTP_X_AMZ_TARGET" in environ and (denied := _DENIED.search(b"".join(answer))):
            # moto refuses JSON requests in XML.
            answer = [json.dumps({"__type": "#AccessDeniedException", "Message": denied[1].decode()}).encode()]
            began = [("400 Bad Request", [("Content-Type", "application/x-amz-json-1.0")])]
        start_response(*began[-1])
        return answer

    def _instead_of(self, arrival: Arrival, environ: dict[str, Any]) -> tuple[int, bytes] | None:
        if (instead := self.before_call(arrival.operation)) is not None:
            return instead
        if (instead := self.instead_of(arrival)) is not None:
            return instead
        if (instead := self.sessions.answer(arrival.operation, arrival.signer, _headers(environ))) is not None:
            return instead
        return self.enforcement.answer(arrival) if self.enforcement else None


def _tables(name: str) -> list[Any]:
    """Give the table of this name in all accounts and regions."""
    regions = [region for account in get_backend("dynamodb").values() for region in account.values()]
    return [region.tables[name] for region in regions if name in region.tables]


class _Silent(WSGIRequestHandler):
    # Keeps connections open, as AWS does; without it every call pays a new one.
    protocol_version = "HTTP/1.1"

    def send_header(self, keyword: str, value: str) -> None:
        """Send AWS's time as the date."""
        sessions: Sessions = self.server.sessions  # type: ignore[attr-defined] # given above
        super().send_header(keyword, self.date_time_string(sessions.now()) if keyword.lower() == "date" else value)

    def log(self, *_: object, **__: object) -> None:
        """Say nothing: the calls are counted."""

    def connection_dropped(self, *_: object) -> None:
        """Close the connection, or the client would wait for the answer that is lost."""
        self.close_connection = True


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    """Give the request's first line and headers by their names."""
    named = {
        name.removeprefix("HTTP_").replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"
    }
    return {"path": environ.get("PATH_INFO", ""), "query": environ.get("QUERY_STRING", ""), **named}


def _operation(environ: dict[str, Any], body: bytes) -> str:
    """Name the call as IAM does: the service is in the signature's scope, but for an unsigned call of STS."""
    scope = re.search(r"Credential=[^/]+/[0-9]+/[^/]+/([a-z0-9-]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    service = _NAMES.get(scope[1], scope[1]) if scope else "sts"
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return f"{service}:{target.partition('.')[2]}"
    action = parse_qs(body.decode("utf-8", "replace")).get("Action", ["unknown"])[0]
    return f"{service}:{action}"
