"""The shell around the program: environment in, exit code out, and nothing decided.

Exit code 0: everything is as desired. 1: some component failed or did not converge. 2: bad input, nothing was called.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING

from refresh import clients, command_line, errors, inputs, publish
from refresh.clients.aws import CONCURRENCY
from refresh.clients.shell import Shell
from refresh.guarded_stream import GuardedStream
from refresh.reconciler import reconcile
from refresh.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


PATIENCE_SECONDS = 5
"""How long the calls under way are waited for once the run was asked to end: GitHub kills it ten seconds after."""


class Stop:
    """Whether, and how long ago, a signal asked the run to end."""

    def __init__(self) -> None:
        self._event = Event()
        self._asked_at = 0.0

    def ask(self, *_: object) -> None:
        """Ask it to end; a second signal changes nothing."""
        if not self._event.is_set():
            self._asked_at = time.monotonic()
            self._event.set()

    def asked(self) -> bool:
        """Whether it was asked to."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep until it is asked to, at most so long."""
        self._event.wait(seconds)

    def out_of_patience(self) -> bool:
        """Whether nothing under way is waited for any longer."""
        return self.asked() and time.monotonic() - self._asked_at >= PATIENCE_SECONDS


class SystemClock:
    """The machine's clock; its sleep ends when the run is asked to stop."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def now(self) -> datetime:
        """Give the present moment."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than the run lasts."""
        self._stop.wait(seconds)


def run(environ: Mapping[str, str], runner: Runner, stop: Stop) -> int:
    """Refresh once and give the exit code."""
    try:
        given = inputs.load(environ)
        runner.mask(given.secrets.github_token.reveal())
        clock = SystemClock(stop)
        called = publish.called if environ.get("RUNNER_DEBUG") == "1" else None
        shell = Shell(mask=runner.mask, now=clock.now, called=called, stopped=stop.asked)
        services = clients.connect(given.desired, given.secrets, shell)
    except errors.InputErrors as error:
        publish.input_errors(runner, error)
        return 2
    publish.beginning(runner, given)
    pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="refresh")
    report = reconcile(
        given.desired,
        services,
        clock,
        pool,
        stopped=stop.asked,
        abandoned=stop.out_of_patience,
        finished=lambda component: publish.component(runner, component),
        progress=publish.progress,
    )
    pool.shutdown(wait=False, cancel_futures=True)
    publish.ending(runner, report)
    return report.exit_code


def main(arguments: Sequence[str] = ()) -> int:
    """Guard the output streams, listen for cancellation and run; arguments stand for inputs of the same names."""
    environ = command_line.environ(arguments, os.environ) if arguments else os.environ
    out, err = GuardedStream(sys.stdout), GuardedStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.ask)
    as_json = inputs.log_as_json(environ)
    publish.configure(as_json=as_json)
    try:
        code = run(environ, Runner(environ, out, err, as_json=as_json), stop)
    finally:
        out.flush()
        err.flush()
    if stop.asked():
        # The interpreter would wait for threads that still wait for an answer.
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
