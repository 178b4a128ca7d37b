"""`release`: gives the machines of a run back; inputs in, exit code out.

Exit code 0: no machine has the label any more, except those that a warning names. 1: something failed or was refused.
2: bad input, nothing was changed. The calls to AWS and GitHub start first; the rest is imported while they are pending.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from refresh import errors
from refresh.actions.surroundings import SystemClock, collect_garbage_again, hooks, refused, result_of, with_executor
from refresh.clients import connect_door
from refresh.inputs import release as inputs
from refresh.inputs import table
from refresh.release import observe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from refresh.ports import DoorClients
    from refresh.workflow.commands import Commands
    from refresh.workflow.shutdown import Shutdown

LONGEST = timedelta(minutes=4)
"""After this time nothing new is begun, so that the report is written before the `timeout-minutes: 5` of a job."""


def run(environ: Mapping[str, str], commands: Commands, shutdown: Shutdown) -> int:
    """Release once and return the exit code."""
    clock = SystemClock(shutdown)
    try:
        given = inputs.load(environ)
        for secret in given.secrets.all:
            commands.mask(secret.reveal())
        clients = connect_door(given.desired, given.secrets, hooks(environ, commands, clock, shutdown.requested))
    except (errors.InputErrors, errors.Interrupted) as error:
        return refused(commands, table.RELEASE, error)
    return with_executor(
        table.RELEASE, shutdown, lambda executor: _released(given, clients, clock, executor, commands, shutdown)
    )


def _released(  # noqa: PLR0913, PLR0917 - everything that a run needs
    given: inputs.ReleaseInputs,
    clients: DoorClients,
    clock: SystemClock,
    executor: Executor,
    commands: Commands,
    shutdown: Shutdown,
) -> int:
    desired, began_at = given.desired, clock.now()
    first = observe.start(desired, clients, clock, executor)
    from refresh.output import publish_release  # noqa: PLC0415 - see the module's docstring
    from refresh.release import component  # noqa: PLC0415 - the same

    release = component.begin(
        desired, clients, clock, executor, first=first, deadline=began_at + LONGEST, stopped=shutdown.requested
    )
    converging = executor.submit(release.converge)
    collect_garbage_again()
    publish_release.beginning(commands, given)
    converged = result_of(converging, shutdown, release.abandoned)
    return publish_release.ending(commands, desired, converged.report, began_at, clock.now())
