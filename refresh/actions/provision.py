"""`provision`: gets machines for the jobs of the run; inputs in, exit code out.

Exit code 0: the jobs can start. 1: they cannot, or something was refused. 2: bad input, nothing was changed. The calls
to AWS start first; the rest is imported while they are pending.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

from refresh import errors
from refresh.actions.surroundings import SystemClock, collect_garbage_again, hooks, refused, result_of, with_executor
from refresh.clients import connect_door
from refresh.inputs import provision as inputs
from refresh.inputs import table
from refresh.provision import look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor
    from datetime import datetime

    from refresh.output.provision_run import ProvisionRun
    from refresh.ports import DoorClients
    from refresh.provision.result import Provided
    from refresh.workflow.commands import Commands
    from refresh.workflow.shutdown import Shutdown


def run(environ: Mapping[str, str], commands: Commands, shutdown: Shutdown) -> int:
    """Provision once and return the exit code."""
    clock, writes_anyway = SystemClock(shutdown), Event()
    try:
        given = inputs.load(environ)
        for secret in given.secrets.all:
            commands.mask(secret.reveal())
        # Records of what EC2 has just launched are written even after a stop, so that none is left untracked.
        stopped = lambda: shutdown.requested() and not writes_anyway.is_set()  # noqa: E731 - read with the line above
        clients = connect_door(given.desired, given.secrets, hooks(environ, commands, clock, stopped))
    except (errors.InputErrors, errors.Interrupted) as error:
        return refused(commands, table.PROVISION, error)
    patience = (shutdown.requested, shutdown.out_of_patience, writes_anyway.set)
    return with_executor(
        table.PROVISION,
        shutdown,
        lambda executor: _provisioned(given, clients, clock, executor, commands, shutdown, patience),
    )


def _provisioned(  # noqa: PLR0913, PLR0917 - everything that a run needs
    given: inputs.ProvisionInputs,
    clients: DoorClients,
    clock: SystemClock,
    executor: Executor,
    commands: Commands,
    shutdown: Shutdown,
    patience: tuple[Callable[[], bool], Callable[[], bool], Callable[[], object]],
) -> int:
    desired, began_at = given.desired, clock.now()
    first = look.first(desired, clients, clock, executor)
    from refresh.output import publish_provision  # noqa: PLC0415 - see the module's docstring
    from refresh.provision import component, result  # noqa: PLC0415 - the same

    provisioning = component.Provisioning(
        desired, clients, clock, executor, first=first, patience=result.Patience(*patience)
    )
    working = executor.submit(provisioning.run)
    collect_garbage_again()
    publish_provision.beginning(commands, given)
    provided = result_of(working, shutdown, provisioning.abandoned)
    return publish_provision.ending(commands, _run(given, provided, began_at, clock.now()))


def _run(given: inputs.ProvisionInputs, provided: Provided, began_at: datetime, ended_at: datetime) -> ProvisionRun:
    from refresh.output.provision_run import ProvisionRun, ReadyMachine  # noqa: PLC0415 - see the module's docstring

    ready = tuple(
        ReadyMachine(
            id=each.id,
            origin=each.origin,
            instance_type=each.record.instance_type,
            usage_class=each.record.usage_class,
            ends_at=each.record.expires,
        )
        for each in (provided.ready if provided.available else ())
    )
    return ProvisionRun(
        desired=given.desired,
        component=provided.report,
        ready=ready,
        available=provided.available,
        started_at=began_at,
        finished_at=ended_at,
    )
