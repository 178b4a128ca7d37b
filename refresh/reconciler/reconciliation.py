"""Starts the registered components, each in a thread of its own, and reports as they end.

Order binds writes: nothing is written before the state table is ACTIVE and known to be this repository's. Reads start
at once. A component that fails stops no other: the garbage collector must run while GitHub is down.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.dynamodb.transactions import Sender
from refresh.engine.component import Run
from refresh.engine.convergence import Convergence
from refresh.engine.report import ComponentReport, Report
from refresh.engine.shared_read import LazyRead
from refresh.preflight import Preflight, image_lookup, profile_lookup
from refresh.reconciler import prefetch
from refresh.reconciler.abandoned_runs import AbandonedRuns
from refresh.reconciler.daily_summary import DailySummary
from refresh.reconciler.dependencies import Dependencies
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.launch_template import LaunchTemplate
from refresh.reconciler.registered import COMPONENTS
from refresh.reconciler.registration_token import RegistrationToken
from refresh.reconciler.resource_pools import ResourcePools
from refresh.reconciler.snapshot import ended, pool_snapshot, touched
from refresh.reconciler.state_table import StateTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor, Future
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.engine.component import Converged
    from refresh.engine.registration import Registration
    from refresh.ports import Clients, Clock
    from refresh.reconciler.prefetch import Prefetch

_LOOK_SECONDS = 0.2
"""How often an interrupted wait is noticed."""
_SHOWN = (LaunchTemplate, ResourcePools, RegistrationToken, GarbageCollector)
"""What the snapshot of the pool is made of."""
_ENDING = (GarbageCollector, AbandonedRuns)
"""The components that end instances."""


@frozen(kw_only=True)
class Reconciliation:
    """The components that have been started."""

    desired: DesiredState
    clock: Clock
    started_at: datetime
    started: Mapping[str, Future[Converged[Any]]]
    """The result of each component by its name, in the order in which people see them."""
    under_way: Mapping[Future[Converged[Any]], Convergence[Any, Any]]

    def report(
        self,
        *,
        abandoned: Callable[[], bool] = lambda: False,
        finished: Callable[[ComponentReport], None] = lambda _: None,
    ) -> Report:
        """Wait for all components and report; once `abandoned`, do not wait for those still under way.

        `finished` is called in this thread as each component ends.
        """
        converged: dict[Future[Converged[Any]], Converged[Any]] = {}
        for future, result in _as_they_end(self.under_way, abandoned):
            converged[future] = result
            finished(result.report)
        by_name = {name: converged[future] for name, future in self.started.items()}
        ending = [by_name[component.name].report for component in _ENDING]
        marked, planning = by_name[AbandonedRuns.name].report.done, any(each.planning for each in ending)
        done = [change for each in ending for change in each.done]
        planned = [change for each in ending for change in (*each.planned, *each.following)]
        shown = by_name[DailySummary.name].actual
        return Report(
            tuple(each.report for each in by_name.values()),
            desired=self.desired,
            started_at=self.started_at,
            finished_at=self.clock.now(),
            pool=pool_snapshot(*(by_name[component.name].actual for component in _SHOWN), marked=marked),
            ended=ended(done),
            touched=touched(planned if planning else done),
            history=shown.history if shown else None,
        )


def begin(  # noqa: PLR0913 - the four things a run is made of, and its hooks by name
    desired: DesiredState,
    clients: Clients,
    clock: Clock,
    executor: Executor,
    *,
    first: Prefetch | None = None,
    stopped: Callable[[], bool] = lambda: False,
    write_anyway: Callable[[], object] = lambda: None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Reconciliation:
    """Start every component without waiting; in mode plan they find out what they would change.

    `executor` needs more workers than there are components: these wait for each other and for their own parallel calls.
    `first` holds what AWS was asked before this module was loaded; left out, it is asked here.
    Once `stopped`, nothing new is started; `write_anyway` is called before records of launched machines are written
    nonetheless, so that the clients send them. `progress` is called in other threads during long work.
    """
    first = first or prefetch.start(desired, clients, clock, executor)
    run = Run(mode=desired.mode, clock=clock, deadline=first.began_at + desired.timeout, stopped=stopped)
    image = LazyRead(executor, partial(image_lookup.look_up, clients.ec2, clients.on_demand.ssm, desired.image))
    if desired.root_volume or desired.delete_volumes_on_termination:
        image.begin()
    profile = LazyRead(executor, partial(profile_lookup.look_up, clients.on_demand, desired.instance_profile))
    profile.begin()  # every run needs it, though not before other components have ended
    started: dict[str, Future[Converged[Any]]] = {}
    given = Dependencies(
        desired=desired,
        clients=clients,
        clock=clock,
        executor=executor,
        prefetch=first,
        sender=Sender(clients.dynamodb, clock, executor, run.over),
        preflight=Preflight(desired, clients.ec2, clients.on_demand, image, profile, clock, executor),
        image=image,
        profile=profile,
        over=run.over,
        write_anyway=write_anyway,
        progress=progress,
        started=started,
    )
    under_way: dict[Future[Converged[Any]], Convergence[Any, Any]] = {}
    for registration in COMPONENTS:
        convergence = _convergence(registration, run, given.of(registration))
        future = executor.submit(convergence.converge)
        started[registration.name] = future
        under_way[future] = convergence
    return Reconciliation(desired=desired, clock=clock, started_at=first.began_at, started=started, under_way=under_way)


def _convergence(registration: Registration[Dependencies], run: Run, given: Dependencies) -> Convergence[Any, Any]:
    table = (given.require_table,) if StateTable.name in registration.after else ()
    gates = (given.preflight.require_account, *table, *registration.gates(given))
    return Convergence(registration.build(given), run, *gates)


def _as_they_end(
    under_way: Mapping[Future[Converged[Any]], Convergence[Any, Any]], abandoned: Callable[[], bool]
) -> Iterator[tuple[Future[Converged[Any]], Converged[Any]]]:
    """Yield each component as it ends, and once abandoned the others as far as they have come."""
    waiting = set(under_way)
    while waiting and not abandoned():
        done, waiting = wait(waiting, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        yield from ((each, each.result()) for each in under_way if each in done)
    yield from ((each, under_way[each].abandoned()) for each in under_way if each in waiting)
