"""A proxy that writes down every call and lets it wait, in a process of its own.

python -m tools.bench.proxy PORT ...    one port for each of these, which are printed in one line. Then a line of JSON
on stdin is answered by one on stdout: {"latency": seconds, "upstreams": [ports]} forgets what was written down, and {}
gives it, as [name, began, ended].
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from functools import partial
from urllib.parse import parse_qs

from attrs import evolve

from tools.bench.messages import LIMIT, Message, read

_SERVICES = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}
_SCOPE = re.compile(r"Credential=[^/]*/[0-9]*/[^/]*/([a-z0-9]+)/")

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def name(request: Message) -> str:
    """Name a call as IAM does, `service:Operation`; GitHub's by method and path, `{}` for whose and which."""
    if target := request.header("x-amz-target"):
        prefix, _, operation = target.partition(".")
        return f"{_SERVICES.get(prefix, prefix)}:{operation}"
    if action := parse_qs(request.body.decode("latin-1")).get("Action"):
        scope = _SCOPE.search(request.header("authorization"))
        return f"{scope[1] if scope else 'sts'}:{action[0]}"
    method, path, _ = request.start.split(" ")
    path = re.sub(r"^/repos/[^/]+/[^/]+", "/repos/{}/{}", path.partition("?")[0])
    path = re.sub(r"^/orgs/[^/]+", "/orgs/{}", path)
    return f"github:{method} {re.sub('/[0-9]+(?=/|$)', '/{}', path)}"


class Proxy:
    """Passes calls on, each after the latency."""

    def __init__(self, upstreams: list[int]) -> None:
        self.upstreams = upstreams
        self.latency = 0.0
        self.calls: list[tuple[str, float, float]] = []
        self._idle: dict[int, list[Connection]] = {}

    async def serve(self, place: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection."""
        try:
            while True:
                request = await read(reader)
                began = time.monotonic()
                await asyncio.sleep(self.latency)
                answer = await self._asked(self.upstreams[place], request)
                self.calls.append((name(request), began, time.monotonic()))
                writer.write(answer.written())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _asked(self, port: int, request: Message) -> Message:
        idle = self._idle.setdefault(port, [])
        if idle:
            connection = idle.pop()
            try:
                return await self._exchanged(port, connection, request)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass  # it was closed meanwhile
        return await self._exchanged(port, await asyncio.open_connection("127.0.0.1", port, limit=LIMIT), request)

    async def _exchanged(self, port: int, connection: Connection, request: Message) -> Message:
        reader, writer = connection
        writer.write(request.written())
        answer = await read(reader)
        closing = answer.start.startswith("HTTP/1.0") or answer.header("connection").lower() == "close"
        if closing or reader.at_eof():
            writer.close()
        else:
            self._idle[port].append(connection)
        return evolve(answer, start=answer.start.replace("HTTP/1.0", "HTTP/1.1"))

    def told(self, line: str) -> object:
        """Do as a line says."""
        order = json.loads(line)
        if not order:
            return self.calls
        self.latency, self.upstreams, self.calls = order["latency"], order["upstreams"], []
        return []


async def main(arguments: list[str]) -> None:
    """Serve until stdin ends."""
    proxy = Proxy([int(port) for port in arguments])
    ports = []
    for place in range(len(arguments)):
        server = await asyncio.start_server(partial(proxy.serve, place), "127.0.0.1", 0, limit=LIMIT)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(proxy.told(line)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
