"""The shell around the program: environment in, exit code out, and nothing decided.

Exit code 0: everything is as desired. 1: some component failed or did not converge. 2: bad input, nothing was called.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from refresh import clients, command_line, errors, inputs, publish
from refresh.clients.aws import CONCURRENCY
from refresh.clients.shell import Shell
from refresh.guarded_stream import GuardedStream
from refresh.reconciler import reconcile
from refresh.runner import Runner
from refresh.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_SECRETS = (
    *("INPUT_GITHUB-TOKEN", "INPUT_GITHUB_TOKEN", "INPUT_GITHUB-APP-PRIVATE-KEY", "INPUT_GITHUB_APP_PRIVATE_KEY"),
    *("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
"""Variables that hold secrets, concealed before any is read: a defect's text may quote them."""


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
        for secret in given.secrets.all:
            runner.mask(secret.reveal())
        clock = SystemClock(stop)
        called = publish.called if environ.get("RUNNER_DEBUG") == "1" else None
        shell = Shell(mask=runner.mask, now=clock.now, called=called, stopped=stop.asked)
        services = clients.connect(given.desired, given.secrets, shell)
    except errors.InputErrors as error:
        publish.input_errors(runner, error)
        return 2
    except errors.Interrupted as error:
        publish.interrupted(runner, error)
        return 1
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


def main(arguments: Sequence[str] = (), stop: Stop | None = None) -> int:
    """Guard the output streams, listen for cancellation and run; arguments stand for inputs of the same names."""
    environ = command_line.environ(arguments, os.environ) if arguments else os.environ
    out, err = GuardedStream(sys.stdout), GuardedStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    for name in _SECRETS:
        out.conceal(environ.get(name, ""))
        err.conceal(environ.get(name, ""))
    stop = stop or Stop().listen()
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
