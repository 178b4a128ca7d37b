"""Jobs that wait for nothing get machines within one refresh, even if it is killed or a job provides as well."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.pool import records, runs
from tests.fakes.memory.account import Watch
from tests.simulation import rescues
from tests.simulation.doors import PROVISION, RUN, provision
from tests.simulation.invariants import require
from tests.simulation.paces import USUAL, Fault
from tests.simulation.provision_ends import leave, left_of
from tests.simulation.provision_schedules import numbers
from tests.simulation.schedules import PHASES, CrashAt, InterfereAt

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.provision.result import Provided
    from tests.fakes.memory.account import Phase
    from tests.simulation.stage import Stage

WORLDS: dict[str, Callable[[], Stage]] = {
    "a ready machine": functools.partial(rescues.build, 2),
    "nothing ready": functools.partial(rescues.build, 0),
    "one ready, two wanted": functools.partial(rescues.build, 1, count=2),
}
LATE = evolve(PROVISION, attempt=rescues.ATTEMPT)
"""What a provision job of the attempt wants."""


def _wanted(world: str) -> int:
    return 2 if world == "one ready, two wanted" else 1


def _calls(world: str) -> list[int]:
    """List the calls of a refresh at which something different can happen."""
    stage = WORLDS[world]()
    rescues.refresh(stage)
    return numbers(stage.pool.account.calls)


def _all_given_back(stage: Stage) -> None:
    """Let the jobs end, and release and refresh as the workflows do: no machine is left."""
    account = stage.pool.account
    account.state.jobs[RUN] = [evolve(each, completed=True, queued_since=None) for each in account.state.jobs[RUN]]
    account.state.runs.clear()
    leave(stage, LATE)


@pytest.mark.parametrize("world", WORLDS)
def test_a_stranded_job_has_its_machine_within_one_refresh(world: str) -> None:
    """Then the next refresh does nothing, and a release gives everything back."""
    stage = WORLDS[world]()
    report = rescues.refresh(stage)
    assert report.exit_code == 0
    assert rescues.component(report).status == "changed 1"
    rescues.require_rescued(stage, _wanted(world))
    again = rescues.refresh(stage)
    assert (again.exit_code, rescues.component(again).planned, stage.pool.account.writes) == (0, (), [])
    _all_given_back(stage)


@pytest.mark.shows("F35s")
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("phase", [pytest.param(each, id=f"F35s-{each}") for each in PHASES])
def test_a_refresh_that_died_at_any_call_is_continued_by_the_next_one(world: str, phase: Phase) -> None:
    """Ten minutes later: at most one set of machines, whose jobs go on."""
    for number in _calls(world):
        stage = WORLDS[world]()
        began_at = stage.pool.account.clock.now()
        assert rescues.dies(stage, CrashAt(number, phase)), number
        rescues.pass_until(stage, began_at + rescues.EVERY)
        begun = set(rescues.serving(stage))
        report = rescues.refresh(stage)
        require(report.exit_code == 0, "rescued", report)
        rescues.require_rescued(stage, _wanted(world))
        require(begun <= set(rescues.running(stage)), "a job was cut off", (number, phase))
        _all_given_back(stage)


@pytest.mark.parametrize("world", WORLDS)
def test_two_refreshes_at_once_provide_one_set_of_machines(world: str) -> None:
    """One of them is at any of its calls while the other one runs from begin to end."""
    for number in _calls(world):
        stage = WORLDS[world]()
        rescues.refresh(stage, InterfereAt(number, functools.partial(rescues.aside, stage, rescues.refresh)))
        stage.pass_time(60)
        rescues.require_rescued(stage, _wanted(world))
        _all_given_back(stage)


@pytest.mark.shows("F35t")
@pytest.mark.parametrize("world", [pytest.param(each, id=f"F35t-{each}") for each in WORLDS])
def test_a_late_provision_of_the_attempt_doubles_no_machine(world: str) -> None:
    """It runs at any call of the refresh: one of the two is refused, or it finds what there is."""
    for number in _calls(world):
        stage = WORLDS[world]()
        wanted = evolve(LATE, count=_wanted(world))
        ended: list[Provided] = []
        seam = InterfereAt(number, functools.partial(_provide, stage, wanted, ended))
        report = rescues.refresh(stage, seam)
        require(report.exit_code == 0, "the lease is no error", report)
        component = rescues.component(report)
        require(not component.warnings, "the lease is no warning", component)
        (late,) = ended
        require(late.available or isinstance(late.report.error, errors.Taken), "refused by the lease", late)
        rescues.require_rescued(stage, _wanted(world))
        _all_given_back(stage)


def _provide(stage: Stage, wanted: Any, ended: list[Provided]) -> None:
    rescues.aside(stage, lambda stage: ended.append(provision(stage, wanted)))


@pytest.mark.parametrize("world", WORLDS)
def test_a_refresh_at_any_call_of_a_late_provision_doubles_no_machine(world: str) -> None:
    wanted = evolve(LATE, count=_wanted(world))
    stage = WORLDS[world]()
    provision(stage, wanted)
    for number in numbers(stage.pool.account.calls):
        stage = WORLDS[world]()
        seam = InterfereAt(number, functools.partial(rescues.aside, stage, rescues.refresh))
        stage.pool.account.seam = rescues.OnStage(stage, seam)
        late = provision(stage, wanted)
        require(late.available or isinstance(late.report.error, errors.Taken), "refused by the lease", late)
        stage.pool.account.seam = rescues.OnStage(stage)
        stage.pass_time(60)
        rescues.require_rescued(stage, _wanted(world))
        _all_given_back(stage)


def test_a_later_provision_of_the_attempt_takes_over_what_was_rescued() -> None:
    """It adds nothing, and its result is that of the run."""
    stage = rescues.build()
    rescues.refresh(stage)
    stage.pass_time(60)
    stage.pool.account.requests.clear()
    late = provision(stage, LATE)
    assert late.available
    assert [each.origin for each in late.ready] == [runs.HELD]
    assert rescues.launches(stage) == 0


@pytest.mark.shows("F35u")
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        pytest.param(Fault.SCRIPT_FAILS, "its pre-runner script failed", id="F35u-script"),
        pytest.param(Fault.NEVER_BOOTS, "its agent never reported", id="F35u-boot"),
        pytest.param(Fault.REGISTRATION_FAILS, "could not register on GitHub", id="F35u-registration"),
    ],
)
def test_machines_that_never_become_ready_cost_three_rescues(fault: Fault, why: str) -> None:
    """Each launches one machine and replaces it once at most; then no more, and the warning says what to do."""
    stage = rescues.build(pace=evolve(USUAL, fault=fault))
    warnings = []
    for _ in range(6):
        began_at = stage.pool.account.clock.now()
        report = rescues.refresh(stage)
        assert report.exit_code == 0
        warnings.append(rescues.component(report).warnings)
        assert not left_of(stage, LATE, settled=False)
        rescues.pass_until(stage, began_at + rescues.EVERY)
    assert all(why in " ".join(each) for each in warnings[:3])
    assert all("after 3 rescues" in " ".join(each) for each in warnings[3:])
    assert len(stage.pool.account.state.instances) <= 3 * 2
    assert not stage.pool.alive


def test_mode_plan_lists_what_would_be_provided_and_writes_nothing() -> None:
    stage = rescues.build()
    report = rescues.refresh(stage, mode=Mode.PLAN)
    assert [str(each) for each in rescues.component(report).planned] == ["rescue stranded jobs 77"]
    assert stage.pool.account.writes == []
    assert rescues.waiting(stage)


@pytest.mark.parametrize("operation", ["github:ListRuns", "github:ListJobs"])
@pytest.mark.parametrize(
    "kind", [errors.PermissionDenied, errors.CredentialsExpired, errors.Unavailable, errors.Throttled, errors.Rejected]
)
def test_without_an_answer_of_github_nothing_is_provided_and_nothing_fails(
    operation: str, kind: type[errors.ApiError]
) -> None:
    class Refuse(Watch):
        def before(self, number: int, called: str) -> None:  # noqa: ARG002 - the seam's shape
            if called == operation:
                raise kind(operation, "Injected")

    stage = rescues.build()
    report = rescues.refresh(stage, Refuse())
    component = rescues.component(report)
    assert (report.exit_code, component.planned, component.failed) == (0, (), False)
    assert "Injected" in " ".join((*component.warnings, *component.notes))
    assert not stage.pool.table.of(records.INSTANCE)
