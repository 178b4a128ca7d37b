"""A pool whose run 77 was run again without its provision job, and refreshes that rescue the jobs that wait."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from refresh.pool import records, runs
from refresh.ports import WorkflowJob, WorkflowRun
from refresh.reconciler import reconciliation
from tests.fakes.desired import TABLE
from tests.fakes.memory.account import Account, Crash, Watch
from tests.fakes.serial import Serial
from tests.simulation.door_worlds import write_settings
from tests.simulation.doors import PROVISION, RUN, StageClock
from tests.simulation.invariants import require
from tests.simulation.paces import USUAL, Pace
from tests.simulation.pool import Pool
from tests.simulation.provision_worlds import ready
from tests.simulation.stage import Stage
from tests.simulation.worlds import build as build_pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.report import ComponentReport, Report
    from tests.fakes.memory.account import Seam

ATTEMPT = 2
EVERY = timedelta(minutes=10)
"""How often refresh runs."""


def asked(**changed: Any) -> runs.RunRequest:
    """Give what the provision of attempt 1 was asked for."""
    request = runs.RunRequest(
        label=RUN,
        resource_class="large",
        usage_class="on-demand",
        count=1,
        instance_types=PROVISION.instance_types,
        max_runtime=timedelta(),
        reuse=True,
        attempt=1,
        link="https://github.com/octo/widgets/actions/runs/77",
        holder="the first attempt",
        deadline=Account().clock.now(),
        asked_at=Account().clock.now(),
    )
    return evolve(request, **changed)


def provided(result: str = runs.PROVIDED, **changed: Any) -> records.Item:
    """Give the RUN item of the provision of attempt 1."""
    item: records.Item = runs.conclusion(TABLE, asked(**changed), result, Account().clock.now())["Item"]
    return item


def build(machines: int = 0, pace: Pace = USUAL, result: str = runs.PROVIDED, **changed: Any) -> Stage:
    """Give a pool with machines that are ready, and a job of the second attempt that has waited for two minutes."""
    pool = Pool(Account.restore(_snapshot(machines)))
    pool.desired = evolve(pool.desired, rescue_stranded_jobs=True)
    pool.table.put(provided(result, **changed))
    wait(pool, RUN)
    return Stage(pool, pace)


def wait(pool: Pool, *labels: str, run: str = RUN, attempt: int = ATTEMPT, **changed: Any) -> None:
    """Let a job of a run wait for labels since two minutes; `changed` are fields of the job."""
    since = pool.account.clock.now() - timedelta(minutes=2)
    job = WorkflowJob(name=f"build {labels[0]}", labels=labels, completed=False, queued_since=since)
    pool.account.state.runs[run] = WorkflowRun(id=run, attempt=attempt)
    pool.account.state.jobs.setdefault(run, []).append(evolve(job, **changed))


@functools.cache
def _snapshot(machines: int) -> bytes:
    pool = build_pool("up to date")
    version = next(iter(pool.account.state.templates.values())).default
    write_settings(pool, template_version=version, token_valid_until=pool.account.clock.now() + timedelta(minutes=45))
    ready(pool, machines)
    return pool.account.snapshot()


@define
class OnStage:
    """A seam that lets agents and other programs act at every call, before it hands over to another seam."""

    stage: Stage
    inner: Seam = field(factory=Watch)

    def before(self, number: int, operation: str) -> None:
        """Let the others act."""
        self.inner.before(number, operation)
        self.stage.catch_up()

    def after(self, number: int, operation: str) -> None:
        """Let the others act, and jobs begin."""
        self.stage.catch_up()
        serve(self.stage)
        self.inner.after(number, operation)


def refresh(stage: Stage, seam: Seam | None = None, **changed: Any) -> Report:
    """Run refresh once, while agents work."""
    account = stage.pool.account
    account.seam = OnStage(stage, seam or Watch())
    account.requests.clear()
    account.calls.clear()
    begun = reconciliation.begin(evolve(stage.pool.desired, **changed), stage.pool.clients, StageClock(stage), Serial())
    return begun.report()


def dies(stage: Stage, seam: Seam) -> bool:
    """Run refresh under a seam; return whether the process died."""
    try:
        refresh(stage, seam)
    except Crash:
        return True
    return False


def component(report: Report) -> ComponentReport:
    """Return what the component reports."""
    return next(each for each in report.components if each.name == "stranded jobs")


def serve(stage: Stage) -> None:
    """Let a job that waits begin on a machine that has registered under its label."""
    for jobs in stage.pool.account.state.jobs.values():
        for number, job in enumerate(jobs):
            if job.queued_since and any(serving(stage, label) for label in job.labels):
                now = stage.pool.account.clock.now()
                jobs[number] = evolve(job, queued_since=None, started_at=now)


def serving(stage: Stage, label: str = RUN) -> list[str]:
    """List the machines whose agents serve a label."""
    return [each for each, agent in stage.agents.items() if agent.alive and agent.serves(label)]


def running(stage: Stage, label: str = RUN) -> list[str]:
    """List the machines that are recorded as running for a label and registered under it."""
    found = stage.pool.table.of(records.INSTANCE).items()
    at_work = serving(stage, label)
    state = [each for each, item in found if _seen(item) == ("running", label)]
    return [each for each in state if each in at_work]


def waiting(stage: Stage) -> list[WorkflowJob]:
    """List the jobs that still wait."""
    return [each for jobs in stage.pool.account.state.jobs.values() for each in jobs if each.queued_since]


def require_rescued(stage: Stage, number: int = 1, label: str = RUN) -> None:
    """Check that so many machines run for a label, and that no job waits."""
    require(len(running(stage, label)) == number, "rescued", running(stage, label))
    require(not waiting(stage), "rescued", waiting(stage))


def launches(stage: Stage) -> int:
    """Count the fleets of the last run."""
    return stage.pool.account.writes.count("ec2:CreateFleet")


def _seen(item: Any) -> tuple[str | None, str | None]:
    return records.text(item, "state"), records.text(item, "runId")


def each_call(stage: Callable[[], Stage]) -> range:
    """Return the numbers of the calls of a refresh."""
    thrown_away = stage()
    refresh(thrown_away)
    return range(len(thrown_away.pool.account.calls))


def pass_until(stage: Stage, moment: datetime) -> None:
    """Let time pass, and jobs begin."""
    account = stage.pool.account
    account.seam = OnStage(stage)
    while (now := account.clock.now()) < moment:
        stage.pass_time(min(15, (moment - now).total_seconds()))
        serve(stage)


def aside(stage: Stage, act: Callable[[Stage], object]) -> None:
    """Let another process act in the middle of one."""
    account = stage.pool.account
    seam, calls, requests = account.seam, list(account.calls), list(account.requests)
    account.seam = OnStage(stage)
    act(stage)
    account.seam = seam
    account.calls[:], account.requests[:] = calls, requests
