"""A whole provision on a pool in memory: what it answers and what is left, whatever goes wrong meanwhile."""

from __future__ import annotations

import math
import random
from collections import Counter
from concurrent.futures import Future
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Failed
from refresh.pool import names, records
from refresh.pool.signals import REGISTERED, SCRIPT_FAILED
from refresh.pool.usage import UsageClass
from refresh.provision import apply, component, findings, look
from refresh.provision.changes import Claim, Launch
from refresh.provision.result import Patience
from tests.fakes import instance_items
from tests.fakes.desired import ACCOUNT_ID
from tests.fakes.memory.account import refused
from tests.fakes.serial import Serial
from tests.simulation.agents import BOOTING
from tests.simulation.doors import clients_of
from tests.simulation.paces import Pace
from tests.unit.provision import pools
from tests.unit.provision.pools import (
    ROLE,
    At,
    Passing,
    Reporting,
    attributes,
    provide,
    raising,
    result,
    warm,
    world,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.provision.result import Provided
    from tests.simulation.pool import Pool
    from tests.simulation.stage import Stage

FIRST = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]
UPDATE, TRANSACT, POLL = "dynamodb:UpdateItem", "dynamodb:TransactWriteItems", "dynamodb:BatchGetItem"
DOWN = errors.Unavailable(TRANSACT, "InternalServerError", "down.")
DENIED = errors.PermissionDenied(TRANSACT, "AccessDeniedException", "no.")
EXPIRED = errors.CredentialsExpired(POLL, "ExpiredToken", "it is over.")


def _origins(provided: Provided) -> dict[str, int]:
    return dict(Counter(each.origin for each in provided.ready))


def _running(pool: Pool) -> list[str]:
    found = pool.table.of(records.INSTANCE).values()
    return [
        records.identifier_of(each)
        for each in found
        if (records.text(each, "state"), records.text(each, "runId")) == ("running", pools.RUN)
    ]


def _held(stage: Stage, number: int = 1, run: str = pools.RUN) -> list[str]:
    """Add machines that work for the run since an earlier attempt."""
    pools.asked_before(stage.pool)
    made = _working(stage, number, run)
    stage.catch_up()
    return made


def _working(stage: Stage, number: int = 1, run: str = pools.RUN) -> list[str]:
    """Add machines that work for the run."""
    made = []
    for _ in range(number):
        launched = stage.pool.launch(tags={"InitialRunId": run})
        stage.pool.record(
            launched, state="running", runId=run, threshold=stage.pool.in_time(1800), instanceType="c7i.large"
        )
        signal = {"state": "UD_REG_OK", "runId": run}
        now = stage.pool.account.clock.now()
        stage.pool.table.put(records.item(records.SIGNAL, launched.id, now, value=signal))
        made.append(launched.id)
    return made


def _gone(stage: Stage, identifier: str) -> None:
    """Delete the record of a machine."""
    del stage.pool.table.items[f"TYPE#{records.INSTANCE}", f"ID#{identifier}"]


def _slow(stage: Stage, seconds: float) -> Stage:
    """Let new machines boot for so long."""
    stage.pace = Pace(boot=seconds)
    stage.pool.account.seam = At("ec2:CreateFleet", stage.catch_up, "after", times=math.inf)
    return stage


def _silent(stage: Stage) -> str:
    """Add a machine that works for the run, and whose agent has died."""
    (machine,) = _held(stage)
    stage.pool.table.put(instance_items.report(machine, pools.after(-100), REGISTERED, pools.RUN))
    stage.agents[machine].phase = BOOTING
    return machine


@pytest.mark.parametrize("role_id", ["", ROLE])
def test_a_warm_machine_takes_six_calls_and_no_other_service(role_id: str) -> None:
    stage = world(1, runner_role_id=role_id, original_modes=not role_id)
    provided = provide(stage)
    assert (provided.available, _origins(provided), provided.report.failed) == (True, {"claimed": 1}, False)
    calls = stage.pool.account.calls
    assert (calls[:5], calls[-1]) == ([*FIRST, POLL, UPDATE], TRANSACT)
    assert set(calls[5:-1]) == {POLL}
    (machine,) = provided.ready
    assert attributes(stage.pool, machine.id)["threshold"] == records.wire_time(
        machine.record.expires or stage.pool.account.clock.now()
    )
    assert result(stage.pool) == "provided"


