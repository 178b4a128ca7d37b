"""The process around a run: environment in, exit code out; it decides nothing.

Exit code 0: everything is as desired. 1: some component failed or did not converge. 2: bad input, nothing was changed.

Loading code takes half the time of a run that changes nothing. So AWS is asked first, and the components are loaded
while it answers.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from refresh import errors, inputs
from refresh.clients import connect
from refresh.clients.aws import CONCURRENCY
from refresh.clients.process_hooks import ProcessHooks
from refresh.inputs import secrets
from refresh.output import publish
from refresh.reconciler import prefetch
from refresh.workflow import log, unforeseen
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from refresh.workflow.shutdown import Shutdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from refresh.ports import Clients


class SystemClock:
    """The machine's clock; a sleep ends when the run is asked to stop."""

    def __init__(self, shutdown: Shutdown) -> None:
        self._shutdown = shutdown

    def now(self) -> datetime:
        """Return the current time."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait, at most until the run is asked to stop."""
        self._shutdown.wait(seconds)


def run(environ: Mapping[str, str], commands: Commands, shutdown: Shutdown) -> int:
    """Refresh once and return the exit code."""
    clock = SystemClock(shutdown)
    try:
        given = inputs.load(environ)
        for secret in given.secrets.all:
            commands.mask(secret.reveal())
        clients = connect(given.desired, given.secrets, _hooks(environ, commands, clock, shutdown))
    except (errors.InputErrors, errors.Interrupted) as error:
        return _refused(commands, error)
    executor = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="refresh")
    try:
        return _reconciled(given, clients, clock, executor, commands, shutdown)
    except BaseException:
        # A defect: the components would continue unseen.
        shutdown.request()
        raise
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _reconciled(  # noqa: PLR0913, PLR0917 - everything that a run needs
    given: inputs.Inputs,
    clients: Clients,
    clock: SystemClock,
    executor: ThreadPoolExecutor,
    commands: Commands,
    shutdown: Shutdown,
) -> int:
    first = prefetch.start(given.desired, clients, clock, executor)
    from refresh.reconciler import reconciliation  # noqa: PLC0415 - see the module's docstring

    under_way = reconciliation.begin(
        given.desired, clients, clock, executor, first=first, stopped=shutdown.requested, progress=publish.progress
    )
    _collect_garbage_again()
    publish.beginning(commands, given)
    report = under_way.report(
        abandoned=shutdown.out_of_patience, finished=lambda component: publish.component(commands, component)
    )
    publish.ending(commands, report)
    return report.exit_code


def _hooks(environ: Mapping[str, str], commands: Commands, clock: SystemClock, shutdown: Shutdown) -> ProcessHooks:
    called = publish.called if environ.get("RUNNER_DEBUG") == "1" else None
    return ProcessHooks(mask=commands.mask, now=clock.now, called=called, stopped=shutdown.requested)


def _refused(commands: Commands, error: errors.InputErrors | errors.Interrupted) -> int:
    if isinstance(error, errors.InputErrors):
        publish.input_errors(commands, error)
        return 2
    publish.interrupted(commands, error)
    return 1


def _collect_garbage_again() -> None:
    """Enable garbage collection again after loading, without what stays until the end."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def main(arguments: Sequence[str] | None = None, shutdown: Shutdown | None = None) -> int:
    """Redact the output streams and run; `arguments` are None if there is no command line."""
    out, err = RedactingStream(sys.stdout), RedactingStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    # Before the inputs are read: the text of a defect may quote a secret.
    for secret in secrets.given(os.environ):
        out.conceal(secret.value)
        err.conceal(secret.value)
    try:
        shutdown = shutdown or Shutdown().listen()
        if arguments is None:
            return from_environment(out, err, shutdown)
        from refresh.actions import terminal  # noqa: PLC0415 - it imports this module

        return terminal.main(arguments, out, err, shutdown)
    except SystemExit as ended:  # the parser of the command line has reported why
        return int(ended.code or 0)
    except Exception as error:  # noqa: BLE001 - one line instead of a traceback
        return _defect(error, out, err)
    finally:
        out.flush()
        err.flush()
        _report_lost(out, "standard output", err)
        _report_lost(err, "standard error", out)


def from_environment(out: RedactingStream, err: RedactingStream, shutdown: Shutdown) -> int:
    """Run with inputs from the environment only."""
    as_json = inputs.log_as_json(os.environ)
    log.configure(as_json=as_json)
    return run(os.environ, Commands(os.environ, out, err, as_json=as_json), shutdown)


def _defect(error: Exception, out: RedactingStream, err: RedactingStream) -> int:
    commands = Commands(os.environ, out, err, as_json=log.as_json())
    commands.annotate("error", "refresh", unforeseen.defect(error))
    commands.show_annotations()
    return 2 if isinstance(error, ImportError) else 1


def _report_lost(stream: RedactingStream, name: str, other: RedactingStream) -> None:
    """Report that output was lost, unless its reader ended early, as `head` does."""
    if stream.lost and stream.lost.errno != errno.EPIPE:
        other.write(f"warning: {name}: {stream.lost.strerror}; later output there is lost\n")
