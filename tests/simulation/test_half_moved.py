"""What docs/migrating.md says about a half-moved pool: which combinations work, and what must not happen meanwhile."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from refresh import errors
from refresh.pool import records
from tests import pages
from tests.fakes.desired import TEMPLATE
from tests.simulation.doors import PROVISION, RELEASE, RUN, provision, release
from tests.simulation.original_calls import CALL
from tests.simulation.original_provision import OriginalProvision
from tests.simulation.original_release import OriginalRelease
from tests.simulation.paces import FAST
from tests.simulation.stage import Stage
from tests.simulation.weeks import COMBINATIONS, NEW, OLD, Moved, half_moved, steady
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.day import Day
    from tests.simulation.pool import Pool

_ROW = r"^\| (old|new) \| (old|new) \| (old|new) \| (yes|no)\b"
ROWS = re.findall(_ROW, pages.page("docs/migrating.md"), re.MULTILINE)
SETTINGS = ("TYPE#SETTINGS", "ID#doors")


def _steady(moved: Moved, refresh_moved: Callable[[float], bool]) -> Day:
    """Return a pool whose first refresh has been ours."""
    return half_moved(steady(), lambda _: moved, refresh_moved)


def _states(pool: Pool) -> list[tuple[str | None, str | None]]:
    items = pool.table.of(records.INSTANCE).values()
    return [(records.text(each, "state"), records.text(each, "runId")) for each in items]


def test_table_has_all_combinations() -> None:
    assert [row[:3] for row in ROWS] == list(itertools.product(("old", "new"), repeat=3))


@pytest.mark.parametrize(("refresh", "provides", "releases", "works"), ROWS)
def test_combination_works_as_the_table_says(refresh: str, provides: str, releases: str, works: str) -> None:
    """Where it works, all builds get machines, and nearly all those that others gave back; otherwise none does.

    The old refresh has the pool back: it has made a version of the template with its own program.
    """
    new = refresh == "new"
    moved = Moved(provision=provides == "new", release=releases == "new")
    day = _steady(moved, lambda seconds: (seconds > 0) is new)
    figures = day.run("steady")
    ledger = figures.ledger
    assert [each.problem for each in ledger.refreshed if each.problem] == []
    assert (ledger.killed, ledger.unreachable, ledger.left) == ([], [], [])
    if works == "no":
        assert (len(ledger.served), len(ledger.unserved)) == (0, 36)
        return
    assert (len(ledger.served), len(ledger.unserved)) == (36, 0)
    assert sum(each.warm for each in ledger.served) >= 34


@pytest.mark.parametrize("moved", COMBINATIONS[1:], ids=str)
def test_ours_refuse_a_pool_that_our_refresh_has_never_kept(moved: Moved) -> None:
    """And launch nothing; what the old ones do for the others goes on."""
    day = _steady(moved, lambda _: False)
    day.stage.pool.table.delete(SETTINGS)
    ledger = day.run("never ours").ledger
    assert bool(ledger.releases_failed) is moved.release
    assert len(ledger.served) == (0 if moved.provision else 36)
    assert bool(day.stage.machines) is not moved.provision
    assert all("Run the pool's refresh workflow" in each for each in ledger.releases_failed)


@pytest.mark.parametrize("moved", [OLD, NEW], ids=str)
@pytest.mark.parametrize("together", [True, False], ids=["at the same moments", "in turn"])
def test_two_refreshes_end_no_job_and_change_the_template_each_time(moved: Moved, *, together: bool) -> None:
    """An old and a new one on the same pool: machines launched after the old one have its program."""
    turns = itertools.cycle([True, False])
    day = _steady(moved, lambda _: next(turns))
    if together:
        day.plan = evolve(day.plan, refreshes=tuple(sorted(2 * day.plan.refreshes)))
    figures = day.run("two refreshes")
    ledger = figures.ledger
    assert (ledger.shared, ledger.killed, ledger.unreachable, ledger.left) == ([], [], [], [])
    assert [each.problem for each in ledger.refreshed if each.problem] == []
    assert len(ledger.served) == 36
    assert day.account.state.templates[TEMPLATE].latest >= len(day.plan.refreshes)
    # Our provision waits in vain for the report of a machine with the old program.
    assert (max(each.waited for each in ledger.served) > 240) is (moved is NEW)


def test_without_original_modes_the_old_provision_fails_and_the_old_release_loses_machines() -> None:
    """Which is why they are switched off last."""
    stage = Stage(pool := build("up to date"))
    assert pool.run(original_modes=False).exit_code == 0
    theirs = OriginalProvision(pool, RUN)
    stage.until(stage.begin(theirs.steps()))
    assert (theirs.outcome, pool.alive) == ("failed", [])
    stage = Stage(pool := build("up to date"))
    assert pool.run(original_modes=False).exit_code == 0
    assert provision(stage).available
    given_back = OriginalRelease(pool, RUN)
    stage.until(stage.begin(given_back.steps()))
    assert (len(given_back.released), given_back.offered) == (1, [])
    stage.pass_time(120)
    assert pool.alive == []


def test_with_a_name_ours_and_the_old_ones_work_in_one_run() -> None:
    """Neither counts, gives back or releases the machine of the other."""
    stage = Stage(pool := build("up to date"))
    theirs = OriginalProvision(pool, RUN)
    stage.until(stage.begin(theirs.steps()))
    named = evolve(PROVISION, name="tests")
    assert provision(stage, named).available
    assert _states(pool) == [("running", RUN), ("running", f"{RUN}-tests")]
    stage.until(stage.begin(OriginalRelease(pool, RUN).steps()))
    assert _states(pool) == [("idle", ""), ("running", f"{RUN}-tests")]
    assert release(pool, evolve(RELEASE, name="tests")).exit_code == 0
    assert _states(pool) == [("idle", "")] * 2


@pytest.mark.parametrize("size", ["large", "xlarge"])
def test_without_a_name_ours_leaves_the_old_one_s_machine_alone_and_is_refused(size: str) -> None:
    """Also in later attempts, and our release gives back what the old provision got, whatever ours was asked for."""
    stage = Stage(pool := build("up to date"))
    stage.until(stage.begin(OriginalProvision(pool, RUN).steps()))
    for attempt in (1, 2):
        wanted = evolve(PROVISION, resource_class=size, attempt=attempt, reuse=False, if_unavailable="ubuntu-latest")
        refused = provision(stage, wanted)
        assert isinstance(refused.report.error, errors.Refused)
        assert "Give this provision a name" in str(refused.report.error)
        assert (_states(pool), len(pool.alive)) == ([("running", RUN)], 1)
    assert release(pool).exit_code == 0
    assert _states(pool) == [("idle", "")]


@pytest.mark.parametrize("calls", [*range(12), 100])
def test_without_a_name_no_machine_is_given_to_both(calls: int) -> None:
    """However many calls after the old one ours begins: it is refused, or has a machine of its own."""
    stage = Stage(pool := build("up to date"))
    theirs = OriginalProvision(pool, RUN)
    process = stage.begin(theirs.steps())
    stage.pass_time(calls * CALL)
    ours = provision(stage)
    stage.until(process)
    assert theirs.outcome == "provided"
    assert not {each.id for each in ours.ready} & {*theirs.provided}
    assert (len(pool.alive), isinstance(ours.report.error, errors.Refused)) in {(2, False), (1, True)}


def test_the_old_release_waits_two_minutes_for_a_machine_that_ours_took_at_once() -> None:
    """And ends it, if it is idle again by then."""
    stage = Stage(pool := build("up to date"), FAST)
    stage.until(stage.begin(OriginalProvision(pool, RUN).steps()))
    began_at = pool.account.clock.now()
    theirs = OriginalRelease(pool, RUN)
    process = stage.begin(theirs.steps())
    stage.pass_time(7)
    other = evolve(PROVISION, run_id="88")
    assert [each.origin for each in provision(stage, other).ready] == ["claimed"]
    assert release(pool, evolve(RELEASE, run_id="88")).exit_code == 0
    stage.until(process)
    assert (pool.account.clock.now() - began_at).total_seconds() >= 120
    assert (len(theirs.released), theirs.offered) == (1, [])
    stage.pass_time(120)
    assert pool.alive == []
