"""AWS and GitHub as they are played for the benchmark, each behind the proxy."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from refresh.pool import records
from tests.fakes import dynamodb_local
from tests.fakes.agents import Agents, OnEndpoint, OnServer
from tests.fakes.aws_server import AwsServer
from tests.fakes.github_server import GitHubServer, job
from tests.fakes.provisioning import ProvisionWorld
from tests.fakes.releasing import RUN
from tests.fakes.world import ROOT, own_clients

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tools.bench.figures import Call

_AT_ONCE = 8
_PER_WRITE = 25


class _Behind:
    """A server that is reached through the proxy and is itself in all else."""

    def __init__(self, server: object, port: int) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{port}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


class Stage:
    """A pool, its emulators, the proxy before them, and the responder that takes their place for thousands."""

    def __init__(self) -> None:
        self._exit = ExitStack()
        self._responder: subprocess.Popen[str] | None = None
        self._responder_port = 0
        self._played = (0, "")
        self._agents: Agents | None = None

    def __enter__(self) -> Self:
        with self._exit:  # what was begun ends where the rest cannot begin
            self._begin()
            self._exit = self._exit.pop_all()
        return self

    def _begin(self) -> None:
        aws, github = self._exit.enter_context(AwsServer()), self._exit.enter_context(GitHubServer())
        self._emulators = [aws.port, aws.port, github.port]
        self._aws = aws
        self.lacking = dynamodb_local.lacking()
        if not self.lacking:
            dynamodb_local.fetch()
            table = self._exit.enter_context(dynamodb_local.DynamoDBLocal())
            self._emulators[1] = int(table.url.rpartition(":")[2])
        self._proxy = self._started("tools.bench.proxy", *map(str, self._emulators))
        ports = json.loads(self._line(self._proxy))
        seen_aws: Any = _Behind(aws, ports[0])
        seen_github: Any = _Behind(github, ports[2])
        self.world = ProvisionWorld(seen_aws, seen_github, dynamodb_url=f"http://127.0.0.1:{ports[1]}")

    def __exit__(self, *_: object) -> None:
        self._rest()
        self._end(self._responder)
        self._end(self._proxy)
        self._exit.close()

    @property
    def backend(self) -> str:
        """Say what answers."""
        if self._responder:
            return "responder"
        return "moto" if self.lacking else "moto, table on DynamoDB Local"

    def settle(self, *, anew: bool = False) -> None:
        """Bring the pool to its desired state on the emulators; `anew` in an account that was emptied before."""
        if anew:
            self.empty()
        self._on_emulators()
        self.world.settle()

    def empty(self) -> None:
        """Give an account in which nothing is but what the pool's owner has there before."""
        self._on_emulators()
        self.world.delete_table()
        self.world.aws.forget_everything()
        self.world.furnish()

    def fill(self, number: int) -> None:
        """Launch instances that have expired, and record them."""
        clients = self.world.clients()
        for identifier in self.world.launch(clients, number):
            self.world.record(clients, identifier)

    def launch(self, number: int) -> list[str]:
        """Launch instances for one run."""
        return self.world.launch(self.world.clients(), number, InitialRunId=RUN) if number else []

    def lend(self, identifiers: Sequence[str], *, known: bool) -> None:
        """Record these instances as running for that run; if it is `known`, with the RUN item of `provision`."""
        self._on_emulators()
        clients = self.world.clients()
        self.world.employ(clients, identifiers)
        self.world.aws.forget_messages()
        if known:
            self.world.put_run(clients)
        self.world.github.jobs[RUN] = [job(1, "test", RUN, status="completed")]

    def offer(self, identifiers: Sequence[str]) -> None:
        """Have these instances ready for the run, each with an agent that registers it as soon as it is claimed."""
        self._on_emulators()
        clients = self.world.clients()
        self.world.await_a_run(clients, identifiers)
        clients.dynamodb.delete_item(TableName=self.world.table, Key=records.key(records.RUN, RUN))
        # Past the proxy: what agents call is none of the measured calls.
        table = f"http://127.0.0.1:{self._emulators[1]}"
        behind = OnEndpoint(own_clients(self._aws.url, table).dynamodb, self.world.table)
        table_of_agents = OnServer(self._aws, self.world.table) if self.lacking else behind
        self._agents = Agents(table_of_agents, self.world.role_id())
        self._agents.__enter__()

    def remember(self, number: int) -> None:
        """Write the history of so many instances."""
        clients = self.world.clients()
        with ThreadPoolExecutor(_AT_ONCE) as executor:
            for _ in executor.map(partial(self.world.write, clients), _batches(number, datetime.now(UTC))):
                pass

    def play(self, number: int, kind: str) -> None:
        """Have the responder answer for so many instances, `living` or `expired`; it is kept from run to run."""
        played = (number, kind)
        if self._responder and self._played == played:
            print("again", file=self._responder.stdin, flush=True)
            self._line(self._responder)
            return
        self.settle()
        self._played = played
        due = ["--expired"] if kind == "expired" else []
        emulators = map(str, self._emulators[:2])
        arguments = (f"--instances={number}", *due, "--emulators", *emulators)
        self._responder = self._started("tools.bench.responder", *arguments)
        self._responder_port = int(self._line(self._responder))

    def expect(self, latency: float | None) -> None:
        """Count the calls anew, each delayed by so many seconds; None answers them in generations."""
        upstreams = list(self._emulators)
        if self._responder:
            upstreams[:2] = [self._responder_port] * 2
        self._order({"latency": latency, "upstreams": upstreams})

    def calls(self) -> tuple[Call, ...]:
        """Give what was called since."""
        return tuple((name, generation) for name, generation in self._order({}))

    def _rest(self) -> None:
        if self._agents:
            self._agents.__exit__()
        self._agents = None

    def _on_emulators(self) -> None:
        self._rest()
        self._end(self._responder)
        self._responder = None
        self._order({"latency": 0, "upstreams": self._emulators})

    def _started(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", module, *arguments]
        pipe = subprocess.PIPE
        # In a session of its own: Ctrl-C is for the benchmark, which ends it.
        return subprocess.Popen(  # noqa: S603 - our own modules
            command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True
        )

    def _order(self, order: Mapping[str, object]) -> Any:
        print(json.dumps(order), file=self._proxy.stdin, flush=True)
        return json.loads(self._line(self._proxy))

    def _line(self, child: subprocess.Popen[str]) -> str:
        return child.stdout.readline() if child.stdout else ""

    def _end(self, child: subprocess.Popen[str] | None) -> None:
        if child:
            child.kill()
            child.communicate()


def _batches(number: int, now: datetime) -> Iterator[list[records.Item]]:
    for start in range(0, number, _PER_WRITE):
        ended = (
            records.InstanceRecord(id=f"i-{each:017x}", state="terminated", run_id="", threshold=records.wire_time(now))
            for each in range(start, min(start + _PER_WRITE, number))
        )
        yield [records.history_item(each, now - timedelta(days=1)) for each in ended]
