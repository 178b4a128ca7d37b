"""Machines that wait for a run: crashes, two runs at once, scripts that fail, and a schedule that stops."""

from __future__ import annotations

import functools
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from refresh.pool import names, records
from tests.fakes.desired import OTHER_IMAGE
from tests.fakes.memory.account import Watch
from tests.simulation.actors import run_another
from tests.simulation.invariants import crashed, watched
from tests.simulation.paces import Fault, Pace
from tests.simulation.schedules import CrashAt, InterfereAt, calls_of, points_of
from tests.simulation.warm_pools import WarmWorld, ready, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.figures import Tally

END = "ec2:TerminateInstances"


def _busy() -> WarmWorld:
    """Give a pool in which a run launches one machine, promotes one and extends the time of one."""
    made = ready(min_idle=(("large", 1),))
    made.pass_time(600)
    made.refresh(min_idle=(("large", 2),))
    made.pass_time(900)
    made.pool.desired = world(min_idle=(("large", 3),)).pool.desired
    return made


WORLDS: dict[str, tuple[Callable[[], WarmWorld], int]] = {"empty": (world, 2), "busy": (_busy, 3)}
"""By name: how to make it, and how many machines are to wait in the end."""


def _require_minimum(made: WarmWorld, number: int) -> None:
    """Require that so many machines wait, that no others were launched, and that none is untracked or was ended."""
    assert (len(made.waiting()), len(made.launched), made.untracked()) == (number, number, [])
    assert made.item()["pending"] == {"M": {}}


def test_a_busy_run_launches_promotes_and_keeps() -> None:
    made = _busy()
    done = {each.done for each in made.later(0).done}
    assert done == {"kept", "readied", "asked_for", "launched", "written"}
    made.later()
    _require_minimum(made, 3)


@pytest.mark.shows("F35w")
@pytest.mark.parametrize("name", [pytest.param(each, id=f"F35w-{each}") for each in WORLDS])
def test_a_crash_at_any_call_leaks_nothing_and_launches_nothing_twice(name: str, tally: Tally) -> None:
    """Two runs later all is as without the crash: the first one repeats the launch of the one that died."""
    build, number = WORLDS[name]
    for point in points_of(build().pool):
        made = build()
        assert crashed(made.pool, CrashAt(*point))
        made.stage.catch_up()
        for _ in range(2):
            assert made.later().failed is False
            assert END not in made.pool.account.writes
        _require_minimum(made, number)
        assert made.later(1).planned == ()
        tally.add("crashes of a run that launches waiting machines")


@pytest.mark.shows("F35x")
@pytest.mark.parametrize("name", [pytest.param(each, id=f"F35x-{each}") for each in WORLDS])
def test_two_runs_at_once_launch_the_minimum_once(name: str, tally: Tally) -> None:
    """The second one runs while the first one is at any of its calls."""
    build, number = WORLDS[name]
    for position in range(calls_of(build().pool)):
        made = build()
        report = watched(made.pool, InterfereAt(position, functools.partial(run_another, made.pool, Watch())))
        assert report.exit_code == 0
        assert len(made.launched) == number
        made.stage.catch_up()
        made.later()
        _require_minimum(made, number)
        tally.add("two runs that launch waiting machines")


@pytest.mark.parametrize("name", WORLDS)
def test_a_crash_during_another_run_launches_nothing_twice(name: str, tally: Tally) -> None:
    build, number = WORLDS[name]
    points = points_of(build().pool)
    schedules = [(position, point) for position in range(calls_of(build().pool)) for point in points]
    for position, point in tally.sampled(schedules, row=len(points)):
        made = build()
        watched(made.pool, InterfereAt(position, functools.partial(run_another, made.pool, CrashAt(*point))))
        made.stage.catch_up()
        for _ in range(2):
            made.later()
        _require_minimum(made, number)
        tally.add("crashes during a run that launches waiting machines")


@pytest.mark.shows("F35y")
@pytest.mark.parametrize("fault", [Fault.SCRIPT_FAILS, Fault.NEVER_BOOTS], ids=["F35y-script", "F35y-boot"])
def test_a_script_that_never_comes_up_costs_three_machines_and_then_none(fault: Fault) -> None:
    made = world(min_idle=(("large", 2), ("xlarge", 5)))
    made.stage.pace = Pace(fault=fault)
    made.refresh()
    reports = [made.later() for _ in range(12)]
    assert len(made.launched) == 3
    assert [each.failed for each in reports] == [True] * 12
    (message,) = reports[-1].refusals
    assert all(each in message for each in made.launched)
    assert "version 1 of the launch template" in message
    assert made.pool.alive == []


@pytest.mark.parametrize("fault", [Fault.SCRIPT_FAILS, None], ids=["script fails", "script works"])
def test_a_template_that_changes_in_every_run_costs_the_machines_of_three_versions(fault: Fault | None) -> None:
    """As two workflows with different inputs make it."""
    made = world()
    made.stage.pace = Pace(fault=fault)
    made.refresh()
    refusals: tuple[str, ...] = ()
    for image in itertools.islice(itertools.cycle([OTHER_IMAGE, made.pool.desired.image]), 12):
        made.pool.desired = evolve(made.pool.desired, image=image)
        refusals = made.later().refusals
    assert len(made.launched) <= 6
    assert ("3 versions of the launch template in a row" in " ".join(refusals)) is bool(fault)


def test_another_version_of_the_template_is_tried_anew() -> None:
    made = world()
    made.stage.pace = Pace(fault=Fault.SCRIPT_FAILS)
    made.refresh()
    for _ in range(6):
        made.later()
    made.stage.pace = Pace()
    made.pool.desired = world(image=OTHER_IMAGE).pool.desired
    assert not made.later().failed
    made.later()
    assert len(made.waiting()) == 2
    assert len(made.launched) == 5


