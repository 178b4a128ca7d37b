"""Release in the simulated account, in one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from refresh.desired import DesiredRelease
from refresh.output.release_run import ReleaseRun
from refresh.ports import DoorClients
from refresh.release import component
from tests.fakes.desired import REGION, REPOSITORY
from tests.fakes.memory.account import Crash
from tests.fakes.memory.github import GitHub
from tests.fakes.memory.on_demand import OnDemand
from tests.fakes.serial import Serial

if TYPE_CHECKING:
    from tests.simulation.pool import Pool

RUN, OTHER_RUN = "77", "88"
RELEASE = DesiredRelease(repository=REPOSITORY, region=REGION, run_id=RUN, workflow_repository=REPOSITORY)


def clients_of(pool: Pool) -> DoorClients:
    """Return the clients of a door."""
    dynamodb, ec2, sqs = (cast("Any", each) for each in (pool.dynamodb, pool.ec2, pool.sqs))
    return DoorClients(dynamodb, ec2, sqs, GitHub(pool.account), cast("Any", OnDemand(pool.account)))


def release(pool: Pool, desired: DesiredRelease = RELEASE) -> ReleaseRun:
    """Release once."""
    clock = pool.account.clock
    began_at = clock.now()
    converged = component.begin(desired, clients_of(pool), clock, Serial()).converge()
    return ReleaseRun(desired=desired, component=converged.report, started_at=began_at, finished_at=clock.now())


def dies(pool: Pool, desired: DesiredRelease) -> bool:
    """Release under the account's seam; return whether the process died."""
    try:
        release(pool, desired)
    except Crash:
        return True
    return False
