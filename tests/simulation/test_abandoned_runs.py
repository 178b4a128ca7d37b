"""Runs that ended without release: their machines end, whatever dies, fails or happens meanwhile, and no others."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from refresh import errors
from refresh.pool import records, runs
from refresh.ports import WorkflowRun
from tests.fakes.memory.account import Watch
from tests.fakes.memory.github import GitHub
from tests.simulation import abandoned_worlds as worlds
from tests.simulation.abandoned_breakages import BREAKAGES
from tests.simulation.abandoned_worlds import WORLDS, build, end, kept, left, run_again
from tests.simulation.actors import run_another
from tests.simulation.doors import PROVISION, RUN, provision
from tests.simulation.figures import SINGLES, TALLY, Tally
from tests.simulation.invariants import crashed, failing, require, settle, watched
from tests.simulation.provision_ends import watched as watched_provision
from tests.simulation.provision_invariants import later
from tests.simulation.provision_schedules import provision_aside, release_aside
from tests.simulation.schedules import (
    PHASES,
    CrashAt,
    FailAlways,
    FailAt,
    InterfereAt,
    calls_of,
    operations_of,
    points_of,
)
from tests.simulation.search import in_turn, require_nothing, require_noticed
from tests.simulation.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from refresh.pool.names import Repository
    from tests.simulation.pool import Pool

KINDS = (errors.Unavailable, errors.Throttled, errors.PermissionDenied, errors.CredentialsExpired, errors.Rejected)
EVERY = {"short": 3, "push": 1, "nightly": 1}
"""Every how manyth call something happens at."""


def _finish(pool: Pool) -> None:
    """Require that the machines end with the next run, and that the others stay."""
    before = kept(pool)
    ending = left(pool)
    watched(pool, Watch())
    require(not left(pool), "L1", f"{left(pool)} are held by a run that is over")
    others = {each: label for each, label in before.items() if each not in ending}
    require(kept(pool) == others, "S3", f"{others} became {kept(pool)}")


@pytest.mark.parametrize("world", WORLDS)
def test_one_refresh_marks_the_machines_of_a_run_that_is_over_and_the_next_one_ends_them(
    world: str, tally: Tally
) -> None:
    stage = build(world)
    assert left(stage.pool)
    _finish(stage.pool)
    settle(stage.pool)
    tally.add("clean refreshes after an abandoned run")


def test_after_a_forced_cancel_one_refresh_ends_the_machine_by_its_own_agent() -> None:
    """Provision worked, the jobs ran, and release never did."""
    stage = Stage(worlds.pool_with_settings())
    assert watched_provision(stage, PROVISION).available
    stage.pool.account.state.runs[RUN] = WorkflowRun(id=RUN, attempt=1)
    stage.pass_time(60)
    end(stage.pool)
    stage.pass_time(600)
    (machine,) = left(stage.pool)
    assert watched(stage.pool, Watch()).exit_code == 0
    stage.pass_time(90)
    assert machine not in stage.pool.alive
    settle(stage.pool)


def test_a_provision_that_outlives_its_run_leaves_its_machine_for_less_than_the_maximum_runtime() -> None:
    """The run was cancelled by force, which does not stop a refresh that rescues its jobs either."""
    stage = Stage(worlds.pool_with_settings())
    stage.pool.account.state.runs[RUN] = WorkflowRun(id=RUN, attempt=1)
    end(stage.pool)
    assert watched_provision(stage, evolve(PROVISION, max_runtime=timedelta(hours=6))).available
    (machine,) = left(stage.pool)
    for _ in range(4):
        stage.pass_time(600)
        watched(stage.pool, Watch())
    stage.pass_time(90)
    assert machine not in stage.pool.alive
    settle(stage.pool)


@pytest.mark.parametrize("world", WORLDS)
def test_a_crash_at_any_call_is_repaired_by_the_next_run(world: str, tally: Tally) -> None:
    """Before its effect and after it."""
    for point in tally.sampled(points_of(build(world).pool), EVERY):
        pool = build(world).pool
        assert crashed(pool, CrashAt(*point))
        _finish(pool)
        settle(pool)
        tally.add("crashes with abandoned runs")


@pytest.mark.parametrize("world", ["three labels", "next to others"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_call_that_fails_ends_nothing_else_and_is_repaired(
    world: str, kind: type[errors.ApiError], tally: Tally
) -> None:
    """Once, or for the whole run; before its effect, or with a lost answer."""
    pool = build(world).pool
    seams = [FailAt(*point, kind) for point in tally.sampled(points_of(pool), SINGLES)]
    operations = itertools.product(operations_of(build(world).pool), PHASES)
    for seam in [*seams, *(FailAlways(*each, kind) for each in tally.sampled(list(operations), SINGLES))]:
        failing(build(world).pool, seam)
        tally.add("failures with abandoned runs")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("operation", ["github:GetRun", "github:ListRunners"])
def test_a_github_that_fails_ends_nothing_and_fails_no_run(kind: type[errors.ApiError], operation: str) -> None:
    pool = build("next to others").pool
    before = kept(pool)
    assert watched(pool, FailAlways(operation, "before", kind)).exit_code == 0
    assert kept(pool) == before
    _finish(pool)


def test_an_answer_without_sense_about_one_run_keeps_no_other_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = GitHub.run

    def answer(github: GitHub, repository: Repository, run_id: str) -> WorkflowRun:
        if run_id == worlds.UNKNOWN:
            raise errors.Unavailable("github:GetRun", "Unexpected", "a run in the answer has no id.")
        return asked(github, repository, run_id)

    monkeypatch.setattr(GitHub, "run", answer)
    pool = build("next to others").pool
    assert watched(pool, Watch()).exit_code == 0
    assert not left(pool)
    assert worlds.UNKNOWN in kept(pool).values()


def _numbers(world: str) -> list[int]:
    return list(TALLY.sampled(range(calls_of(build(world).pool)), EVERY))


@pytest.mark.parametrize("world", ["one running", "three labels"])
def test_jobs_that_are_run_again_before_the_second_answer_keep_their_machines(world: str, tally: Tally) -> None:
    """From then on nothing can be seen, and a job begins on another machine."""
    stage = build(world)
    watched(stage.pool, Watch())
    answered = max(number for number, each in enumerate(stage.pool.account.calls) if each == "github:GetRun")
    for number in range(answered + 1):
        pool = build(world).pool
        before = kept(pool)
        watched(pool, InterfereAt(number, lambda: run_again(pool)))  # noqa: B023 - it is used at once
        assert kept(pool) == before
        tally.add("runs again during a refresh")


@pytest.mark.parametrize("number", _numbers("one running"))
def test_a_provision_of_a_later_attempt_at_any_call_gets_machines_that_stay(number: int, tally: Tally) -> None:
    """It renews what is not marked, and replaces what is."""
    stage = build("one running")

    def provide() -> None:
        run_again(stage.pool)
        provision_aside(stage, later(PROVISION))

    watched(stage.pool, InterfereAt(number, provide))
    provided = records.mapping(stage.pool.table.of(records.RUN)[RUN], "value")
    assert (records.number(provided, "attempt"), records.text(provided, "result")) == (2, runs.PROVIDED)
    held = [each for each, label in kept(stage.pool).items() if label == RUN]
    assert len(held) == 1
    watched(stage.pool, Watch())
    assert held == [each for each, label in kept(stage.pool).items() if label == RUN]
    tally.add("provisions during a refresh")


@pytest.mark.parametrize("world", ["one running", "three labels"])
@pytest.mark.parametrize(
    "aside", [release_aside, lambda stage: run_another(stage.pool, Watch())], ids=["release", "refresh"]
)
def test_a_release_or_another_refresh_at_any_call_is_harmless(
    world: str, aside: Callable[[Stage], None], tally: Tally
) -> None:
    for number in _numbers(world):
        stage = build(world)
        watched(stage.pool, InterfereAt(number, lambda: aside(stage)))  # noqa: B023 - it is used at once
        _finish(stage.pool)
        settle(stage.pool)
        tally.add("releases and refreshes during a refresh")


def test_a_later_attempt_that_is_over_too_leaves_nothing_either() -> None:
    stage = build("one running")
    run_again(stage.pool)
    provision(stage, later(PROVISION))
    end(stage.pool)
    stage.pass_time(600)
    _finish(stage.pool)


def _again(pool: Pool, *, over: bool) -> None:
    run_again(pool)
    if over:
        end(pool)
        runs = pool.account.state.runs
        runs[RUN] = evolve(runs[RUN], completed_at=runs[RUN].completed_at - timedelta(minutes=3))


def _renew(pool: Pool) -> None:
    """Write each record with the values that it has, as provision does in the second in which a time repeats."""
    for item in list(pool.table.of(records.INSTANCE).values()):
        pool.table.put({**item, "updatedAt": {"S": pool.in_time(0)}})


def _interferences(act: Callable[[Pool], object]) -> Callable[[], Iterator[None]]:
    def search() -> Iterator[None]:
        for number in range(calls_of(build("next to others").pool)):
            pool = build("next to others").pool
            watched(pool, InterfereAt(number, lambda: act(pool)))  # noqa: B023 - it is used at once
            yield

    return search


def _clean() -> Iterator[None]:
    for world in WORLDS:
        _finish(build(world).pool)
        yield
    stage = build("one running")
    end(stage.pool)
    watched(stage.pool, Watch())
    yield


SEARCHES = {
    "clean": _clean,
    "run again": _interferences(lambda pool: _again(pool, over=False)),
    "over again": _interferences(lambda pool: _again(pool, over=True)),
    "renewed": _interferences(_renew),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_every_breakage_of_the_looks_is_noticed(breakage: str, tally: Tally) -> None:
    require_noticed(breakage, BREAKAGES[breakage](), SEARCHES, "SL", tally)


def test_nothing_is_noticed_without_a_breakage(tally: Tally) -> None:
    require_nothing("abandoned runs without a breakage", SEARCHES, tally)


def test_searches_take_turns() -> None:
    assert len(list(in_turn([search() for search in SEARCHES.values()]))) > len(SEARCHES)