def test_without_runs_all_waiting_machines_end_within_61_minutes() -> None:
    """By their agents alone, whenever the last run was."""
    made = ready()
    made.later(1800)
    assert len(made.waiting()) == 2
    made.later(1)
    for _ in range(61):
        made.stage.pass_time(60)
    assert made.pool.alive == []


def test_the_minimum_ends_no_machine_and_replaces_none() -> None:
    """For a day of runs: the same two machines wait."""
    made = ready()
    first = made.waiting()
    for _ in range(144):
        report = made.later()
        assert not report.failed
        assert END not in made.pool.account.writes
    assert (made.waiting(), made.launched) == (first, first)


def test_a_rollout_never_goes_below_the_minimum_and_replaces_one_class_at_a_time() -> None:
    made = ready(min_idle=(("large", 2), ("xlarge", 2)))
    made.later()
    old = set(made.waiting())
    assert len(old) == 4
    made.pool.desired = world(image=OTHER_IMAGE, min_idle=made.pool.desired.min_idle).pool.desired
    launched: list[set[str]] = []
    for _ in range(12):
        report = made.later()
        launched.append({each.subject for each in report.done if each.done == "asked_for"})
        classes = [_class_of(made, each) for each in made.waiting()]
        assert min(classes.count("large"), classes.count("xlarge")) >= 2
    assert [each for each in launched if each] == [{"2 on-demand large"}, {"2 on-demand xlarge"}]
    assert len(made.waiting()) == 4
    assert old.isdisjoint(made.waiting())


def test_a_rollout_without_room_lets_one_machine_of_the_class_expire_at_a_time() -> None:
    made = ready(max_instances=(("large", 2),))
    made.pool.desired = world(image=OTHER_IMAGE, max_instances=(("large", 2),)).pool.desired
    found, old = made.waiting(), set(made.waiting())
    for _ in range(30):
        made.later()
        found = made.waiting()
        assert len(made.pool.alive) <= 2
        assert found
    assert len(found) == 2
    assert old.isdisjoint(found)


def test_a_late_schedule_does_not_lose_what_has_booted() -> None:
    made = world()
    made.refresh()
    made.later(25 * 60)
    assert len(made.waiting()) == len(made.launched) == 2


@pytest.mark.parametrize(("number", "adopted"), [(1, True), (2, False)])
def test_what_a_killed_run_has_launched_is_not_forgotten_if_the_next_run_is_late(number: int, *, adopted: bool) -> None:
    """After its grace the collector ends one machine without a record; of several it says so, and they are recorded."""
    made = world(min_idle=(("large", number),))
    crashed(made.pool, CrashAt(_call("ec2:CreateFleet"), "after"))
    made.stage.catch_up()
    lost = set(made.untracked())
    assert len(lost) == number
    assert not made.later(20 * 60).failed
    assert lost.isdisjoint(made.pool.alive) is adopted
    for _ in range(2):
        made.later()
    assert len(made.waiting()) == number
    assert len(made.launched) == number + adopted
    assert made.item()["unready"] == {"M": {}}


def _call(operation: str) -> int:
    """Give the number of a call in the run that launches."""
    counted = world()
    calls_of(counted.pool)
    return counted.pool.account.calls.index(operation)


def _class_of(made: WarmWorld, identifier: str) -> str:
    return records.text(made.pool.table.of(records.INSTANCE)[identifier], "resourceClass") or ""


def test_protected_and_old_machines_do_not_count() -> None:
    made = ready()
    first, second = made.waiting()
    made.pool.account.state.instances[first].tags["refresh-action:protect"] = "true"
    made.pool.account.state.instances[second].launched_at -= timedelta(days=8)
    report = made.later(1)
    assert [each.subject for each in report.done if each.done == "asked_for"] == ["2 on-demand large"]


_FOREIGN: dict[str, dict[str, object]] = {
    "more than the minimum": {"count": 500},
    "another class": {"label": "warm-5-xlarge"},
    "the label of a run": {"label": "77"},
    "a launch in the future": {"at": "2099-01-01T00:00:00Z"},
}
"""What no run of refresh writes into the item, but a job on a runner could."""


def _key(made: WarmWorld) -> str:
    """Name the template and its version as the item does."""
    ((identifier, template),) = made.pool.account.state.templates.items()
    return f"{identifier}:{template.default}"


@pytest.mark.shows("A73")
@pytest.mark.parametrize("forged", [pytest.param(each, id=f"A73-{each}") for each in _FOREIGN])
def test_an_item_that_no_run_has_written_launches_no_more_than_the_minimum(forged: str) -> None:
    """And does not keep the next runs from launching it."""
    made = world()
    pool = made.pool
    pending = {"token": "a", "label": "warm-5-large", "count": 2, "usageClass": "on-demand", "at": pool.in_time(-200)}
    unready = {"i-0123456789abcdef0": {"resourceClass": "large", "at": "2099-01-01T00:00:00Z"}}
    value = {
        "version": _key(made),
        "proven": True,
        "unready": unready,
        "pending": {"large": {**pending, **_FOREIGN[forged]}},
    }
    pool.table.put(records.item(records.METADATA, names.WARM_POOL_IDENTIFIER, pool.account.clock.now(), value=value))
    for _ in range(2):
        made.later()
    _require_minimum(made, 2)


def test_a_launch_of_a_killed_run_is_not_repeated_once_the_minimum_is_lower() -> None:
    made = world(min_idle=(("large", 2), ("xlarge", 1)))
    crashed(made.pool, CrashAt(_call("ec2:CreateFleet"), "before"))
    made.later(min_idle=(("large", 1),))
    made.later(min_idle=(("large", 1),))
    _require_minimum(made, 1)
