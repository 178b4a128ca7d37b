"""What every action has around it: the clock, the hooks of the clients, and how a run ends before it has begun."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from refresh import errors
from refresh.clients.aws import CONCURRENCY
from refresh.clients.process_hooks import ProcessHooks
from refresh.output import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from refresh.workflow.commands import Commands
    from refresh.workflow.shutdown import Shutdown

T = TypeVar("T")
_LOOK_SECONDS = 0.2
"""How often an interrupted wait is noticed."""


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


def with_executor(name: str, shutdown: Shutdown, work: Callable[[ThreadPoolExecutor], int]) -> int:
    """Do the work of an action with threads for its calls, and return the exit code."""
    executor = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix=name)
    try:
        return work(executor)
    except BaseException:
        shutdown.request()  # a defect: calls under way would continue unseen
        raise
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def result_of(working: Future[T], shutdown: Shutdown, abandoned: Callable[[], T]) -> T:
    """Wait for the work; once the run was asked to stop, only as long as it has patience for calls under way."""
    while not working.done() and not shutdown.out_of_patience():
        wait([working], timeout=_LOOK_SECONDS)
    return working.result() if working.done() else abandoned()


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
