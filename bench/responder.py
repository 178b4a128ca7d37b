"""Plays EC2 and DynamoDB for thousands of instances, much faster than the emulators.

python -m bench.responder --instances 5000 --expired --port 4600 --environ FILE

FILE gets the environment, as JSON, in which refresh finds this pool: it was brought to its desired state on emulators
that live as long as this does. Then the port is printed. Without --expired all instances live on; `POST /reset` begins
anew with what was asked for. After 20 minutes the stored registration token is due: start another one then.

moto answers about 200 requests a second and takes 43 s to describe 5,000 instances, which would be all that is
measured. What concerns instances is answered here, from memory; every other read is asked of the emulators once and
answered from memory afterwards. Whatever else is asked is refused, and told on standard error: it must not look as if
it had been done. With --emulators (the ports of AWS's and of the table's) the pool is one that is settled there, each
line on stdin begins anew, and the end of stdin ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from attrs import evolve

from bench.messages import LIMIT, Message, read
from bench.played import Pool, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

_READS = ("Describe", "Get", "List", "BatchGet")
_PLAYED = (b"TYPE#INSTANCE", b"TYPE#HEARTBEAT", b"TYPE#WS")


class Responder:
    """Answers by the pool what concerns instances, and other reads as the emulators did the first time."""

    def __init__(self, number: int, *, expired: bool) -> None:
        self._number = number
        self._expired = expired
        self.begin()
        self._answers: dict[tuple[str, bytes], bytes] = {}
        self._emulators: tuple[int, int] = (0, 0)
        self.settling = False
        """Whether all is passed on, since the pool is being made."""

    def begin(self) -> None:
        """Have all instances there again."""
        self._pool = Pool(self._number, expired=self._expired)

    def reach(self, aws: int, table: int) -> None:
        """Ask emulators at these ports from now on."""
        self._emulators = aws, table

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                request = await read(reader)
                writer.write(await self._answered(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answered(self, request: Message) -> bytes:
        if request.start.startswith("POST /reset "):
            self.begin()
            return _answer("{}")
        if self.settling:
            return await self._passed_on(request)
        try:
            return self._own(request) or await self._theirs(request)
        except (Unknown, LookupError, ValueError, OSError, EOFError) as problem:
            said = f"bench.responder does not answer {_operation(request)}: {problem!r}"
            print(said, file=sys.stderr, flush=True)
            refusal = json.dumps({"__type": "ValidationException", "message": said})
            return _answer(refusal, status="400 Bad Request")

    def _own(self, request: Message) -> bytes | None:
        match _operation(request):
            case "Query":
                return _answer(self._pool.query(json.loads(request.body)))
            case "TransactWriteItems":
                return _answer(self._pool.transact(json.loads(request.body)))
            case "DescribeInstances":
                return _answer(self._pool.describe(_form(request)), "text/xml")
            case "TerminateInstances":
                return _answer(self._pool.terminate(_form(request)), "text/xml")
            case _:
                return None

    async def _theirs(self, request: Message) -> bytes:
        if not _operation(request).startswith(_READS):
            raise Unknown("it is no read, and none of what ends instances")
        if any(each in request.body for each in _PLAYED):
            raise Unknown("items of instances, which the emulators do not have")
        key = (request.header("x-amz-target"), request.body)
        if key not in self._answers:
            self._answers[key] = await self._passed_on(request)
        return self._answers[key]

    async def _passed_on(self, request: Message) -> bytes:
        of_table = request.header("x-amz-target").startswith("DynamoDB")
        reader, writer = await asyncio.open_connection("127.0.0.1", self._emulators[of_table], limit=LIMIT)
        writer.write(request.written())
        found = await read(reader)
        writer.close()
        # A date of then would be taken for a clock that goes wrong.
        return evolve(found.without("date"), start=found.start.replace("HTTP/1.0", "HTTP/1.1")).written()


def _form(request: Message) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))


def _operation(request: Message) -> str:
    """Name what is asked for, without its service."""
    return request.header("x-amz-target").partition(".")[2] or _form(request).get("Action", request.start)


def _answer(content: str, kind: str = "application/x-amz-json-1.0", status: str = "200 OK") -> bytes:
    return Message(f"HTTP/1.1 {status}", (("Content-Type", kind),), content.encode()).written()


def _settled(responder: Responder, port: int, opened: ExitStack) -> dict[str, str]:
    """Make the pool through this very port, since refresh trusts a queue's URL only there; gives its environment."""
    from bench.stage import settled  # noqa: PLC0415 - it loads the emulators, which take a second

    responder.settling = True
    environ = settled(port, opened, responder.reach)
    responder.settling = False
    return environ


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.responder")
    parser.add_argument("--port", type=int, default=0, help="where to listen [a free port]")
    parser.add_argument("--instances", type=int, default=0)
    parser.add_argument("--expired", action="store_true", help="all of them are due [none is]")
    parser.add_argument("--emulators", type=int, nargs=2, help="ports of AWS's and of the table's [its own]")
    parser.add_argument("--environ", type=Path, help="file for the environment, where it has its own emulators")
    return parser.parse_args(given)


async def main(arguments: Sequence[str]) -> None:
    """Serve until it is ended; prints the port when all is ready."""
    asked = _arguments(arguments)
    responder = Responder(asked.instances, expired=asked.expired)
    server = await asyncio.start_server(responder.serve, "127.0.0.1", asked.port, limit=LIMIT)
    port = server.sockets[0].getsockname()[1]
    with ExitStack() as opened:
        if asked.emulators:
            responder.reach(*asked.emulators)
        else:
            environ = await asyncio.to_thread(_settled, responder, port, opened)
            if asked.environ:
                asked.environ.write_text(json.dumps(environ), encoding="utf-8")
        print(port, flush=True)
        if not asked.emulators:
            await server.serve_forever()
        # The benchmark speaks on stdin, and where it is gone this ends as well.
        while await asyncio.to_thread(sys.stdin.readline):
            responder.begin()
            print("there", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
