"""The shell around the program: environment in, exit code out, and nothing decided.

Exit code 0: everything is as desired. 1: some component failed or did not converge. 2: bad input, nothing was called.
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING

from refresh import clients, command_line, errors, inputs, publish
from refresh.guarded_stream import GuardedStream
from refresh.reconciler import reconcile
from refresh.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SystemClock:
    """The machine's clock; its sleep ends when the run is asked to stop."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop

    def now(self) -> datetime:
        """Give the present moment."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than the run lasts."""
        self._stop.wait(seconds)


def run(environ: Mapping[str, str], runner: Runner, stop: Event) -> int:
    """Refresh once and give the exit code."""
    try:
        given = inputs.load(environ)
        runner.mask(given.secrets.github_token.reveal())
        clock = SystemClock(stop)
        called = publish.called if environ.get("RUNNER_DEBUG") == "1" else None
        services = clients.connect(given.desired, given.secrets, runner.mask, clock.now, called)
    except errors.InputErrors as error:
        publish.input_errors(runner, error)
        return 2
    publish.beginning(runner, given)
    with ThreadPoolExecutor(clients.CONCURRENCY, thread_name_prefix="refresh") as pool:
        report = reconcile(
            given.desired,
            services,
            clock,
            pool,
            stopped=stop.is_set,
            finished=lambda component: publish.component(runner, component),
            progress=publish.progress,
        )
    publish.ending(runner, report)
    return report.exit_code


def main(arguments: Sequence[str] = ()) -> int:
    """Guard the output streams, listen for cancellation and run; arguments stand for inputs of the same names."""
    environ = command_line.environ(arguments, os.environ) if arguments else os.environ
    out, err = GuardedStream(sys.stdout), GuardedStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    as_json = inputs.log_as_json(environ)
    publish.configure(as_json=as_json)
    try:
        return run(environ, Runner(environ, out, err, as_json=as_json), stop)
    finally:
        out.flush()
        err.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
