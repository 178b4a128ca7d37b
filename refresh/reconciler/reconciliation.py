"""The order of components, their concurrency and the isolation of their failures.

Order binds writes: nothing is written before the state table is ACTIVE and known to be this repository's, and the
launch template waits for the runner release that it names. Reads start at once, and every component ends on its own:
GitHub being down must not stop the garbage collection.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import frozen

from refresh.dynamodb.transactions import Sender
from refresh.engine.component import Run
from refresh.engine.convergence import Convergence
from refresh.engine.report import ComponentReport, Report
from refresh.engine.shared_read import LazyRead
from refresh.preflight import Preflight, image_lookup
from refresh.reconciler import dependencies, prefetch
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.garbage_collector.actual import Actual as Collected
from refresh.reconciler.launch_template import LaunchTemplate
from refresh.reconciler.launch_template.actual import Actual as Template
from refresh.reconciler.orphaned_artifacts import OrphanedArtifacts
from refresh.reconciler.parameters import Parameters
from refresh.reconciler.registration_token import RegistrationToken
from refresh.reconciler.registration_token.actual import Actual as StoredToken
from refresh.reconciler.resource_pools import ResourcePools
from refresh.reconciler.resource_pools.actual import Actual as Pools
from refresh.reconciler.runner_registrations import RunnerRegistrations
from refresh.reconciler.runner_release import RunnerRelease
from refresh.reconciler.snapshot import ended, pool_snapshot, touched
from refresh.reconciler.state_table import StateTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor, Future
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.engine.component import Component, Converged, Gate
    from refresh.ports import Clients, Clock
    from refresh.reconciler.prefetch import Prefetch


ActualT = TypeVar("ActualT")
_LOOK_SECONDS = 0.2
"""How often it is looked whether waiting is over."""


@frozen(kw_only=True)
class Reconciliation:
    """All components on their way."""

    desired: DesiredState
    clock: Clock
    started_at: datetime
    listed: tuple[Future[Converged[Any]], ...]
    """Every component, in the order in which people are told of them."""
    template: Future[Converged[Template]]
    pools: Future[Converged[Pools]]
    token: Future[Converged[StoredToken]]
    collector: Future[Converged[Collected]]
    under_way: Mapping[Future[Converged[Any]], Convergence[Any, Any]]

    def report(
        self,
        *,
        abandoned: Callable[[], bool] = lambda: False,
        finished: Callable[[ComponentReport], None] = lambda _: None,
    ) -> Report:
        """Wait for all of them, and report; once `abandoned`, what is under way is not waited for.

        `finished` is called in this thread as each component ends.
        """
        converged: dict[Future[Converged[Any]], Converged[Any]] = {}
        for future, result in _as_they_end(self.under_way, abandoned):
            converged[future] = result
            finished(result.report)
        collected = converged[self.collector].report
        seen = (converged[each].actual for each in (self.template, self.pools, self.token, self.collector))
        return Report(
            tuple(converged[future].report for future in self.listed),
            desired=self.desired,
            started_at=self.started_at,
            finished_at=self.clock.now(),
            pool=pool_snapshot(*seen),
            ended=ended(collected.done),
            touched=touched((*collected.planned, *collected.following) if collected.planning else collected.done),
        )


def begin(  # noqa: PLR0913 - the four things a run is made of, and its hooks by name
    desired: DesiredState,
    clients: Clients,
    clock: Clock,
    executor: Executor,
    *,
    first: Prefetch | None = None,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Reconciliation:
    """Have everything brought to the desired state (or, in mode plan, what would be done found out), without waiting.

    `executor` needs more workers than there are components: these wait for each other, and for calls that they fan out.
    `first` holds the reads that were started before this was loaded; otherwise they start here.
    Once `stopped`, nothing new is begun. `progress` is called in other threads while long work goes on.
    """
    first = first or prefetch.start(desired, clients, clock, executor)
    run = Run(mode=desired.mode, clock=clock, deadline=first.began_at + desired.timeout, stopped=stopped)
    metadata = first.metadata
    sender = Sender(clients.dynamodb, clock, executor, run.over)
    image = LazyRead(executor, partial(image_lookup.look_up, clients.ec2, clients.on_demand.ssm, desired.image))
    if desired.root_volume or desired.delete_volumes_on_termination:
        image.begin()
    preflight = Preflight(desired, clients.ec2, clients.on_demand, image, clock, executor)
    under_way: dict[Future[Converged[Any]], Convergence[Any, Any]] = {}

    def started(component: Component[ActualT, Any], *gates: Gate) -> Future[Converged[ActualT]]:
        convergence = Convergence(component, run, preflight.require_account, *gates)
        future = executor.submit(convergence.converge)
        under_way[future] = convergence
        return future

    table = started(StateTable(desired, clients.dynamodb, metadata, first.table, clock))
    after_table = partial(dependencies.require_table, desired, table)
    release = started(RunnerRelease(desired, metadata, clients.github, clock), after_table)
    collector = started(
        GarbageCollector(desired, clients.ec2, sender, first.launched, first.table, clients.skew, progress),
        after_table,
    )
    issue = partial(dependencies.require_administration, desired, clients.github)
    token = started(RegistrationToken(desired, metadata, clients.github, clock), after_table, issue)
    gone = partial(dependencies.ended, collector, token)
    recorded = partial(dependencies.recorded, collector)
    newest = partial(dependencies.release, desired, release)
    device = partial(dependencies.root_device, desired, image)
    template = started(
        LaunchTemplate(desired, clients.ec2, metadata, first.versions, newest, device),
        after_table,
        preflight.launch_template,
    )
    pools = started(ResourcePools(desired, clients.sqs, clients.dynamodb, metadata, executor, clock), after_table)
    listed: tuple[Future[Converged[Any]], ...] = (
        table,
        release,
        template,
        pools,
        started(Parameters(desired, metadata), after_table, preflight.parameters),
        token,
        collector,
        started(RunnerRegistrations(desired, clients.dynamodb, clients.github, clock, gone, run.over), after_table),
        started(OrphanedArtifacts(desired, clients.ec2, sender, recorded), after_table),
    )
    return Reconciliation(
        desired=desired,
        clock=clock,
        started_at=first.began_at,
        listed=listed,
        template=template,
        pools=pools,
        token=token,
        collector=collector,
        under_way=under_way,
    )


def _as_they_end(
    under_way: Mapping[Future[Converged[Any]], Convergence[Any, Any]], abandoned: Callable[[], bool]
) -> Iterator[tuple[Future[Converged[Any]], Converged[Any]]]:
    """Give each component as it ends, and those still under way when waiting is over as far as they have come."""
    waiting = set(under_way)
    while waiting and not abandoned():
        done, waiting = wait(waiting, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        yield from ((each, each.result()) for each in under_way if each in done)
    yield from ((each, under_way[each].abandoned()) for each in under_way if each in waiting)