def test_missing_machines_are_launched_and_recorded_while_the_claimed_ones_register() -> None:
    stage = world(1)
    provided = provide(stage, count=3)
    assert (provided.available, _origins(provided)) == (True, {"claimed": 1, "launched": 2})
    assert sorted(_running(stage.pool)) == sorted(each.id for each in provided.ready)


def test_a_later_attempt_finds_what_the_label_holds_and_adds_nothing() -> None:
    stage = world(2)
    first = provide(stage, count=2)
    second = provide(stage, count=2, attempt=2)
    assert {each.id for each in second.ready} == {each.id for each in first.ready}
    assert (second.available, _origins(second)) == (True, {"held": 2})
    assert stage.pool.account.calls == [*FIRST, POLL, TRANSACT]


def test_of_two_provisions_of_a_label_in_one_attempt_one_is_refused() -> None:
    stage = world(2)
    assert provide(stage).available
    second = provide(stage)
    assert "another job of this run" in str(second.report.error)
    assert "a name of its own" in str(second.report.error)
    assert (second.available, stage.pool.account.writes) == (False, [])
    assert provide(stage, name="gpu").available


REFUSED = "has the label 77 already, from the archived action's provision in this run"


@pytest.mark.parametrize("left", [{}, {"machines": False}], ids=["never asked", "asked and got nothing"])
@pytest.mark.parametrize("mode", Mode)
def test_machines_of_another_program_are_left_alone_in_every_attempt(mode: Mode, left: dict[str, Any]) -> None:
    """The refusal itself is in the item, so it is no earlier provision to inherit from; a hosted runner hides none."""
    stage = world(1)
    theirs = _working(stage)
    if left:
        pools.asked_before(stage.pool, **left)
    for attempt in (1, 2, 3):
        before = dict(stage.pool.table.of(records.INSTANCE))
        provided = provide(stage, count=2, mode=mode, attempt=attempt, if_unavailable="ubuntu-latest")
        found = str(provided.report.error) if mode is Mode.APPLY else " ".join(provided.report.refusals)
        assert found.startswith(f"name: {theirs[0]} {REFUSED}")
        assert stage.pool.table.of(records.INSTANCE) == before
        assert stage.pool.account.calls.count("ec2:CreateFleet") == 0
        assert isinstance(provided.report.error, errors.Refused) is (mode is Mode.APPLY)
        assert mode is Mode.PLAN or result(stage.pool) == "failed"
    _gone(stage, theirs[0])
    assert provide(stage, attempt=4, mode=mode).available is (mode is Mode.APPLY)


def test_a_lost_answer_to_the_lease_hides_no_other_program() -> None:
    stage = world()
    _working(stage)
    lost = refused("dynamodb:PutItem", "ConditionalCheckFailedException")
    stage.pool.account.seam = At("dynamodb:PutItem", raising(lost), "after")
    assert REFUSED in str(provide(stage).report.error)


def test_machines_that_the_other_program_gives_back_meanwhile_are_no_reason_to_refuse() -> None:
    stage = world()
    (theirs,) = _working(stage)
    stage.pool.account.seam = At("dynamodb:PutItem", lambda: _gone(stage, theirs))
    assert provide(stage).available


@pytest.mark.parametrize("before", [True, False])
def test_a_machine_without_a_record_is_taken_only_after_an_earlier_provision(*, before: bool) -> None:
    """Otherwise the other program has launched it, and is about to record it."""
    stage = world()
    theirs = stage.pool.launch(tags={"InitialRunId": pools.RUN})
    theirs.launched_at -= timedelta(seconds=2)
    if before:
        pools.asked_before(stage.pool)
    (machine,) = provide(stage).ready
    assert (machine.origin, machine.id == theirs.id) == ("launched", before)


