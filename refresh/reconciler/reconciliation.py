"""The order of components, their concurrency and the isolation of their failures.

Order binds writes: nothing is written before the state table is ACTIVE and known to be this repository's, and the
launch template waits for the runner release that it names. Reads start at once, and every component ends on its own:
GitHub being down must not stop the garbage collection.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from refresh import errors, names
from refresh.desired import Mode
from refresh.reconciler import first_look, launch_template, registration_token
from refresh.reconciler.component import Run
from refresh.reconciler.convergence import Convergence
from refresh.reconciler.early import Once
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.garbage_collector.changes import Clean, Terminate
from refresh.reconciler.garbage_collector.facts import Actual as Collected
from refresh.reconciler.garbage_collector.facts import Ec2State, TemplateIds
from refresh.reconciler.launch_template import LaunchTemplate
from refresh.reconciler.launch_template import image as images
from refresh.reconciler.launch_template import policy as template_policy
from refresh.reconciler.launch_template.image import Image, RootDevice
from refresh.reconciler.orphaned_artifacts import OrphanedArtifacts
from refresh.reconciler.parameters import Parameters
from refresh.reconciler.pool_now import ended, pool_now
from refresh.reconciler.preflight import Preflight
from refresh.reconciler.registration_token import RegistrationToken
from refresh.reconciler.resource_pools import ResourcePools
from refresh.reconciler.runner_registrations import RunnerRegistrations
from refresh.reconciler.runner_release import ReleaseOfRunner
from refresh.reconciler.runner_release import policy as release_policy
from refresh.reconciler.runner_release.releases import RunnerRelease
from refresh.reconciler.state_table import StateTable
from refresh.reconciler.state_table import policy as table_policy
from refresh.reconciler.transactions import Sender
from refresh.report import ComponentReport, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Executor, Future

    from refresh.desired import DesiredState
    from refresh.reconciler.component import Clock, Component, Converged, Gate
    from refresh.reconciler.first_look import FirstLook
    from refresh.reconciler.services import GitHub, Services
    from refresh.report import Change


ActualT = TypeVar("ActualT")
_LOOK_SECONDS = 0.2
"""How often it is looked whether waiting is over."""


def reconcile(  # noqa: PLR0913 - the four things a run is made of, and its hooks by name
    desired: DesiredState,
    services: Services,
    clock: Clock,
    pool: Executor,
    *,
    first: FirstLook | None = None,
    stopped: Callable[[], bool] = lambda: False,
    abandoned: Callable[[], bool] = lambda: False,
    finished: Callable[[ComponentReport], None] = lambda _: None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Report:
    """Bring everything to the desired state (or, in mode plan, say what would be done).

    `pool` needs more workers than there are components: these wait for each other, and for calls that they fan out.
    `first` holds what AWS was asked before this was loaded; it is asked here where it was not.
    Once `stopped`, nothing new is begun; once `abandoned`, what is under way is not waited for either.
    `finished` is called in this thread as each component ends, `progress` in others while long work goes on.
    """
    started_at = clock.now()
    run = Run(mode=desired.mode, clock=clock, deadline=started_at + desired.timeout, stopped=stopped)
    first = first or first_look.look(desired, services, clock, pool)
    metadata = first.metadata
    sender = Sender(services.dynamodb, clock, pool, run.over)
    image = Once(pool, partial(images.look_up, services.ec2, services.on_demand.ssm, desired.image))
    if desired.root_volume:
        image.begin()
    preflight = Preflight(desired, services.ec2, services.on_demand, image, clock, pool)
    under_way: dict[Future[Converged[Any]], Convergence[Any, Any]] = {}

    def begin(component: Component[ActualT, Any], *gates: Gate) -> Future[Converged[ActualT]]:
        convergence = Convergence(component, run, preflight.require_account, *gates)
        future = pool.submit(convergence.converge)
        under_way[future] = convergence
        return future

    table = begin(StateTable(desired, services.dynamodb, metadata, first.table, clock))
    after_table = partial(_require_table, desired, table)
    release = begin(ReleaseOfRunner(desired, metadata, services.github, clock), after_table)
    template_ids = partial(_template_ids, first)
    collector = begin(
        GarbageCollector(desired, services.ec2, sender, template_ids, services.skew, progress), after_table
    )
    issue = partial(_require_administration, desired, services.github)
    token = begin(RegistrationToken(desired, metadata, services.github, clock), after_table, issue)
    gone = partial(_ended, collector, token)
    newest = partial(_release, desired, release)
    device = partial(_root_device, desired, image)
    template = begin(
        LaunchTemplate(desired, services.ec2, metadata, first.versions, newest, device),
        after_table,
        preflight.launch_template,
    )
    pools = begin(ResourcePools(desired, services.sqs, services.dynamodb, metadata, pool, clock), after_table)
    listed: tuple[Future[Converged[Any]], ...] = (
        table,
        release,
        template,
        pools,
        begin(Parameters(desired, metadata), after_table, preflight.parameters),
        token,
        collector,
        begin(RunnerRegistrations(desired, services.dynamodb, services.github, clock, gone), after_table),
        begin(OrphanedArtifacts(desired, services.ec2, sender, partial(_recorded, collector)), after_table),
    )
    converged: dict[Future[Converged[Any]], Converged[Any]] = {}
    for future, result in _as_they_end(under_way, abandoned):
        converged[future] = result
        finished(result.report)
    return Report(
        tuple(converged[future].report for future in listed),
        desired=desired,
        started_at=started_at,
        finished_at=clock.now(),
        pool=pool_now(*(converged[each].actual for each in (template, pools, token, collector))),
        ended=ended(converged[collector].report.done),
    )


def _root_device(desired: DesiredState, image: Callable[[], Image]) -> RootDevice | None:
    """Wait for the image, where the root volume is to be another than its own."""
    return image().root_device() if desired.root_volume else None


def _require_administration(desired: DesiredState, github: GitHub) -> None:
    """See in mode plan whether GitHub would give the token that is due."""
    if desired.mode is Mode.PLAN:
        github.require_administration()


def _as_they_end(
    under_way: Mapping[Future[Converged[Any]], Convergence[Any, Any]], abandoned: Callable[[], bool]
) -> Iterator[tuple[Future[Converged[Any]], Converged[Any]]]:
    """Give each component as it ends, and those still under way when waiting is over as far as they have come."""
    waiting = set(under_way)
    while waiting and not abandoned():
        done, waiting = wait(waiting, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        yield from ((each, each.result()) for each in under_way if each in done)
    yield from ((each, under_way[each].abandoned()) for each in under_way if each in waiting)


def _require_table(desired: DesiredState, table: Future[Converged[table_policy.Actual]]) -> None:
    """Wait for the table, without which nothing may be written; in mode plan one that could be made is enough."""
    converged = table.result()
    planned = desired.mode is Mode.PLAN and converged.report.error is None
    if not planned and (converged.actual is None or not table_policy.usable(desired, converged.actual)):
        raise errors.Refused(
            f"nothing was written here: the state table {names.table(desired.repository)} is not ready; see there."
        )


def _release(desired: DesiredState, release: Future[Converged[release_policy.Actual]]) -> RunnerRelease:
    converged = release.result()
    if converged.actual is None:
        raise errors.Refused(f"the runner release is not known: {converged.report.error}")
    return release_policy.effective(desired, converged.actual)


def _template_ids(first: FirstLook) -> TemplateIds:
    """Tell which templates this pool's instances come from; EC2's word for it counts, the record only adds old ones.

    Where EC2 does not answer, the recorded id proves as little as a former one.
    """
    recorded = first.metadata.first(names.LAUNCH_TEMPLATE_IDENTIFIER).get("value")
    try:
        current = launch_template.template_id(first.versions.first())
    except errors.ApiError:
        current = ""
    return TemplateIds(current, template_policy.former_ids(recorded, current))


def _ended(
    collector: Future[Converged[Collected]], token: Future[Converged[registration_token.Actual]]
) -> frozenset[str] | None:
    """Give the recorded instances that EC2 calls terminated; None in a run that ended nothing and needed no token."""
    collected, issued = collector.result(), token.result()
    ended_some = any(isinstance(change, Terminate | Clean) for change in _made(collected.report))
    if collected.actual is None or not (ended_some or _made(issued.report)):
        return None
    machines = collected.actual.machines
    cleaned = _cleaned(collected)
    return cleaned | {
        record.id
        for record in collected.actual.records
        if record.id in machines and machines[record.id].state is Ec2State.TERMINATED
    }


def _recorded(collector: Future[Converged[Collected]]) -> frozenset[str] | None:
    """Give every id that has a record; None in a run that cleaned nothing."""
    collected = collector.result()
    if collected.actual is None or not _cleaned(collected):
        return None
    return frozenset(record.id for record in collected.actual.records)


def _cleaned(collected: Converged[Collected]) -> frozenset[str]:
    """Give the ids whose records this run cleans."""
    return frozenset(change.record.id for change in _made(collected.report) if isinstance(change, Clean))


def _made(report: ComponentReport) -> tuple[Change, ...]:
    """Give what a run does: in mode plan what is planned, and what follows before EC2 has ended anything more."""
    if report.mode is Mode.APPLY:
        return report.done
    later = {change.id for change in (*report.planned, *report.following) if isinstance(change, Terminate)}
    cleanings = (change for change in report.following if isinstance(change, Clean) and change.record.id not in later)
    return (*report.planned, *cleanings)
