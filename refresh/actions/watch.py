"""The command `status`: shows the pool once, or repeatedly with --watch; with --since what it did."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from refresh import errors, inputs
from refresh.actions import history, status
from refresh.actions.surroundings import SystemClock
from refresh.clients import connect
from refresh.clients.aws import CONCURRENCY
from refresh.clients.process_hooks import ProcessHooks
from refresh.credentials import Secret, Secrets
from refresh.desired import DesiredState
from refresh.output import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refresh.inputs.command_line import Command
    from refresh.workflow.commands import Commands
    from refresh.workflow.redacting_stream import RedactingStream
    from refresh.workflow.shutdown import Shutdown

_CLEAR = "\x1b[2J\x1b[H"
_POLL_SECONDS = 0.2
_ABOUT_THE_NEXT_RUN = re.compile(r" ?Nothing is lost: the next run continues\.")


class Look(Protocol):
    """A pool as it was read."""

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        ...

    def lines(self) -> Iterator[str]:
        """Yield the lines for a person."""
        ...

    def as_json(self) -> str:
        """Return the line for a program."""
        ...


def run(command: Command, commands: Commands, out: RedactingStream, shutdown: Shutdown) -> int:
    """Show the pool and return the exit code."""
    clock = SystemClock(shutdown)
    try:
        desired = _desired(command)
        hooks = ProcessHooks(mask=commands.mask, now=clock.now, stopped=shutdown.requested)
        clients = connect(desired, Secrets(Secret(""), None), hooks)
    except errors.InputErrors as error:
        publish.input_errors(commands, error)
        return 2
    executor = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="refresh")

    def look() -> Look:
        if command.since:
            return history.look(desired, clients, clock, command.since)
        return status.look(desired, clients, clock, executor)

    try:
        return _watch(command, commands, out, shutdown, look)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _desired(command: Command) -> DesiredState:
    """Return a desired state that names the pool only."""
    pool = inputs.load_pool(command.environ)
    return DesiredState(
        repository=pool.repository,
        region=pool.region,
        prices=pool.prices,
        image="",
        instance_profile="",
        security_group_ids=(),
        subnet_ids=(),
    )


def _watch(
    command: Command,
    commands: Commands,
    out: RedactingStream,
    shutdown: Shutdown,
    look: Callable[[], Look],
) -> int:
    """Show the pool once, or repeatedly until Ctrl-C or until the reader ends."""
    first = True
    same_screen = command.interval is not None and out.isatty() and not commands.as_json
    with ThreadPoolExecutor(1) as executor:
        while True:
            looking = executor.submit(look)
            while not shutdown.requested() and not looking.done():
                wait([looking], timeout=_POLL_SECONDS)
            if shutdown.requested():
                return _stopped(command, commands)
            if same_screen:
                out.control(_CLEAR)
            elif not first and not commands.as_json:
                out.write("\n")
            first = False
            code = _shown(looking.exception() or looking.result(), commands, out, same_screen=same_screen)
            if command.interval is None or out.lost or code > 1:
                return min(code, 1)
            shutdown.wait(command.interval.total_seconds())


def _stopped(command: Command, commands: Commands) -> int:
    """Return the exit code after Ctrl-C, which is the regular end of a watch."""
    if command.interval is not None:
        return 0
    commands.annotate("error", "status", "stopped as asked, before the pool was read.")
    return 1


def _shown(found: Look | BaseException, commands: Commands, out: RedactingStream, *, same_screen: bool) -> int:
    """Show the pool or an error; return 0, 1 for an error that may pass, or 2 for one that does not."""
    if isinstance(found, errors.RefreshError):
        commands.annotate("error", "status", _ABOUT_THE_NEXT_RUN.sub("", str(found)))
        return 1 if isinstance(found, errors.Throttled | errors.Unavailable) else 2
    if isinstance(found, BaseException):
        raise found
    if commands.as_json:
        out.write(f"{found.as_json()}\n")
        return 0 if found.exists else 1
    size = shutil.get_terminal_size()
    for line in islice(found.lines(), size.lines - 1 if same_screen else None):
        out.write(f"{line[: size.columns] if same_screen else line}\n")
    return 0 if found.exists else 1
