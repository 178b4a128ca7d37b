"""A whole release on a pool in memory: what is left afterwards, whatever goes wrong meanwhile."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Done, Failed, Skipped
from refresh.pool.ec2_instances import Ec2State
from refresh.release import component, observe
from refresh.release.changes import GiveBack, Offer, Retire, Terminate
from tests.fakes.desired import ACCOUNT_ID, LARGE_QUEUE
from tests.fakes.memory.account import Watch, refused
from tests.fakes.serial import NOW, Serial
from tests.unit.release import pools
from tests.unit.release.pools import ROLE, RUN, attributes

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.report import ComponentReport
    from tests.fakes.memory.account import Phase
    from tests.simulation.pool import Pool

LOOK = ["dynamodb:BatchGetItem", "dynamodb:Query", "ec2:DescribeInstances", "github:ListJobs"]
OFFER = ["sqs:SendMessageBatch", "dynamodb:TransactWriteItems"]


class _At(Watch):
    """Does something at the first call of an operation, or at every one."""

    def __init__(
        self, operation: str, do: Callable[[], None], phase: Phase = "before", *, always: bool = False
    ) -> None:
        self.operation, self.do, self.phase, self.always = operation, do, phase, always
        self.met = False

    def at(self, _number: int, operation: str, phase: Phase) -> None:
        """Do it."""
        if (operation, phase) == (self.operation, self.phase) and (self.always or not self.met):
            self.met = True
            self.do()


def _raising(error: Exception) -> Callable[[], None]:
    def do() -> None:
        raise error

    return do


def _release(pool: Pool, *, skew: timedelta = timedelta(), hooks: dict[str, Any] | None = None,
             **wanted: Any) -> ComponentReport:  # fmt: skip
    desired, clients = pools.desired(**wanted), pools.clients(pool, skew)
    pool.account.calls.clear()
    pool.account.requests.clear()
    return component.begin(desired, clients, pool.account.clock, Serial(), **(hooks or {})).converge().report


def _kinds(report: ComponentReport) -> list[type]:
    return [type(change) for change in report.done]


def _messages(pool: Pool) -> list[str]:
    return [json.loads(each.body)["id"] for each in pool.account.state.queues[LARGE_QUEUE].messages]


def test_a_release_takes_seven_calls_and_a_second_one_changes_nothing() -> None:
    pool = pools.made()
    machines = [pools.runs(pool) for _ in range(3)]
    report = _release(pool)
    assert (report.failed, _kinds(report)) == (False, [GiveBack] * 3 + [Offer] * 3)
    assert pool.account.calls == [*LOOK, "dynamodb:TransactWriteItems", *OFFER]
    assert _messages(pool) == machines
    for each in machines:
        item = attributes(pool, each)
        assert (item["state"], item["runId"], item["offeredFor"]) == ("idle", "", item["threshold"])
    again = _release(pool)
    assert (again.failed, again.outcomes) == (False, ())
    assert (pool.account.calls, pool.account.writes) == (LOOK, [])


def test_a_machine_that_a_later_attempt_launched_and_did_not_record_ends() -> None:
    """The machine that the first attempt has released still names the label."""
    pool = pools.made()
    first = pools.runs(pool)
    _release(pool)
    stray = pool.launch(tags={"InitialRunId": RUN}).id
    assert [each.subject for each in _release(pool).done] == [stray]
    assert pool.alive == [first]


def test_a_machine_without_a_record_ends_although_others_of_the_run_work() -> None:
    """As two provisions in one run leave them, if one of them fails."""
    pool = pools.made()
    ours = pools.runs(pool)
    stray = pool.launch(tags={"InitialRunId": RUN}).id
    assert [each.subject for each in _release(pool).done] == [ours, stray, ours]
    assert pool.alive == [ours]


def test_a_pool_that_the_original_does_not_use_takes_five_calls() -> None:
    pool = pools.made(original_modes=False)
    pools.runs(pool)
    assert _kinds(_release(pool)) == [GiveBack]
    assert pool.account.calls == [*LOOK, "dynamodb:TransactWriteItems"]


def test_machines_that_end_are_retired_and_then_terminated() -> None:
    pool = pools.made()
    ending = [
        pools.runs(pool, state="created"),
        pools.runs(pool, state="claimed"),
        pools.runs(pool, threshold=pool.in_time(-1)),
    ]
    stray = pool.launch(tags={"InitialRunId": RUN}).id
    other = pool.launch(tags={"InitialRunId": "78"}).id
    report = _release(pool)
    assert (report.failed, _kinds(report).count(Retire), _kinds(report).count(Terminate)) == (False, 3, 4)
    assert pool.alive == [other]
    assert {attributes(pool, each)["runId"] for each in ending} == {""}
    assert stray not in pool.table.of("INSTANCE")
    pool.account.clock.sleep(60)
    assert _release(pool).outcomes == ()


@pytest.mark.parametrize(("wanted", "told"), [({"reuse": False}, {}), ({}, {"reuse": False})])
def test_machines_that_no_other_run_may_use_are_ended(wanted: dict[str, Any], told: dict[str, Any]) -> None:
    pool = pools.made()
    pools.runs(pool)
    pools.told(pool, **told)
    assert _kinds(_release(pool, **wanted)) == [Retire, Terminate]
    assert (pool.alive, _messages(pool)) == ([], [])


def test_a_spot_machine_that_ec2_has_reclaimed_ends_and_another_goes_back() -> None:
    pool = pools.made()
    gone, here = pools.runs(pool, usageClass="spot"), pools.runs(pool, usageClass="spot")
    pool.ec2.terminate_instances(InstanceIds=[gone])
    assert _kinds(_release(pool)) == [Retire, GiveBack, Offer]
    assert _messages(pool) == [here]
    assert attributes(pool, gone)["threshold"] < pool.in_time(0)


def test_what_ec2_takes_back_ends_and_a_job_that_a_restart_cut_off_is_named() -> None:
    pool = pools.made(runner_role_id=ROLE)
    spot, restarted, quiet = pools.runs(pool, usageClass="spot"), pools.runs(pool), pools.runs(pool)
    pools.reported(pool, spot, reclaimedAt=pool.in_time(90))
    pools.reported(pool, restarted, cutOff=RUN)
    report = _release(pool)
    assert _kinds(report) == [Retire, GiveBack, GiveBack, Offer, Offer, Terminate]
    assert (spot in pool.alive, sorted(_messages(pool))) == (False, sorted([restarted, quiet]))
    assert report.done[0].facts["reason"] == f"EC2 takes it back at {pool.in_time(90)}"
    assert [each.startswith(f"{restarted}: a restart") for each in report.warnings] == [True]
    assert _release(pool).warnings == ()


def test_a_machine_that_ec2_took_back_under_a_job_is_closed_with_the_time() -> None:
    pool = pools.made(runner_role_id=ROLE)
    spot = pools.runs(pool, usageClass="spot")
    pools.reported(pool, spot, reclaimedAt=pool.in_time(90))
    pool.ec2.terminate_instances(InstanceIds=[spot])
    report = _release(pool)
    assert _kinds(report) == [Retire]
    assert str(report.done[0].facts["reason"]).startswith(f"EC2 took it back at {pool.in_time(90)}; ")


def test_each_pool_of_a_run_is_released_by_its_own_name() -> None:
    pool = pools.made()
    mine, other = pools.runs(pool, runId="77-gpu"), pools.runs(pool, runId="77-cpu")
    _release(pool, name="gpu")
    assert (attributes(pool, mine)["state"], attributes(pool, other)["state"]) == ("idle", "running")
    _release(pool, name="*")
    assert attributes(pool, other)["state"] == "idle"


def test_while_jobs_ask_for_the_label_nothing_is_written_and_the_release_fails() -> None:
    pool = pools.made()
    machine = pools.runs(pool)
    pool.account.state.jobs[RUN] = [pools.job()]
    before = attributes(pool, machine)
    report = _release(pool)
    assert (report.failed, len(report.refusals), pool.account.writes) == (True, 1, [])
    assert attributes(pool, machine) == before
    assert not _release(pool, force=True).failed
    assert attributes(pool, machine)["state"] == "idle"


def test_a_record_of_an_unknown_state_stops_no_other() -> None:
    pool = pools.made()
    strange, machine = pools.runs(pool, state="hibernated"), pools.runs(pool)
    report = _release(pool)
    assert (report.failed, [strange in each for each in report.warnings]) == (False, [True])
    assert attributes(pool, machine)["state"] == "idle"


def test_a_machine_of_a_removed_class_is_given_back_without_a_message() -> None:
    pool = pools.made()
    machine = pools.runs(pool, resourceClass="former")
    report = _release(pool)
    assert (report.failed, _messages(pool), len(report.warnings)) == (False, [], 1)
    assert attributes(pool, machine)["state"] == "idle"


def test_thousands_of_records_of_other_runs_hide_no_machine() -> None:
    pool = pools.made()
    for number in range(40):
        pool.record(f"i-{number:08x}", artifacts=False, runId="78", state="running", instanceType="x" * 40_000)
    machines = [pools.runs(pool) for _ in range(150)]
    report = _release(pool)
    assert (report.failed, len(report.done)) == (False, 300)
    assert {attributes(pool, each)["state"] for each in machines} == {"idle"}
    assert sorted(_messages(pool)) == sorted(machines)


def test_where_ec2_is_down_machines_lose_their_time_and_the_next_release_terminates_them() -> None:
    pool = pools.made()
    machine, working = pools.runs(pool, state="claimed"), pools.runs(pool)
    pool.account.state.disrupted.add("a")
    report = _release(pool)
    assert (report.failed, len(report.refusals), report.failures) == (True, 1, ())
    assert attributes(pool, machine)["threshold"] < pool.in_time(0)
    assert attributes(pool, working)["state"] == "idle"
    pool.account.state.disrupted.clear()
    assert _kinds(_release(pool)) == [Terminate]
    assert pool.alive == [working]


def test_where_sqs_is_down_machines_go_back_and_the_next_release_offers_them() -> None:
    pool = pools.made()
    machine = pools.runs(pool)
    down = refused("sqs:SendMessageBatch", "InternalFailure", status=500)
    pool.account.seam = _At("sqs:SendMessageBatch", _raising(down), always=True)
    report = _release(pool)
    assert (report.failed, _kinds(report), len(report.failures)) == (True, [GiveBack], 1)
    assert attributes(pool, machine)["state"] == "idle"
    pool.account.seam = Watch()
    assert _kinds(_release(pool)) == [Offer]
    assert _messages(pool) == [machine]


def test_a_part_of_the_messages_that_is_refused_fails_the_release_and_is_sent_by_the_next() -> None:
    pool = pools.made()
    first, second = pools.runs(pool), pools.runs(pool)
    pool.account.refuse_message = lambda body: "InternalError" if first in body else ""
    report = _release(pool)
    assert [each.change.subject for each in report.failures] == [first]
    pool.account.refuse_message = lambda _: ""
    assert not _release(pool).failed
    assert _messages(pool) == [second, first]


def test_a_machine_that_another_run_takes_first_is_skipped_and_left_to_it() -> None:
    pool = pools.made()
    machine = pools.runs(pool)

    def overtake() -> None:
        pool.record(machine, artifacts=False, state="running", runId="78", threshold=pool.in_time(900))

    pool.account.seam = _At("dynamodb:TransactWriteItems", overtake)
    report = _release(pool)
    assert ([type(each) for each in report.outcomes], report.failed) == ([Skipped], False)
    assert attributes(pool, machine)["runId"] == "78"


def test_a_machine_whose_time_was_renewed_meanwhile_is_judged_again_and_released() -> None:
    pool = pools.made()
    machine = pools.runs(pool)

    def renew() -> None:
        pool.record(machine, artifacts=False, state="running", runId=RUN, threshold=pool.in_time(1800))

    pool.account.seam = _At("dynamodb:TransactWriteItems", renew)
    report = _release(pool)
    assert [type(each) for each in report.outcomes] == [Skipped, Done, Done]
    assert (report.failed, attributes(pool, machine)["state"]) == (False, "idle")


def test_a_write_whose_answer_is_lost_is_read_again_and_finished() -> None:
    pool = pools.made()
    machine = pools.runs(pool)
    lost = refused("dynamodb:TransactWriteItems", "InternalServerError", status=500)
    pool.account.seam = _At("dynamodb:TransactWriteItems", _raising(lost), "after")
    report = _release(pool)
    assert (report.failed, _messages(pool)) == (False, [machine])


def test_a_refused_termination_fails_the_release_by_name() -> None:
    pool = pools.made()
    machine = pools.runs(pool, state="claimed")
    pool.account.state.instances[machine].protected = True
    report = _release(pool)
    assert [(type(each), each.change.subject) for each in report.failures] == [(Failed, machine)]
    assert report.failed


@pytest.mark.parametrize("seconds", [61, -61])
def test_a_clock_that_is_wrong_releases_nothing_and_fails(seconds: int) -> None:
    pool = pools.made()
    pools.runs(pool)
    report = _release(pool, skew=timedelta(seconds=seconds))
    assert (report.failed, pool.account.writes) == (True, [])


def test_a_clock_that_is_a_little_slow_is_corrected_by_that_of_aws() -> None:
    pool = pools.made()
    machine = pools.runs(pool, threshold=pool.in_time(20))
    assert _kinds(_release(pool, skew=timedelta(seconds=30))) == [Retire, Terminate]
    assert attributes(pool, machine)["releasedAt"] > pool.in_time(25)


def test_a_plan_lists_each_change_and_what_follows_and_writes_nothing() -> None:
    pool = pools.made()
    pools.runs(pool)
    pools.runs(pool, state="claimed")
    report = _release(pool, mode=Mode.PLAN)
    assert [type(each) for each in report.planned] == [GiveBack, Retire]
    assert [type(each) for each in report.following] == [Offer, Terminate]
    assert (report.failed, pool.account.writes) == (False, [])


@pytest.mark.parametrize(("allowed", "failed"), [((), False), ((ACCOUNT_ID,), False), (("999999999999",), True)])
@pytest.mark.parametrize("mode", Mode)
def test_nothing_is_written_to_an_account_that_is_not_allowed(
    allowed: tuple[str, ...], mode: Mode, *, failed: bool
) -> None:
    pool = pools.made()
    pools.runs(pool)
    report = _release(pool, allowed_account_ids=allowed, mode=mode)
    assert report.failed is failed
    assert bool(pool.account.writes) is (mode is Mode.APPLY and not failed)
    assert pool.account.calls.count("sts:GetCallerIdentity") == bool(allowed)


def test_reads_that_are_under_way_are_used_once() -> None:
    pool = pools.made()
    pools.runs(pool)
    desired, clients = pools.desired(), pools.clients(pool)
    first = observe.start(desired, clients, pool.account.clock, Serial())
    assert not _release(pool, hooks={"first": first}).failed
    assert pool.account.calls == ["dynamodb:TransactWriteItems", *OFFER]


@pytest.mark.parametrize("hooks", [{"stopped": lambda: True}, {"deadline": NOW}])
def test_nothing_begins_after_the_deadline_or_a_stop(hooks: dict[str, Any]) -> None:
    pool = pools.made()
    pools.runs(pool)
    report = _release(pool, hooks=hooks)
    assert isinstance(report.error, errors.Interrupted | errors.DeadlineReached)
    assert "Run this job again" in str(report.error)
    assert not any(each in str(report.error) for each in ("the next run", "timeout"))  # release has neither
    assert pool.account.calls == []


def test_without_settings_the_release_fails_and_says_what_to_do() -> None:
    pool = pools.made()
    pool.table.items.clear()
    report = _release(pool)
    assert isinstance(report.error, errors.Refused)
    assert pool.account.writes == []


def test_after_writes_the_plan_follows_from_what_was_written_without_another_read() -> None:
    """A read would show the same; see test_predict."""
    pool = pools.made()
    pools.runs(pool, state="created")
    _release(pool)
    assert pool.account.calls == [
        *LOOK,
        "dynamodb:TransactWriteItems",
        "ec2:TerminateInstances",
    ]
    assert Ec2State.SHUTTING_DOWN.value in {pool.ec2.state(each) for each in pool.account.state.instances}