def test_another_program_that_comes_later_is_refused_and_what_there_was_goes_back() -> None:
    stage = world(1)
    stage.pool.account.state.market.capacity(0)
    stage.at(pools.after(20), lambda: _working(stage))
    provided = provide(stage, count=2)
    assert REFUSED in str(provided.report.error)
    assert [records.text(each, "state") for each in stage.pool.table.of(records.INSTANCE).values()] == [
        "idle",
        "running",
    ]
    assert REFUSED not in str(provide(stage, attempt=2, count=2).report.error)


def test_an_earlier_attempt_does_not_take_the_label_of_a_later_one() -> None:
    stage = world(2)
    assert provide(stage, attempt=2).available
    text = str(provide(stage, attempt=1).report.error)
    assert text.startswith("name: attempt 2 of this run provides machines for the label 77 already (https://")
    assert text.endswith("Nothing is left to do here.")


def test_a_provision_that_was_believed_dead_does_not_give_up_the_machines_of_a_later_attempt() -> None:
    stage = world(2)
    stage.pool.account.state.market.capacity(0)
    later: list[Provided] = []
    in_a_while = stage.pool.account.clock.now() + timedelta(seconds=30)
    stage.at(in_a_while, lambda: later.append(provide(stage, count=2, attempt=2)))
    dead = provide(stage, count=3, timeout=timedelta(minutes=1))
    assert "attempt 2 of this run provides machines for the label 77 already" in str(dead.report.error)
    assert [each.available for each in later] == [True]
    assert len(_running(stage.pool)) == 2


def test_an_answer_to_the_lease_that_is_about_itself_is_none() -> None:
    stage = world(1)
    lost = refused("dynamodb:PutItem", "ConditionalCheckFailedException")
    stage.pool.account.seam = At("dynamodb:PutItem", raising(lost), "after")
    assert provide(stage).available


@pytest.mark.parametrize("operation", [UPDATE, TRANSACT])
@pytest.mark.parametrize("ready", [0, 1])
@pytest.mark.parametrize("skip", [0, 1])
def test_a_lost_answer_costs_no_machine(operation: str, ready: int, skip: int) -> None:
    """Of a claim, a first record, a start or the result."""
    stage = world(ready)
    before = len(stage.pool.alive)
    stage.pool.account.seam = At(operation, raising(DOWN), "after", skip=skip)
    provided = provide(stage)
    assert (provided.available, len(provided.ready), result(stage.pool)) == (True, 1, "provided")
    assert len(stage.pool.alive) == before + 1 - ready


def test_a_fleet_whose_answer_is_lost_is_not_launched_twice() -> None:
    stage = world()
    stage.pool.account.seam = At("ec2:CreateFleet", raising(errors.Unavailable("ec2:CreateFleet", "Timeout")), "after")
    before = len(stage.pool.alive)
    provided = provide(stage, count=2)
    assert (provided.available, _origins(provided)) == (True, {"launched": 2})
    assert len(stage.pool.alive) == before + 2


def test_a_machine_that_another_process_takes_before_it_starts_is_replaced() -> None:
    """The start and the result are in one transaction: the result must not stand for a machine that is gone."""
    stage = world(2)
    taken: list[str] = []

    def take() -> None:
        for identifier, item in stage.pool.table.of(records.INSTANCE).items():
            if records.text(item, "state") == "claimed":
                taken.append(identifier)
                stage.pool.table.put({**item, "state": {"S": "idle"}, "runId": {"S": ""}})

    stage.pool.account.seam = At(TRANSACT, take)
    provided = provide(stage)
    assert (provided.available, len(taken)) == (True, 1)
    assert [each.id for each in provided.ready] == _running(stage.pool) != taken
    assert result(stage.pool) == "provided"


def test_machines_that_other_runs_claim_first_are_left_to_them() -> None:
    stage = world(2)

    def take() -> None:
        for item in stage.pool.table.of(records.INSTANCE).values():
            if records.text(item, "state") == "idle":
                stage.pool.table.put({**item, "state": {"S": "claimed"}, "runId": {"S": "88"}})

    stage.pool.account.seam = At(UPDATE, take)
    provided = provide(stage, count=2)
    assert (provided.available, _origins(provided), provided.report.failed) == (True, {"launched": 2}, False)


