"""What every action has around it: the clock, the hooks of the clients, and how a run ends before it has begun."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from refresh import errors
from refresh.clients.process_hooks import ProcessHooks
from refresh.output import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refresh.workflow.commands import Commands
    from refresh.workflow.shutdown import Shutdown


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


def hooks(
    environ: Mapping[str, str], commands: Commands, clock: SystemClock, stopped: Callable[[], bool]
) -> ProcessHooks:
    """Return what the clients call: they mask secrets, log calls in a run with debug logging, and stop when asked."""
    called = publish.called if environ.get("RUNNER_DEBUG") == "1" else None
    return ProcessHooks(mask=commands.mask, now=clock.now, called=called, stopped=stopped)


def refused(commands: Commands, action: str, error: errors.InputErrors | errors.Interrupted) -> int:
    """Report why nothing was begun, and return the exit code."""
    if isinstance(error, errors.InputErrors):
        publish.input_errors(commands, error)
        return 2
    publish.interrupted(commands, action, error)
    return 1


def collect_garbage_again() -> None:
    """Enable garbage collection again after loading, without what stays until the end."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
