"""Release and provision in the simulated account, in one thread."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from refresh.desired import DesiredProvision, DesiredRelease
from refresh.output.release_run import ReleaseRun
from refresh.ports import DoorClients
from refresh.provision import component as provisioning
from refresh.release import component
from tests.fakes.desired import REGION, REPOSITORY
from tests.fakes.memory.account import Crash
from tests.fakes.memory.github import GitHub
from tests.fakes.memory.on_demand import OnDemand
from tests.fakes.serial import Serial

if TYPE_CHECKING:
    from datetime import datetime

    from refresh.ports import Clock
    from refresh.provision.result import Patience, Provided
    from tests.simulation.pool import Pool
    from tests.simulation.stage import Stage

RUN, OTHER_RUN = "77", "88"
RELEASE = DesiredRelease(repository=REPOSITORY, region=REGION, run_id=RUN, workflow_repository=REPOSITORY)
PROVISION = DesiredProvision(repository=REPOSITORY, region=REGION, run_id=RUN)


@frozen
class StageClock:
    """The clock of a process: while it waits, all others go on."""

    stage: Stage

    def now(self) -> datetime:
        """Give the moment."""
        return self.stage.pool.account.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.stage.pass_time(seconds)


def clients_of(pool: Pool) -> DoorClients:
    """Return the clients of a door."""
    dynamodb, ec2, sqs = (cast("Any", each) for each in (pool.dynamodb, pool.ec2, pool.sqs))
    return DoorClients(dynamodb, ec2, sqs, GitHub(pool.account), cast("Any", OnDemand(pool.account)))


def release(pool: Pool, desired: DesiredRelease = RELEASE, clock: Clock | None = None) -> ReleaseRun:
    """Release once."""
    clock = clock or pool.account.clock
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


def provision(
    stage: Stage, desired: DesiredProvision = PROVISION, clock: Clock | None = None, patience: Patience | None = None
) -> Provided:
    """Provision once, always in the same way."""
    chance = random.Random(desired.label)  # noqa: S311 - no secret is made of it
    begun = provisioning.Provisioning(
        desired, clients_of(stage.pool), clock or StageClock(stage), Serial(), patience=patience, chance=chance
    )
    return begun.run()
