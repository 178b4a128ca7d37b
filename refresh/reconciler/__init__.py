"""The order of components, their concurrency and the isolation of their failures.

Order binds writes: nothing is written before the state table is ACTIVE and known to be this repository's, and the
launch template waits for the runner release that it names. Reads start at once, and every component ends on its own:
GitHub being down must not stop the garbage collection.
"""

from __future__ import annotations

from concurrent.futures import as_completed
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from refresh import errors, names
from refresh.reconciler import launch_template, registration_token, runner_release, state_table
from refresh.reconciler.component import Run, converge
from refresh.reconciler.early import Early
from refresh.reconciler.garbage_collector import GarbageCollector
from refresh.reconciler.garbage_collector.policy import TemplateIds
from refresh.reconciler.launch_template import LaunchTemplate
from refresh.reconciler.metadata import Metadata
from refresh.reconciler.parameters import Parameters
from refresh.reconciler.registration_token import RegistrationToken
from refresh.reconciler.resource_pools import ResourcePools
from refresh.reconciler.runner_release import ReleaseOfRunner
from refresh.reconciler.state_table import StateTable
from refresh.report import ComponentReport, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client
    from types_boto3_sqs import SQSClient

    from refresh.desired import DesiredState
    from refresh.reconciler.component import Clock, Component, Converged


class GitHub(registration_token.TokenIssuer, runner_release.ReleaseSource, Protocol):
    """What the components need of GitHub."""


@frozen
class Services:
    """The narrow clients: one method an API operation, errors as `refresh.errors` has them."""

    dynamodb: DynamoDBClient
    ec2: EC2Client
    sqs: SQSClient
    github: GitHub


def reconcile(  # noqa: PLR0913 - the four things a run is made of, and two hooks by name
    desired: DesiredState,
    services: Services,
    clock: Clock,
    pool: Executor,
    *,
    stopped: Callable[[], bool] = lambda: False,
    finished: Callable[[ComponentReport], None] = lambda _: None,
) -> Report:
    """Bring everything to the desired state (or, in mode plan, say what would be done).

    `pool` needs more workers than there are components: these wait for each other, and for calls that they fan out.
    `finished` is called in this thread as each component ends.
    """
    run = Run(mode=desired.mode, clock=clock, stopped=stopped)
    metadata = Metadata(services.dynamodb, names.table(desired.repository), clock, pool)
    listing = Early(
        pool, partial(launch_template.list_versions, services.ec2, names.launch_template(desired.repository))
    )
    table = pool.submit(converge, StateTable(desired, services.dynamodb, metadata, clock), run, may_write=lambda: None)
    may_write = partial(_require_table, desired, table)
    release = pool.submit(converge, ReleaseOfRunner(desired, metadata, services.github, clock), run, may_write)
    components: tuple[Component[Any, Any], ...] = (
        LaunchTemplate(desired, services.ec2, metadata, listing, partial(_release, desired, release)),
        ResourcePools(desired, services.sqs, services.dynamodb, metadata, pool),
        Parameters(desired, metadata),
        RegistrationToken(desired, metadata, services.github, clock),
        GarbageCollector(
            desired, services.ec2, services.dynamodb, clock, pool, partial(_template_ids, metadata, listing)
        ),
    )
    futures: tuple[Future[Converged[Any]], ...] = (
        table,
        release,
        *(pool.submit(converge, each, run, may_write) for each in components),
    )
    for future in as_completed(futures):
        finished(future.result().report)
    return Report(tuple(future.result().report for future in futures))


def _require_table(desired: DesiredState, table: Future[Converged[state_table.Actual]]) -> None:
    actual = table.result().actual
    if actual is None or not state_table.usable(desired, actual):
        raise errors.Refused(
            f"nothing was written here: the state table {names.table(desired.repository)} is not ready; see there."
        )


def _release(desired: DesiredState, release: Future[Converged[runner_release.Actual]]) -> runner_release.RunnerRelease:
    converged = release.result()
    if converged.actual is None:
        raise errors.Refused(f"the runner release is not known: {converged.report.error}")
    return runner_release.effective(desired, converged.actual)


def _template_ids(metadata: Metadata, listing: Early[launch_template.Listing]) -> TemplateIds:
    """Tell which templates this pool's instances come from; EC2's word for it counts, the record only adds old ones.

    Where EC2 does not answer, the recorded id proves as little as a former one.
    """
    recorded = metadata.first(names.LAUNCH_TEMPLATE_IDENTIFIER).get("value")
    try:
        current = listing.first().template_id
    except errors.ApiError:
        current = ""
    return TemplateIds(current, launch_template.former_ids(recorded, current))
