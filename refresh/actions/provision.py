"""`provision`: gets machines for the jobs of the run; inputs in, exit code out.

Exit code 0: the jobs can start. 1: they cannot, or something was refused. 2: bad input, nothing was changed. The calls
to AWS start first; the rest is imported while they are pending.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import TYPE_CHECKING

from refresh import errors
from refresh.actions.surroundings import SystemClock, collect_garbage_again, hooks, refused
from refresh.clients import connect_door
from refresh.clients.aws import CONCURRENCY
from refresh.inputs import provision as inputs
from refresh.inputs import table
from refresh.provision import look

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from refresh.output.provision_run import ProvisionRun
    from refresh.ports import DoorClients
    from refresh.provision.component import Provided
    from refresh.workflow.commands import Commands
    from refresh.workflow.shutdown import Shutdown

_LOOK_SECONDS = 0.2
"""How often an interrupted wait is noticed."""


def run(environ: Mapping[str, str], commands: Commands, shutdown: Shutdown) -> int:
    """Provision once and return the exit code."""
    clock, excepted = SystemClock(shutdown), Event()
    try:
        given = inputs.load(environ)
        for secret in given.secrets.all:
            commands.mask(secret.reveal())
        # Records of what EC2 has just launched are written even then: nobody else could know of these machines.
        stopped = lambda: shutdown.requested() and not excepted.is_set()  # noqa: E731 - read with the line above
        clients = connect_door(given.desired, given.secrets, hooks(environ, commands, clock, stopped))
    except (errors.InputErrors, errors.Interrupted) as error:
        return refused(commands, table.PROVISION, error)
    executor = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="provision")
    try:
        return _provisioned(given, clients, clock, executor, commands, shutdown, excepted)
    except BaseException:
        shutdown.request()  # a defect: calls under way would continue unseen
        raise
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _provisioned(  # noqa: PLR0913, PLR0917 - everything that a run needs
    given: inputs.ProvisionInputs,
    clients: DoorClients,
    clock: SystemClock,
    executor: ThreadPoolExecutor,
    commands: Commands,
    shutdown: Shutdown,
    excepted: Event,
) -> int:
    desired, began_at = given.desired, clock.now()
    first = look.first(desired, clients, clock, executor)
    from refresh.output import publish_provision  # noqa: PLC0415 - see the module's docstring
    from refresh.provision import component  # noqa: PLC0415 - the same

    patience = component.Patience(stopped=shutdown.requested, out=shutdown.out_of_patience, excepted=excepted.set)
    provisioning = component.begin(desired, clients, clock, executor, first=first, patience=patience)
    working = executor.submit(provisioning.run)
    collect_garbage_again()
    publish_provision.beginning(commands, given)
    while not working.done() and not shutdown.out_of_patience():
        wait([working], timeout=_LOOK_SECONDS)
    provided = working.result() if working.done() else provisioning.abandoned()
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
        for each in provided.ready
    )
    return ProvisionRun(
        desired=given.desired,
        component=provided.report,
        ready=ready,
        available=provided.available,
        started_at=began_at,
        finished_at=ended_at,
    )
