"""Plays EC2 and DynamoDB for thousands of instances, much faster than the emulators.

python -m tools.bench.responder --instances 5000 --expired --emulators AWS TABLE

The port is printed. The pool is one that is settled on the emulators, whose ports are named; without --expired all
instances live on. Each line on stdin begins anew with what was asked for, and the end of stdin ends it.

moto answers about 200 requests a second and takes 43 s to describe 5,000 instances, which would be all that is
measured. What concerns instances is answered here, from memory; every other read is asked of the emulators once and
answered from memory afterwards. Whatever else is asked is refused, and told on standard error: it must not look as if
it had been done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from attrs import evolve

from tools.bench.messages import LIMIT, Message, read
from tools.bench.played import Pool, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

_READS = ("Describe", "Get", "List", "BatchGet")
_PLAYED = (b"TYPE#INSTANCE", b"TYPE#HEARTBEAT", b"TYPE#WS", b"TYPE#AGENT#")


class Responder:
    """Answers by the pool what concerns instances, and other reads as the emulators did the first time."""

    def __init__(self, number: int, *, expired: bool, emulators: tuple[int, int]) -> None:
        """`emulators` are the ports of AWS's and of the table's."""
        self._number = number
        self._expired = expired
        self._emulators = emulators
        self._answers: dict[tuple[str, bytes], bytes] = {}
        self.begin()

    def begin(self) -> None:
        """Have all instances there again."""
        self._pool = Pool(self._number, expired=self._expired)

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


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.responder")
    parser.add_argument("--instances", type=int, default=0)
    parser.add_argument("--expired", action="store_true", help="all of them are due [none is]")
    parser.add_argument("--emulators", type=int, nargs=2, required=True, help="ports of AWS's and of the table's")
    return parser.parse_args(given)


async def main(arguments: Sequence[str]) -> None:
    """Serve until stdin ends; prints the port when all is ready."""
    asked = _arguments(arguments)
    responder = Responder(asked.instances, expired=asked.expired, emulators=tuple(asked.emulators))
    server = await asyncio.start_server(responder.serve, "127.0.0.1", 0, limit=LIMIT)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        responder.begin()
        print("there", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