def test_a_launched_machine_that_another_process_has_recorded_is_not_this_run_s() -> None:
    stage = world()

    def record() -> None:
        for identifier in stage.pool.alive:
            if identifier not in stage.pool.table.of(records.INSTANCE):
                stage.pool.record(identifier, state="terminated")

    stage.pool.account.seam = At(TRANSACT, record)
    provided = provide(stage)
    assert (provided.available, len(stage.pool.account.state.market.fleets)) == (True, 2)


@pytest.mark.parametrize(
    ("operation", "error", "most"),
    [
        (UPDATE, DENIED, 2),
        (UPDATE, DOWN, 20),
        (TRANSACT, DENIED, 1),
        (TRANSACT, DOWN, 3),
        (POLL, DENIED, 1),
        (POLL, DOWN, 3),
    ],
)
@pytest.mark.parametrize("ready", [0, 2])
def test_where_aws_refuses_every_call_the_run_ends_soon(
    operation: str, error: Exception, most: int, ready: int
) -> None:
    stage = world(ready)
    stage.pool.account.seam = At(operation, raising(error), times=math.inf)
    began = stage.pool.account.clock.now()
    provided = provide(stage)
    calls = Counter(stage.pool.account.calls)
    assert calls[operation] <= most + 1
    assert stage.pool.account.clock.now() - began < timedelta(minutes=2)
    assert provided.available or provided.report.failed
    assert sum(calls.values()) < 60


def test_claims_that_fail_leave_their_machines_to_others_and_new_ones_are_launched() -> None:
    stage = world(1)
    stage.pool.account.seam = At(UPDATE, raising(DOWN), times=math.inf)
    provided = provide(stage)
    assert (provided.available, _origins(provided)) == (True, {"launched": 1})


def test_two_polls_without_an_answer_stop_nothing() -> None:
    stage = world(1)
    stage.pool.account.seam = At(POLL, raising(errors.Throttled(POLL, "ThrottlingException")), times=2, skip=1)
    assert provide(stage).available


def test_a_round_without_an_answer_stops_nothing() -> None:
    stage = world()
    stage.pool.account.state.market.capacity(0)
    stage.pool.account.seam = At("dynamodb:Query", raising(DOWN), skip=3)
    provided = provide(stage, timeout=timedelta(minutes=1))
    assert [each.startswith("no machine is ready") for each in provided.report.refusals] == [True]


def test_without_capacity_it_tries_in_rounds_and_says_once_what_was_tried() -> None:
    stage = world(1)
    stage.pool.account.state.market.capacity(0)
    provided = provide(stage, count=2)
    assert (provided.available, provided.ready, len(provided.report.refusals)) == (False, (), 1)
    assert provided.report.refusals[0].startswith("1 of 2 machines are ready for 77: EC2 did not launch")
    assert (result(stage.pool), _running(stage.pool)) == ("failed", [])
    assert 8 < Counter(stage.pool.account.calls)["ec2:CreateFleet"] < 20


def test_a_result_that_is_written_twice_is_explained_once() -> None:
    stage = world(1)
    stage.pool.account.state.market.capacity(0)
    stage.pool.account.seam = At(TRANSACT, raising(DOWN), skip=2)
    provided = provide(stage, count=2)
    assert (len(provided.report.refusals), result(stage.pool)) == (1, "failed")


def test_machines_that_are_freed_meanwhile_are_claimed_in_the_next_round() -> None:
    stage = world()
    stage.pool.account.state.market.capacity(0)
    stage.at(stage.pool.account.clock.now() + timedelta(seconds=5), lambda: warm(stage.pool))
    provided = provide(stage)
    assert (provided.available, _origins(provided)) == (True, {"claimed": 1})


def test_fewer_machines_are_enough_if_the_minimum_says_so() -> None:
    stage = world(1)
    stage.pool.account.state.market.capacity(0)
    provided = provide(stage, count=2, min_count=1)
    assert (provided.available, provided.report.failed, len(provided.report.warnings)) == (True, False, 1)
    assert result(stage.pool) == "provided"


