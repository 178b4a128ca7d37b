"""The stage: the stand-ins for AWS and GitHub, and the actions as child processes."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from attrs import define, field, frozen

from tools.demo import interrupts
from tools.demo.checks import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refresh.ports import Clients
    from tests.fakes.aws_server import Arrival
    from tests.fakes.provisioning import ProvisionWorld
    from tools.demo.screen import Screen

_PATIENCE_SECONDS = 60.0
"""How long a child process may take; it takes three seconds."""
_GRACE_SECONDS = 5.0
_WORKFLOW_COMMAND = re.compile(r"::[a-z-]+( [^:]*)?::")
"""GitHub's runner executes such lines and shows none of them; the masks among them are secrets."""


@frozen
class Ran:
    """A child process that has ended."""

    code: int
    seconds: float
    calls: int = 0
    writes: int = 0
    github_calls: int = 0

    @property
    def killed(self) -> bool:
        """Whether it was killed."""
        return self.code == -signal.SIGKILL

    @property
    def figures(self) -> str:
        """Say how it ended and what it called."""
        how = f"{'killed' if self.killed else f'exit code {self.code}'}, {self.seconds:.1f} s"
        aws = f"{self.calls} calls to AWS ({self.writes} of them writes)"
        return f"{how}, {aws}, {self.github_calls} to GitHub" if self.calls else how


@define
class Stage:
    """What the acts play on."""

    world: ProvisionWorld
    clients: Clients
    screen: Screen
    ended: list[str] = field(factory=list)
    """The instances that EC2 was made to end, one entry a request."""
    machine: str = ""
    """The machine of the first build."""
    expired: list[str] = field(factory=list)
    """The machines of the run that crashes."""
    _ran: list[Ran] = field(factory=list)
    _child: subprocess.Popen[str] | None = None

    def __attrs_post_init__(self) -> None:
        self.world.aws.instead_of = self._note

    def refresh(self, mode: str = "apply", *, code: int = 0, **inputs: str) -> None:
        """Run refresh."""
        shown = "".join(f" {name}={value}" for name, value in {"mode": mode, **inputs}.items())
        self._run(f"refresh{shown}", lambda: self.world.start(None, mode=mode, **inputs), code)

    def provision(self, run: str) -> None:
        """Run provision for a workflow run, while the agents of the machines work."""
        with self.agents():
            variables = {"GITHUB_RUN_ID": run}
            self._run(f"provision (workflow run {run})", lambda: self.world.start_provision(variables), 0)

    def release(self, run: str) -> None:
        """Run release for a workflow run; the agents leave it."""
        with self.agents():
            variables = {"GITHUB_RUN_ID": run}
            self._run(f"release (workflow run {run})", lambda: self.world.start_release(variables), 0)

    def job(self, run: str, machine: str) -> None:
        """Run the stand-in for the job."""
        line = f"hello from the job of run {run} on {machine} (a stand-in)"
        self._run(f"echo {line!r}", lambda: _piped(["echo", line]), 0)

    @contextmanager
    def agents(self) -> Iterator[None]:
        """Have agents on all machines, and let them write what they have to write."""
        with self.world.agents(self.clients) as agents:
            yield
            enough, until = agents.turns + 2, time.monotonic() + _PATIENCE_SECONDS
            while agents.turns < enough:
                require(time.monotonic() < until, "the simulated agents do nothing")
                time.sleep(0.01)

    @contextmanager
    def killed_before(self, operation: str) -> Iterator[None]:
        """Kill the child process when it makes a call, before the call has an effect."""

        def before(call: str) -> tuple[int, bytes] | None:
            if call != operation:
                return None
            if self._child is not None:
                self._child.kill()
                self._child.wait()
            return 500, b""

        self.world.aws.before_call = before
        try:
            yield
        finally:
            self.world.aws.before_call = lambda _: None

    def take(self) -> list[Ran]:
        """Give the child processes since the last time."""
        ran, self._ran = self._ran, []
        return ran

    def _run(self, command: str, start: Callable[[], subprocess.Popen[str]], expected: int) -> None:
        self.screen.command(command)
        self.world.forget_calls()
        began = time.monotonic()
        with self._started(start) as child:
            for line in child.stdout or ():
                if line.strip() and not _WORKFLOW_COMMAND.match(line):
                    self.screen.log(line.rstrip())
            code = child.wait()
        ran = Ran(code, time.monotonic() - began, *self._counted())
        self._ran.append(ran)
        self.screen.figures(ran.figures)
        require(code == expected, f"exit code {code}")

    @contextmanager
    def _started(self, start: Callable[[], subprocess.Popen[str]]) -> Iterator[subprocess.Popen[str]]:
        """Start a child process, and have it ended at the end of the block, whatever happens there."""
        try:
            with interrupts.put_off():
                self._child = start()
            watchdog = threading.Timer(_PATIENCE_SECONDS, self._child.kill)
            watchdog.daemon = True
            watchdog.start()
            yield self._child
            watchdog.cancel()
        finally:
            if self._child is not None:
                _end(self._child)

    def _counted(self) -> tuple[int, int, int]:
        aws = self.world.aws
        return len(aws.calls), len(aws.writes), len(self.world.github.calls)

    def _note(self, arrival: Arrival) -> None:
        if arrival.operation == "ec2:TerminateInstances":
            given = parse_qs(arrival.body.decode())
            self.ended += [each for name, values in given.items() if name.startswith("InstanceId") for each in values]


def _piped(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603 - ours


def _end(child: subprocess.Popen[str]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
    child.communicate()
