"""The archived action's two modes, as the simulation has them, work with each other and with the agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.pool import records
from tests.fakes.desired import LARGE_QUEUE
from tests.simulation.original_provision import OriginalProvision
from tests.simulation.original_release import OriginalRelease
from tests.simulation.paces import FAST, SLOW, USUAL, Pace
from tests.simulation.stage import Stage
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from tests.simulation.pool import Pool

RUN, OTHER_RUN = "77", "88"


def _pool(*states: str) -> Pool:
    pool = build("up to date")
    for state in states:
        run = "" if state == "idle" else RUN
        pool.record(pool.launch(), state=state, runId=run, threshold=pool.in_time(1200))
    return pool


def _state(pool: Pool, identifier: str) -> tuple[str | None, str | None]:
    item = pool.table.of(records.INSTANCE).get(identifier, {})
    return records.text(item, "state"), records.text(item, "runId")


def test_an_empty_pool_launches_and_provides() -> None:
    stage = Stage(pool := _pool())
    provision = OriginalProvision(pool, RUN, count=2)
    stage.until(stage.begin(provision.steps()))
    assert provision.outcome == "provided"
    assert [_state(pool, each) for each in provision.provided] == [("running", RUN)] * 2


@pytest.mark.parametrize("pace", [FAST, USUAL, SLOW])
def test_what_one_run_releases_another_run_gets(pace: Pace) -> None:
    stage = Stage(pool := _pool("running", "running"), pace)
    stage.until(stage.begin((release := OriginalRelease(pool, RUN)).steps()))
    assert sorted(release.offered) == sorted(pool.account.state.instances)
    stage.pass_time(5)
    provision = OriginalProvision(pool, OTHER_RUN, count=2)
    stage.until(stage.begin(provision.steps()))
    assert (provision.outcome, provision.created) == ("provided", [])
    assert [_state(pool, each) for each in provision.provided] == [("running", OTHER_RUN)] * 2


@pytest.mark.parametrize("calls", range(9))
def test_a_release_that_dies_leaves_what_no_message_offers(calls: int) -> None:
    """Two reads, the query, the write, and looks each ten seconds: the message is the last."""
    stage = Stage(pool := _pool("running"), SLOW)
    process = stage.begin((release := OriginalRelease(pool, RUN)).steps(), dies_at=calls)
    stage.until(process)
    assert (process.made, release.offered) == (calls, [])
    assert pool.account.state.queues[LARGE_QUEUE].messages == []


def test_a_failed_launch_gives_claimed_machines_back_at_once() -> None:
    stage = Stage(pool := _pool("running"))
    stage.until(stage.begin(OriginalRelease(pool, RUN).steps()))
    stage.pass_time(5)
    provision = OriginalProvision(pool, OTHER_RUN, count=2, capacity=0)
    stage.until(stage.begin(provision.steps()))
    (identifier,) = provision.claimed
    assert provision.outcome == "failed"
    assert _state(pool, identifier) == ("idle", "")
    assert stage.agents[identifier].phase == "serving"
    assert len(pool.account.state.queues[LARGE_QUEUE].messages) == 1


def test_an_instance_ends_itself_after_its_threshold_and_beats_until_then() -> None:
    stage = Stage(pool := _pool("running"))
    (identifier,) = pool.alive
    stage.pass_time(1200 + 60)
    beat = records.text(pool.table.of(records.HEARTBEAT)[identifier], "updatedAt")
    assert beat >= pool.in_time(-5)  # type: ignore[operator]
    stage.pass_time(20)
    assert pool.alive == []


def test_a_machine_that_is_claimed_again_before_it_noticed_keeps_its_registration() -> None:
    stage = Stage(pool := _pool("running"))
    (identifier,) = pool.alive
    item = pool.table.of(records.INSTANCE)[identifier]
    for run in ("", RUN):
        pool.table.put({**item, "runId": {"S": run}})
        stage.pass_time(2)
    stage.pass_time(60)
    assert stage.agents[identifier].phase == "serving"
    assert not stage.agents[identifier].deregistered