def test_a_quota_ends_it_at_once_and_what_was_claimed_goes_back() -> None:
    stage = world(1)
    stage.pool.account.state.market.quota("on-demand", 0)
    provided = provide(stage, count=2)
    assert (provided.available, result(stage.pool)) == (False, "failed")
    idle = [each for each in stage.pool.table.of(records.INSTANCE).values() if records.text(each, "lastRunId") == "77"]
    assert [records.text(each, "state") for each in idle] == ["idle"]


def test_the_fallback_of_spot_machines_is_kept() -> None:
    stage = world()
    stage.pool.account.state.market.capacity(0, usage="spot")
    provided = provide(stage, usage_classes=(UsageClass.SPOT,), fallback=True)
    assert [each.record.usage_class for each in provided.ready] == ["on-demand"]


def test_subnets_of_one_zone_are_used_one_by_one() -> None:
    stage = world()
    stage.pool.account.state.market.zones.update({"subnet-1": "a", "subnet-2": "a"})
    assert provide(stage, count=2).available


def test_a_machine_that_never_registers_is_replaced_once_and_ended() -> None:
    stage = _slow(world(), 2000)
    pool = stage.pool
    before = set(pool.alive)
    provided = provide(stage)
    assert (provided.available, len(provided.report.refusals)) == (False, 1)
    assert "it did not boot and register within 4 min" in provided.report.refusals[0]
    assert len(pool.account.state.market.fleets) == 2
    assert set(pool.alive) == before


def test_when_all_warm_machines_have_just_ended_a_new_one_is_launched() -> None:
    stage = world(3)
    for instance in stage.pool.account.state.instances.values():
        instance.ended_at = stage.pool.account.clock.now()
    provided = provide(stage)
    assert (provided.available, _origins(provided)) == (True, {"launched": 1})


def test_a_failed_script_is_noticed_at_once() -> None:
    stage = world()

    def fail() -> None:
        for item in stage.pool.table.of(records.INSTANCE).values():
            if records.text(item, "runId") == "77":
                now, identifier = stage.pool.account.clock.now(), records.identifier_of(item)
                stage.pool.table.put(instance_items.report(identifier, now, SCRIPT_FAILED, "77"))

    stage.pool.account.seam = At(POLL, fail, times=math.inf)
    provided = provide(stage)
    assert findings.SCRIPT_FAILED in provided.report.refusals[0]
    assert provided.report.duration < timedelta(minutes=1)


def test_a_machine_that_ec2_takes_back_is_not_claimed_and_one_of_the_label_is_replaced_and_named() -> None:
    stage = world(runner_role_id=ROLE)
    (held,), free = _held(stage), warm(stage.pool)
    soon = stage.pool.account.clock.now() + timedelta(minutes=2)
    stage.pool.account.seam = Reporting(stage.pool, {held: soon, free: soon})
    provided = provide(stage, attempt=2)
    assert (provided.available, _origins(provided)) == (True, {"launched": 1})
    assert (held in stage.pool.alive, attributes(stage.pool, free)["state"]) == (False, "idle")
    (note,) = provided.report.notes
    assert note.startswith(f"{held}: EC2 takes the spot instance back at {records.wire_time(soon)}")


def test_a_shortage_names_what_ec2_takes_back_once() -> None:
    stage = world(1, runner_role_id=ROLE)
    (held,) = _held(stage)
    stage.pool.account.state.market.capacity(0)
    stage.pool.account.seam = Reporting(stage.pool, {held: stage.pool.account.clock.now()})
    provided = provide(stage, count=2, min_count=1, attempt=2)
    (warning,) = provided.report.warnings
    assert (provided.available, held in warning, provided.report.notes) == (True, True, ())


def test_machines_that_boot_slowly_cost_the_ready_ones_nothing() -> None:
    stage = _slow(world(2), 100)
    provided = provide(stage, count=3)
    assert (provided.available, _origins(provided)) == (True, {"claimed": 2, "launched": 1})


