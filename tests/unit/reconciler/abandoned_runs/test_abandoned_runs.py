"""The component: it asks once a run, marks as the collector does, and ends nothing itself."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from refresh.engine.change import Done, Plan, Skipped, Unchecked
from refresh.engine.component import Run
from refresh.engine.convergence import converge, following
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TEMPLATE_TAG, TemplateIds
from refresh.reconciler.abandoned_runs import AbandonedRuns
from refresh.reconciler.abandoned_runs.actual import Actual
from refresh.reconciler.garbage_collector.actual import Actual as Collected
from tests.fakes.desired import RUN_URL
from tests.fakes.memory.account import START
from tests.simulation.pool import Pool
from tests.unit.reconciler import pools
from tests.unit.reconciler.abandoned_runs.runs import ID, OTHER, over

ENDED = START - timedelta(hours=1)


def _pool(*identifiers: str) -> Pool:
    """Return a pool with machines of run 77, which is over."""
    pool = pools.made()
    pool.account.state.runs["77"] = over(completed_at=ENDED)
    for each in identifiers:
        _hold(pool, each)
    return pool


def _hold(pool: Pool, identifier: str, written: float = -7200) -> None:
    later = pool.in_time(3600)
    pool.record(identifier, artifacts=False, written=written, state="running", runId="77", threshold=later)


def _collected(pool: Pool) -> Collected:
    """Return what the collector would have read."""
    found = tuple(map(records.read_instance, pool.table.of(records.INSTANCE).values()))
    tags = {TEMPLATE_TAG: pools.TEMPLATE_ID}
    instances = {each.id: Ec2Instance(each.id, Ec2State.RUNNING, tags=tags) for each in found}
    return Collected(instances, found, TemplateIds(pools.TEMPLATE_ID))


def _component(pool: Pool, collected: Collected | Unchecked | None = None) -> AbandonedRuns:
    seen = collected or _collected(pool)
    clients = pool.clients
    return AbandonedRuns(pool.desired, clients.github, clients.runs, pools.sender(pool), lambda: seen)


def test_a_machine_of_a_run_that_is_over_is_marked_with_the_reason_and_the_run_that_did_it() -> None:
    pool = _pool(ID)
    report = converge(_component(pool), Run(mode=pool.desired.mode, clock=pool.account.clock)).report
    assert (report.failed, [each.subject for each in report.done], report.pending) == (False, [ID], ())
    item = pool.table.of(records.INSTANCE)[ID]
    written = {name: value["S"] for name, value in item.items() if "S" in value}
    now = pool.in_time(0)
    assert written.items() >= {"state": "terminated", "runId": "", "threshold": now, "updatedAt": now}.items()
    assert (written["endedState"], written["endedRunId"], written["endedReason"]) == ("running", "77", "abandoned")
    assert written["endedBy"] == RUN_URL
    assert pool.account.writes == ["dynamodb:TransactWriteItems"]


def test_a_run_asks_github_once_and_reads_the_records_again() -> None:
    pool = _pool(ID)
    converge(_component(pool), Run(mode=pool.desired.mode, clock=pool.account.clock))
    asked = ["github:GetRun", "github:ListRunners", "github:GetRun"]
    assert pool.account.calls == [*asked, "dynamodb:TransactWriteItems", "dynamodb:BatchGetItem"]


def test_a_mark_is_lost_against_a_provision_of_a_later_attempt() -> None:
    """It has renewed the record after the last question, even with the same values."""
    pool = _pool(ID, OTHER)
    component = _component(pool)
    marks = component.plan(component.observe(), START).changes
    _hold(pool, ID, written=0)
    assert [type(each) for each in component.apply(marks)] == [Skipped, Done]
    assert component.plan(component.observe(), START) == Plan()
    assert records.text(pool.table.of(records.INSTANCE)[ID], "state") == "running"


def test_without_the_collectors_reading_nothing_is_asked() -> None:
    blind = Unchecked("the garbage collector could not read")
    component = _component(pool := _pool(ID), blind)
    assert component.observe() == Actual(unchecked=blind)
    assert pool.account.calls == []


def test_a_dry_run_expects_that_a_mark_is_all_that_is_left_to_do() -> None:
    component = _component(_pool(ID, OTHER))
    actual = component.observe()
    plan = component.plan(actual, START)
    assert [each.subject for each in plan.changes] == [ID, OTHER]
    assert following(component, actual, plan.changes, START) == ()
    assert component.predict(actual, plan.changes, START) == evolve(actual, held=())
