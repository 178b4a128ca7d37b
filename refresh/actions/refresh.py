"""The action that keeps the pool: environment in, exit code out; it decides nothing.

Loading code takes half the time of a run that changes nothing. So AWS is asked first, and the components are loaded
while it answers.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

from refresh import errors, inputs
from refresh.actions import surroundings
from refresh.actions.surroundings import SystemClock
from refresh.clients import connect
from refresh.inputs import table
from refresh.output import publish
from refresh.reconciler import prefetch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from refresh.ports import Clients
    from refresh.workflow.commands import Commands
    from refresh.workflow.shutdown import Shutdown


def run(environ: Mapping[str, str], commands: Commands, shutdown: Shutdown) -> int:
    """Refresh once and return the exit code."""
    clock, writes_anyway = SystemClock(shutdown), Event()
    try:
        given = inputs.load(environ)
        for secret in given.secrets.all:
            commands.mask(secret.reveal())
        # Records of what EC2 has just launched are written even after a stop, so that none is left untracked.
        stopped = lambda: shutdown.requested() and not writes_anyway.is_set()  # noqa: E731 - read with the line above
        clients = connect(given.desired, given.secrets, surroundings.hooks(environ, commands, clock, stopped))
    except (errors.InputErrors, errors.Interrupted) as error:
        return surroundings.refused(commands, table.REFRESH, error)
    return surroundings.with_executor(
        table.REFRESH,
        shutdown,
        lambda executor: _reconciled(given, clients, clock, executor, commands, shutdown, writes_anyway),
    )


def _reconciled(  # noqa: PLR0913, PLR0917 - everything that a run needs
    given: inputs.Inputs,
    clients: Clients,
    clock: SystemClock,
    executor: Executor,
    commands: Commands,
    shutdown: Shutdown,
    writes_anyway: Event,
) -> int:
    first = prefetch.start(given.desired, clients, clock, executor)
    from refresh.reconciler import reconciliation  # noqa: PLC0415 - see the module's docstring

    under_way = reconciliation.begin(
        given.desired,
        clients,
        clock,
        executor,
        first=first,
        stopped=shutdown.requested,
        write_anyway=writes_anyway.set,
        progress=publish.progress,
    )
    surroundings.collect_garbage_again()
    publish.beginning(commands, given)
    report = under_way.report(
        abandoned=shutdown.out_of_patience, finished=lambda component: publish.component(commands, component)
    )
    if given.desired.metrics:
        from refresh.actions import metrics  # noqa: PLC0415 - most runs send none

        metrics.send(report, clients.on_demand, executor, commands, shutdown)
    publish.ending(commands, report)
    return report.exit_code