def test_terminations_that_take_minutes_cost_the_ready_ones_nothing() -> None:
    stage = world()
    silent, (held,) = _silent(stage), _held(stage)
    stage.pool.account.seam = At("ec2:TerminateInstances", lambda: stage.pass_time(60))
    provided = provide(stage, count=2, attempt=2)
    assert (provided.available, _origins(provided)) == (True, {"held": 1, "launched": 1})
    assert (silent in stage.pool.alive, held in stage.pool.alive) == (False, True)


def test_machines_of_another_class_go_back_to_the_pool() -> None:
    stage = world()
    (machine,) = _held(stage)
    provided = provide(stage, resource_class="xlarge", attempt=2)
    assert (provided.available, _origins(provided)) == (True, {"launched": 1})
    assert (attributes(stage.pool, machine)["state"], attributes(stage.pool, machine)["runId"]) == ("idle", "")


def test_surplus_machines_of_an_earlier_attempt_go_back() -> None:
    stage = world()
    machines = _held(stage, 3)
    provided = provide(stage, attempt=2)
    assert (provided.available, len(provided.ready)) == (True, 1)
    assert sorted(attributes(stage.pool, each)["state"] for each in machines) == ["idle", "idle", "running"]


@pytest.mark.parametrize("operation", [POLL, TRANSACT])
def test_a_give_back_that_is_refused_fails_nothing(operation: str) -> None:
    stage = world()
    _held(stage, 2)
    stage.pool.account.seam = At(operation, raising(DENIED), skip=operation == POLL)  # the first one is the look
    provided = provide(stage, attempt=2)
    assert (provided.available, len(provided.ready), provided.report.error) == (True, 1, None)
    failed = [each for each in provided.report.outcomes if isinstance(each, Failed)]
    assert bool(failed) or bool(provided.report.warnings)


@pytest.mark.parametrize("error", [errors.Interrupted("stopped"), EXPIRED])
def test_what_ec2_has_launched_is_recorded_although_an_error_ends_the_run(error: errors.RefreshError) -> None:
    """The step gives a silent machine up and launches another; the error comes in between."""
    stage = world()
    _silent(stage)
    excepted: list[bool] = []
    patience = Patience(write_anyway=lambda: excepted.append(True))
    stage.pool.account.seam = At(POLL, raising(error), skip=1)
    provided = provide(stage, attempt=2, patience=patience)
    assert (provided.available, provided.report.error, excepted) == (False, error, [True])
    (item,) = [
        each for each in stage.pool.table.of(records.INSTANCE).values() if records.text(each, "state") == "created"
    ]
    assert records.text(item, "runId") == "77"


def test_what_cannot_be_recorded_any_more_is_a_warning() -> None:
    stage = world()
    stage.pool.account.seam = At(TRANSACT, raising(EXPIRED), times=math.inf)
    provided = provide(stage)
    assert provided.report.error is EXPIRED
    assert provided.report.warnings == (str(EXPIRED),)


