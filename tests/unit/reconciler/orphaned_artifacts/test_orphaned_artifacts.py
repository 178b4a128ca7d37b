"""Heartbeats and signals without a record: what is read, and what is deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from refresh.desired import Mode
from refresh.engine.change import Skipped, Unchecked
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import records
from refresh.reconciler.orphaned_artifacts import OrphanedArtifacts
from refresh.reconciler.orphaned_artifacts.actual import Actual, Artifact
from refresh.reconciler.orphaned_artifacts.changes import DeleteArtifact
from tests.fakes.memory import dynamodb
from tests.unit.reconciler import pools

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport
    from tests.simulation.pool import Pool

ID = "i-0123456789abcdef0"


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """Give a pool whose table answers with one item a page."""
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", 1)
    return pools.made()


def _beat(pool: Pool, *identifiers: str) -> None:
    """Write the heartbeat and signal of each id, two hours ago."""
    for identifier in identifiers:
        pool.beat(identifier)
    pool.account.clock.moment += timedelta(hours=2)


def _component(pool: Pool, recorded: frozenset[str] | Unchecked = frozenset()) -> OrphanedArtifacts:
    return OrphanedArtifacts(pool.desired, pool.clients.ec2, pools.sender(pool), lambda: recorded)


def _refresh(pool: Pool, recorded: frozenset[str] | Unchecked = frozenset()) -> ComponentReport:
    return converge(_component(pool, recorded), Run(mode=Mode.APPLY, clock=pool.account.clock)).report


def _left(pool: Pool) -> set[str]:
    return {identifier for kind in (records.HEARTBEAT, records.SIGNAL) for identifier in pool.table.of(kind)}


def test_every_orphan_of_both_kinds_is_deleted_a_hundred_at_a_time(pool: Pool) -> None:
    _beat(pool, *(f"i-{number:08x}" for number in range(51)))
    report = _refresh(pool)
    assert (len(report.done), report.failed, _left(pool)) == (102, False, set())
    assert [len(request["TransactItems"]) for _, request in pool.account.requests] == [100, 2]


def test_a_run_that_cleaned_nothing_does_not_look(pool: Pool) -> None:
    _beat(pool, ID)
    assert _refresh(pool, Unchecked("nothing cleaned")).status == "not checked"
    assert pool.account.calls == []


@pytest.mark.shows("A18")
def test_artifacts_of_a_recorded_or_living_instance_stay(pool: Pool) -> None:
    living = pool.launch().id
    _beat(pool, ID, living, "nonsense")
    assert _refresh(pool, frozenset({ID})).status == "as desired"
    assert _left(pool) == {ID, living, "nonsense"}


def test_an_artifact_that_is_written_again_stays(pool: Pool) -> None:
    _beat(pool, ID)
    component = _component(pool)
    plan = component.plan(component.observe(), pool.account.clock.now())
    pool.beat(ID)
    assert [type(each) for each in component.apply(plan.changes)] == [Skipped, Skipped]
    assert _left(pool) == {ID}


def test_predict_leaves_what_is_not_deleted(pool: Pool) -> None:
    beat, signal = (Artifact(kind, ID, "x") for kind in (records.HEARTBEAT, records.SIGNAL))
    after = _component(pool).predict(Actual((beat, signal)), [DeleteArtifact(beat)], pool.account.clock.now())
    assert after == Actual((signal,))
