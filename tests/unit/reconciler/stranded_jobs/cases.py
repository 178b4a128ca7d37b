"""Runs in a later attempt, their jobs, and what provision was asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from attrs import evolve

from refresh.pool.records import InstanceRecord, wire_time
from refresh.pool.runs import PROVIDED, KnownRun, RunRequest
from refresh.ports import WorkflowJob, WorkflowRun
from refresh.reconciler.stranded_jobs.actual import Actual
from refresh.reconciler.stranded_jobs.changes import Rescue
from tests.fakes.serial import NOW

RUN = WorkflowRun(id="77", attempt=2)
REQUEST = RunRequest(
    label="77",
    resource_class="large",
    usage_class="on-demand",
    count=1,
    instance_types=("c*",),
    max_runtime=timedelta(hours=1),
    reuse=True,
    attempt=1,
    link="https://github.com/octo/widgets/actions/runs/77",
    holder="the first attempt",
    deadline=NOW - timedelta(hours=1),
    asked_at=NOW - timedelta(hours=1),
)
KNOWN = KnownRun(request=REQUEST, result=PROVIDED)
JOB = WorkflowJob(name="build", labels=("77",), completed=False, queued_since=NOW - timedelta(minutes=5))


def known(result: str = PROVIDED, **changed: Any) -> KnownRun:
    """Give what provision was asked for, and came to."""
    return KnownRun(request=evolve(REQUEST, **changed), result=result)


def job(*labels: str, seconds: float = 300, **changed: Any) -> WorkflowJob:
    """Give a job that has waited for so many seconds."""
    waiting = evolve(JOB, labels=labels or ("77",), queued_since=NOW - timedelta(seconds=seconds))
    return evolve(waiting, **changed)


def record(state: str, run: str = "77", seconds: float = 60) -> InstanceRecord:
    """Give a machine of a run whose threshold is so many seconds ahead."""
    return InstanceRecord(
        id="i-0123456789abcdef0", state=state, run_id=run, threshold=wire_time(NOW + timedelta(seconds=seconds))
    )


def actual(*jobs: WorkflowJob, run: WorkflowRun = RUN, **more: Any) -> Actual:
    """Give what is known if one run has these jobs."""
    found: dict[str, Any] = {"asked": {"77": KNOWN}, **more}
    return Actual(runs={run.id: run}, jobs={run.id: jobs or (JOB,)}, **found)


def rescue(label: str = "77", **changed: Any) -> Rescue:
    """Give the change that provides for a label."""
    return evolve(Rescue(label=label, attempt=2, run_id="77", asked=REQUEST, rescues=1, jobs=("build",)), **changed)