class _Late(Serial):
    """Answers everything at once but the fleet, which is answered on request."""

    def __init__(self) -> None:
        self.finish: Callable[[], object] = lambda: None

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep the fleet back."""
        if fn is not apply.launched:
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()
        self.finish = lambda: future.set_result(fn(*args, **kwargs))
        return future


@pytest.mark.parametrize("answers", [True, False])
def test_a_stop_waits_for_the_fleet_as_long_as_there_is_patience(*, answers: bool) -> None:
    stage, executor, excepted = world(), _Late(), []

    def out() -> bool:
        if answers:
            executor.finish()
        return not answers

    waits: list[float] = []

    class Clock(Passing):
        def sleep(self, seconds: float) -> None:
            """Ask the run to stop in its third wait."""
            waits.append(seconds)
            super().sleep(seconds)

    patience = Patience(lambda: len(waits) > 2, out, lambda: excepted.append(True))
    begun = component.Provisioning(pools.desired(), clients_of(stage.pool), Clock(stage), executor, patience=patience)
    provided = begun.run()
    assert isinstance(provided.report.error, errors.Interrupted)
    assert "stopped as asked, before all machines were ready" in str(provided.report.error)
    created = [each for each in stage.pool.table.of(records.INSTANCE).values() if records.text(each, "runId") == "77"]
    assert (len(created), excepted) == ((1, [True]) if answers else (0, []))


def test_a_run_that_is_stopped_before_anything_was_done_takes_nothing() -> None:
    stage = world(1)
    provided = provide(stage, patience=Patience(lambda: True))
    assert isinstance(provided.report.error, errors.Interrupted)
    assert stage.pool.account.writes == ["dynamodb:PutItem"]


def test_a_run_that_is_abandoned_reports_what_it_has() -> None:
    stage = world(1)
    provided = component.Provisioning(pools.desired(), clients_of(stage.pool), Passing(stage), Serial()).abandoned()
    assert "the call in progress was not answered in time" in str(provided.report.error)
    assert (provided.ready, provided.available) == ((), False)


@pytest.mark.parametrize("wanted", [{"usage_classes": (UsageClass.SPOT,), "fallback": True}, {}])
def test_while_ec2_does_not_answer_it_is_asked_once_a_round(wanted: dict[str, Any]) -> None:
    stage = world(subnet_ids=tuple(f"subnet-{number}" for number in range(1, 6)))
    stage.pool.account.seam = At("ec2:CreateFleet", raising(errors.Unavailable("ec2:CreateFleet", "Timeout")), times=99)
    provided = provide(stage, timeout=timedelta(minutes=1), **wanted)
    assert (provided.available, stage.pool.account.calls.count("ec2:CreateFleet")) == (False, 6)


@pytest.mark.parametrize(("operation", "ready"), [("dynamodb:Query", 1), (UPDATE, 1), ("ec2:CreateFleet", 0)])
def test_a_defect_ends_the_run_with_its_place(operation: str, ready: int) -> None:
    stage = world(ready)
    stage.pool.account.seam = At(operation, raising(ZeroDivisionError()))
    assert "defect: ZeroDivisionError" in str(provide(stage).report.error)


def test_a_dry_run_shows_claims_and_launches_and_writes_nothing() -> None:
    stage = world(1)
    provided = provide(stage, count=3, mode=Mode.PLAN)
    report = provided.report
    assert [type(each) for each in (*report.planned, *report.following)] == [Claim, Launch]
    assert (stage.pool.account.writes, report.failed, provided.ready, provided.available) == ([], False, (), False)


def test_a_dry_run_shows_why_it_would_be_refused() -> None:
    stage = world(1)
    _held(stage)
    provided = provide(stage, resource_class="gpu", mode=Mode.PLAN)
    assert (len(provided.report.refusals), stage.pool.account.writes, provided.ready) == (1, [], ())


def test_nothing_is_written_into_an_account_that_is_not_listed() -> None:
    stage = world(1)
    assert "000000000000" in str(provide(stage, allowed_account_ids=("000000000000",)).report.error)
    assert stage.pool.account.writes == []
    assert provide(stage, allowed_account_ids=(ACCOUNT_ID,)).available


def test_a_wrong_clock_claims_nothing() -> None:
    stage = world(1)
    clients = evolve(clients_of(stage.pool), skew=lambda: timedelta(seconds=90))
    provided = provide(stage, clients=clients)
    assert (provided.available, _running(stage.pool)) == (False, [])
    assert "Set the runner's clock" in str(provided.report.error)


def test_reads_that_were_started_before_are_used() -> None:
    stage = world(1)
    clients, clock = clients_of(stage.pool), Passing(stage)
    first = look.first(pools.desired(), clients, clock, Serial())
    stage.pool.account.calls.clear()
    begun = component.Provisioning(pools.desired(), clients, clock, Serial(), first=first, chance=random.Random(1))  # noqa: S311
    assert begun.run().available
    assert "dynamodb:Query" not in stage.pool.account.calls


def test_a_named_pool_has_its_own_label() -> None:
    stage = world(1)
    (machine,) = provide(stage, name="gpu").ready
    assert attributes(stage.pool, machine.id)["runId"] == names.label("77", "gpu")
