"""A proxy that records every call and delays it, in a process of its own.

python -m tools.bench.proxy PORT ...

prints a line with a port for each of these. Each line of JSON on stdin is then answered by one on stdout.
{"latency": seconds, "upstreams": [ports]} starts a new record. {} returns it, as [name, generation] for each call.

Without a latency (null) it looks for calls that depend on each other: an answer is held until the client can do nothing
but wait for one, and the calls that follow are of the next generation. The load of the machine makes no difference.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

from attrs import evolve

from tools.bench.messages import LIMIT, Message, read

_SERVICES = {
    "DynamoDB_20120810": "dynamodb",
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "GraniteServiceVersion20100801": "cloudwatch",
}
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


_LOOK = 0.01
"""Seconds between two looks at the client."""


def process(port: int) -> str:
    """Return the id of the process that has a local TCP connection from this port."""
    connections = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()]
    sockets = [f"socket:[{each[9]}]" for each in connections if each[1].endswith(f":{port:04X}")]
    for each in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(each.readlink()) in sockets:
                return each.parts[2]
    raise LookupError(f"no process that may be looked at has a connection from port {port}; it may need root")


def at_rest(pid: str) -> str:
    """Return how long each thread of a process has run, if all of them sleep; otherwise ""."""
    found = []
    with suppress(OSError):
        for thread in Path("/proc", pid, "task").iterdir():
            state = (thread / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
            if state != "S":
                return ""
            found.append((thread / "schedstat").read_text(encoding="ascii"))
    return "".join(found)


class Proxy:
    """Passes calls on, each after the latency."""

    def __init__(self, upstreams: list[int]) -> None:
        self.upstreams = upstreams
        self.latency: float | None = 0.0
        self.calls: list[tuple[str, int]] = []
        self._generation = 1
        self._client = ""
        self._asking = 0
        """How many calls the emulators have not answered yet."""
        self._held: list[tuple[int, str, asyncio.Future[None]]] = []
        """Answers by generation and name."""
        self._idle: dict[int, list[Connection]] = {}

    async def serve(self, place: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection."""
        try:
            while True:
                request = await read(reader)
                called = (name(request), self._generation)
                self.calls.append(called)
                if self.latency is None:
                    self._client = self._client or process(writer.get_extra_info("peername")[1])
                    answer = await self._asked_in_turn(self.upstreams[place], request, called)
                else:
                    await asyncio.sleep(self.latency)
                    answer = await self._asked(self.upstreams[place], request)
                writer.write(answer.written())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _asked_in_turn(self, port: int, request: Message, called: tuple[str, int]) -> Message:
        self._asking += 1
        try:
            answer = await self._asked(port, request)
        finally:
            self._asking -= 1
        turn = asyncio.get_running_loop().create_future()
        self._held.append((called[1], called[0], turn))
        await turn
        return answer

    async def release(self) -> None:
        """Send one answer whenever the client has come to rest, in a fixed order; never ends."""
        before = ""
        while True:
            await asyncio.sleep(_LOOK)
            waits = self._held and not self._asking
            now = at_rest(self._client) if waits else ""
            if now and now == before:
                first = max(self._held, key=lambda each: (-each[0], each[1]))
                self._held.remove(first)
                self._generation = first[0] + 1
                first[2].set_result(None)
                now = ""
            before = now

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

    def handle(self, line: str) -> object:
        """Do as a line says."""
        order = json.loads(line)
        if not order:
            return self.calls
        self.latency, self.upstreams, self.calls = order["latency"], order["upstreams"], []
        for *_, turn in self._held:
            turn.cancel()  # its client has been ended
        self._generation, self._client, self._held = 1, "", []
        return []


async def main(arguments: list[str]) -> None:
    """Serve until stdin ends."""
    proxy = Proxy([int(port) for port in arguments])
    ports = []
    for place in range(len(arguments)):
        server = await asyncio.start_server(partial(proxy.serve, place), "127.0.0.1", 0, limit=LIMIT)
        ports.append(server.sockets[0].getsockname()[1])
    releasing = asyncio.create_task(proxy.release())
    print(json.dumps(ports), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(proxy.handle(line)), flush=True)
    releasing.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
