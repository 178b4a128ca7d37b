"""Pools with machines of runs: over but never released, under way, run again, unknown to GitHub."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import evolve

from refresh.pool import records, runs
from refresh.pool.ownership import PROTECTION_TAG
from refresh.ports import RunnerRegistration, WorkflowRun
from tests.fakes.memory.account import Account
from tests.fakes.memory.ec2 import ALIVE
from tests.simulation.doors import OTHER_RUN, RUN
from tests.simulation.invariants import STRANGER
from tests.simulation.pool import Pool
from tests.simulation.provision_worlds import REGISTERED, _pool, machine, ready, record_provision
from tests.simulation.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600
BUSY, UNKNOWN = "55", "99"
"""A run of which GitHub still lists a busy runner, and one that it does not know."""


def pool_with_settings() -> Pool:
    """Return a pool without machines, from which provision can launch."""
    return _pool()


def build(name: str) -> Stage:
    """Give the named world, with its machines' agents."""
    return Stage(Pool(Account.restore(_snapshot(name))))


@functools.cache
def _snapshot(name: str) -> bytes:
    pool = pool_with_settings()
    state = pool.account.state
    hold(pool, OTHER_RUN)
    ready(pool)
    record_provision(pool, result=runs.PROVIDED)
    WORLDS[name](pool)
    ended_at = pool.account.clock.now()
    for run in (RUN, BUSY):
        state.runs[run] = WorkflowRun(id=run, attempt=1, completed_at=ended_at)
    state.runs[OTHER_RUN] = WorkflowRun(id=OTHER_RUN, attempt=1)
    pool.account.clock.moment += timedelta(minutes=4)
    _beat(pool)
    return pool.account.snapshot()


def _beat(pool: Pool) -> None:
    """Have every agent beat, and its runner register."""
    for number, (identifier, item) in enumerate(pool.table.of(records.INSTANCE).items()):
        pool.beat(identifier)
        run = records.text(item, "runId") or ""
        busy = run in {BUSY, OTHER_RUN}
        registration = RunnerRegistration(number, f"{identifier}-1769850000", offline=False, busy=busy)
        if records.text(item, "state") == records.RUNNING:
            pool.account.state.runners[number] = registration


def hold(pool: Pool, run: str, state: str = "running") -> str:
    """Leave a machine that a run has."""
    seconds = HOUR if state == "running" else HOUR / 10
    return machine(pool, state, run, seconds, signal=REGISTERED if state == "running" else "", signal_of=run)


def _three_labels(pool: Pool) -> None:
    hold(pool, RUN)
    hold(pool, f"{RUN}-gpu", "claimed")
    hold(pool, RUN, "created")


def _kept(pool: Pool) -> None:
    """Add what must stay next to what must go."""
    hold(pool, RUN)
    for run in (BUSY, UNKNOWN, "warm-5-large", "x77"):
        hold(pool, run)
    protected, stranger = hold(pool, RUN), hold(pool, RUN)
    pool.account.state.instances[protected].tags[PROTECTION_TAG] = "true"
    foreign = pool.account.state.instances[stranger]
    foreign.tags = {STRANGER: "yes"}


def _many(pool: Pool) -> None:
    for _ in range(12):
        hold(pool, RUN)


WORLDS: dict[str, Callable[[Pool], object]] = {
    "one running": lambda pool: hold(pool, RUN),
    "three labels": _three_labels,
    "next to others": _kept,
    "many": _many,
}


def run_again(pool: Pool) -> None:
    """Begin a second attempt of the run, as "re-run failed jobs" does."""
    pool.account.state.runs[RUN] = WorkflowRun(id=RUN, attempt=2)


def end(pool: Pool) -> None:
    """Complete the run's latest attempt."""
    state, now = pool.account.state, pool.account.clock.now()
    state.runs[RUN] = evolve(state.runs[RUN], completed_at=now)


def left(pool: Pool) -> list[str]:
    """List the machines that live, are the pool's, not protected, and held by a run that is over and not busy."""
    return [
        identifier
        for identifier, item in pool.table.of(records.INSTANCE).items()
        if (records.text(item, "runId") or "").partition("-")[0] == RUN
        and pool.account.state.runs[RUN].completed_at is not None
        and pool.ec2.state(identifier) in ALIVE
        and not {PROTECTION_TAG, STRANGER} & set(pool.account.state.instances[identifier].tags)
    ]


def kept(pool: Pool) -> dict[str, str]:
    """Return the living machines with the label of each."""
    return {
        identifier: records.text(item, "runId") or ""
        for identifier, item in pool.table.of(records.INSTANCE).items()
        if pool.ec2.state(identifier) in ALIVE and records.text(item, "state") != records.TERMINATED
    }
