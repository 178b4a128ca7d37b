"""The faults of the original's `provision`, and of the workflow around it, in memory: what provision does instead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, frozen

from refresh import errors
from refresh.inputs import provision as provision_inputs
from refresh.pool import records
from refresh.provision.component import Provisioning
from tests.fakes.memory.account import Crash, Watch
from tests.fakes.serial import Serial
from tests.faults import provisioning
from tests.faults.faults import Refuse, of
from tests.faults.provisioning import (
    MINUTE,
    ended,
    fleets,
    give_back,
    numbers,
    of_label,
    outputs,
    pool,
    provide,
    ready,
    record,
    silence,
    why,
)
from tests.simulation import doors
from tests.simulation.doors import RUN
from tests.simulation.paces import Pace
from tests.simulation.schedules import CrashAt, FailAlways

if TYPE_CHECKING:
    from refresh.provision.result import Provided
    from tests.fakes.memory.account import Phase
    from tests.simulation.stage import Stage


@pytest.mark.shows("P1")
@pytest.mark.parametrize("false_empty", [pytest.param(0, id="P1-no message"), pytest.param(9, id="P1-false empty")])
def test_a_ready_machine_is_claimed_whatever_the_queue_says(false_empty: int) -> None:
    stage = pool()
    stage.pool.account.state.false_empty = false_empty
    warm = {ready(stage) for _ in range(3)}
    run = provide(stage)
    assert numbers(run) == (1, 0)
    assert set(of_label(stage)) < warm


@pytest.mark.shows("P2")
@pytest.mark.parametrize("phase", of("P2", ["before", "after"]))
def test_a_provision_killed_at_any_call_loses_no_ready_machine(phase: Phase) -> None:
    """The next attempt has the same machine, and nothing is launched."""
    stage = pool()
    ready(stage)
    provide(stage)
    for number in range(len(stage.pool.account.calls)):
        stage = pool()
        warm = ready(stage)
        with pytest.raises(Crash):
            provide(stage, CrashAt(number, phase))
        again = provide(stage, attempt=2)
        assert (again.available, of_label(stage)) == (True, {warm: "running"})
        assert stage.pool.alive == [warm]


@pytest.mark.shows("P3")
@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"usageClass": "spot"}, id="P3-usage class"),
        pytest.param({"instanceType": "t3.micro"}, id="P3-type"),
        pytest.param({"resourceClass": "xlarge"}, id="P3-class"),
    ],
)
def test_a_machine_that_does_not_fit_is_not_touched(written: dict[str, Any]) -> None:
    stage = pool()
    other = ready(stage, **written)
    before = record(stage, other)
    run = provide(stage)
    assert numbers(run) == (0, 1)
    assert record(stage, other) == before


@define
class _Between(Watch):
    """Another provision runs after the first read of this one."""

    stage: Stage
    usage_class: str
    ran: Provided | None = None
    begun: bool = False

    def at(self, number: int, operation: str, phase: Phase) -> None:  # noqa: ARG002 - the seam's shape
        """Run it once."""
        if (operation, phase) == ("dynamodb:Query", "after") and not self.begun:
            self.begun = True
            other = provisioning.wanted(run_id="88", usage_class=self.usage_class)
            clients = doors.clients_of(self.stage.pool)
            self.ran = Provisioning(other, clients, provisioning.StageClock(self.stage), Serial()).run()


@pytest.mark.shows("P4")
@pytest.mark.parametrize("usage_class", of("P4", ["on-demand", "spot"]))
def test_runs_of_different_usage_classes_take_nothing_from_each_other(usage_class: str) -> None:
    stage = pool()
    ready(stage)
    ready(stage, usageClass="spot")
    between = _Between(stage, usage_class)
    other = "spot" if usage_class == "on-demand" else "on-demand"
    assert numbers(provide(stage, between, usage_class=other)) == (1, 0)
    assert between.ran is not None
    assert numbers(between.ran) == (1, 0)


@frozen
class _DiesOnceClaimed(Watch):
    """A machine stops beating as soon as it is claimed."""

    stage: Stage
    identifier: str

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Silence it."""
        if self.identifier in of_label(self.stage):
            silence(self.stage, self.identifier)


@pytest.mark.shows("P5")
@pytest.mark.parametrize("moment", of("P5", ["before the claim", "after the claim"]))
def test_a_machine_without_a_heartbeat_never_keeps_the_label(moment: str) -> None:
    stage = pool()
    dead = ready(stage, 400)
    if moment == "before the claim":
        silence(stage, dead)
        stage.pass_time(20)
        run = provide(stage)
    else:
        run = provide(stage, _DiesOnceClaimed(stage, dead))
    assert run.available
    (used,) = of_label(stage)
    assert used != dead
    assert moment == "before the claim" or dead not in stage.pool.alive


@pytest.mark.shows("P6")
@pytest.mark.parametrize("operation", of("P6", ["dynamodb:Query", "dynamodb:BatchGetItem"]))
def test_no_machine_keeps_the_label_uncounted_if_heartbeats_cannot_be_read(operation: str) -> None:
    stage = pool()
    ready(stage)
    run = provide(stage, FailAlways(operation, "before", errors.Throttled))
    assert not run.available
    assert fleets(stage) == []
    give_back(stage)
    assert of_label(stage) == {}


@pytest.mark.shows("P7")
@pytest.mark.parametrize("seconds", of("P7", ["20", "-20", "120"]))
def test_a_wrong_clock_harms_no_machine(seconds: str) -> None:
    stage = pool()
    warm = [ready(stage) for _ in range(2)]
    ahead = timedelta(seconds=int(seconds))
    run = provide(stage, ahead=ahead)
    assert stage.pool.alive == warm
    if ahead > MINUTE:
        assert (run.available, of_label(stage), fleets(stage)) == (False, {}, [])
    else:
        assert (run.available, numbers(run)) == (True, (1, 0))


@pytest.mark.shows("P8")
@pytest.mark.parametrize("seconds", [pytest.param(40, id="P8-slow"), pytest.param(90, id="P8-too slow")])
def test_a_slow_registration_does_not_empty_the_pool(seconds: int) -> None:
    stage = pool(Pace(register=seconds))
    warm = [ready(stage, 600) for _ in range(4)]
    run = provide(stage)
    alive = [each for each in warm if each in stage.pool.alive]
    if seconds < 60:
        assert (run.available, alive) == (True, warm)
    else:
        assert not run.available
        assert len(alive) >= 2, "a machine that fails is replaced once"


@pytest.mark.shows("P9")
@pytest.mark.parametrize("boot", [pytest.param(200, id="P9-slow boot")])
def test_a_machine_runs_as_soon_as_it_is_registered_however_long_another_boots(boot: int) -> None:
    stage = pool(Pace(boot=boot))
    ready(stage)
    run = provide(stage, count=2)
    assert (run.available, numbers(run)) == (True, (1, 1))
    assert set(of_label(stage).values()) == {"running"}


@pytest.mark.shows("P10")
@pytest.mark.parametrize(
    ("fewest", "enough"), [pytest.param(9, True, id="P10-enough"), pytest.param(10, False, id="P10-too few")]
)
def test_what_was_launched_is_kept_if_it_is_enough(fewest: int, *, enough: bool) -> None:
    stage = pool()
    stage.pool.account.state.market.capacity(9)
    run = provide(stage, count=10, min_count=fewest)
    assert run.available is enough
    assert len(of_label(stage)) == (9 if enough else 0)


@pytest.mark.shows("P11")
@pytest.mark.parametrize(
    "code", of("P11", ["InsufficientInstanceCapacity", "MaxSpotInstanceCountExceeded", "RequestLimitExceeded"])
)
def test_a_launch_that_fails_for_a_moment_is_tried_again(code: str) -> None:
    stage = pool()
    stage.pool.account.state.market.refuse(code)
    spot = "Spot" in code
    run = provide(stage, usage_class="spot" if spot else "on-demand", fallback=spot)
    assert (run.available, numbers(run)) == (True, (0, 1))


@pytest.mark.shows("P12")
@pytest.mark.parametrize("percent", [pytest.param(100, id="P12-default"), pytest.param(40, id="P12-given")])
def test_the_price_limit_is_part_of_the_request(percent: int) -> None:
    stage = pool()
    provide(stage, max_price_over_lowest=percent)
    (request,) = fleets(stage)
    asked = [
        each["InstanceRequirements"]["OnDemandMaxPricePercentageOverLowestPrice"]
        for config in request["LaunchTemplateConfigs"]
        for each in config["Overrides"]
    ]
    assert set(asked) == {percent}


@pytest.mark.shows("P13")
@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"run_id": "88"}, id="P13-run"),
        pytest.param({"name": "test"}, id="P13-name"),
        pytest.param({"attempt": 2}, id="P13-attempt"),
    ],
)
def test_provisions_of_the_same_moment_do_not_share_a_fleet(other: dict[str, Any]) -> None:
    tokens = set()
    for wanted in (dict[str, Any](), other):
        stage = pool()
        provide(stage, **wanted)
        tokens |= {each["ClientToken"] for each in fleets(stage)}
    assert len(tokens) == 2


@pytest.mark.shows("P14")
@pytest.mark.parametrize("times", [pytest.param(1, id="P14-once"), pytest.param(1000, id="P14-always")])
def test_a_lost_answer_to_a_launch_leaves_no_machine_behind(times: int) -> None:
    stage = pool()
    lost = errors.Unavailable("ec2:CreateFleet", "503", "no answer")
    run = provide(stage, Refuse("ec2:CreateFleet", lost, times, "after"))
    if times == 1:
        assert (run.available, len(stage.pool.alive)) == (True, 1)
    else:
        assert not run.available
        give_back(stage)
        assert stage.pool.alive == []


@pytest.mark.shows("P15")
@pytest.mark.parametrize("capacity", [pytest.param(1, id="P15-partial")])
def test_a_partial_launch_is_recorded_and_the_rest_goes_back_even_if_nothing_can_be_ended(capacity: int) -> None:
    stage = pool()
    ready(stage)
    stage.pool.account.state.market.capacity(capacity)
    run = provide(stage, FailAlways("ec2:TerminateInstances", "before", errors.Throttled), count=3)
    assert (run.available, of_label(stage)) == (False, {})
    recorded = stage.pool.table.of(records.INSTANCE)
    assert set(stage.pool.alive) <= set(recorded)
    assert all(records.text(recorded[each], "threshold") for each in stage.pool.alive)


@define
class _NoRecords(Watch):
    """The records of launched machines cannot be written, so many times."""

    times: int
    launched: bool = False

    def at(self, number: int, operation: str, phase: Phase) -> None:  # noqa: ARG002 - the seam's shape
        """Refuse them."""
        self.launched |= operation == "ec2:CreateFleet"
        if self.launched and operation == "dynamodb:TransactWriteItems" and phase == "before" and self.times:
            self.times -= 1
            raise errors.Unavailable(operation, "503", "unavailable")


@pytest.mark.shows("P16")
@pytest.mark.parametrize("times", [pytest.param(1, id="P16-once"), pytest.param(1000, id="P16-always")])
def test_records_that_cannot_be_written_cost_no_other_machine(times: int) -> None:
    stage = pool()
    warm = ready(stage)
    run = provide(stage, _NoRecords(times), count=3)
    assert run.available is (times == 1)
    assert warm in stage.pool.alive
    give_back(stage)
    recorded = stage.pool.table.of(records.INSTANCE)
    assert set(stage.pool.alive) <= set(recorded)
    assert of_label(stage) == {}


@pytest.mark.shows("P17")
@pytest.mark.parametrize("leave", [pytest.param(1, id="P17-fast agent"), pytest.param(90, id="P17-slow agent")])
def test_what_a_failed_provision_gives_back_is_not_claimed_before_its_agent_has_left(leave: int) -> None:
    stage = pool(Pace(leave=leave))
    ready(stage)
    stage.pool.account.state.market.capacity(0)
    assert not provide(stage, count=2).available
    stage.pool.account.state.market.reset()
    again = provide(stage, run_id="88", attempt=1)
    assert again.available
    assert "ec2:TerminateInstances" not in stage.pool.account.calls
    assert set(of_label(stage, "88").values()) == {"running"}


@pytest.mark.shows("P18", "W9")
@pytest.mark.parametrize(
    ("warm", "seconds", "enough"),
    [
        pytest.param(True, 40, False, id="P18-claim"),
        pytest.param(False, 240, False, id="P18-launch"),
        pytest.param(True, 240, True, id="P18-enough to claim"),
        pytest.param(True, -1, False, id="W9-expired"),
    ],
)
def test_a_token_that_does_not_outlive_the_registration_is_refused(seconds: int, *, warm: bool, enough: bool) -> None:
    stage = pool()
    until = stage.pool.account.clock.now() + timedelta(seconds=seconds)
    stage = pool(token_valid_until=until)
    if warm:
        ready(stage)
    run = provide(stage)
    assert (run.available, fleets(stage)) == (enough, [])
    assert enough or "refresh" in why(run)


@pytest.mark.shows("P19")
@pytest.mark.parametrize("seam", of("P19", ["warm", "cold"]))
def test_a_provision_cancelled_at_any_call_leaves_nothing_that_release_does_not_end(seam: str) -> None:
    stage = pool()
    provide(stage)
    for number in range(len(stage.pool.account.calls)):
        stage = pool()
        if seam == "warm":
            ready(stage)
        calls = stage.pool.account.calls
        provide(stage, stopped=lambda calls=calls, number=number: len(calls) > number)
        give_back(stage)
        assert of_label(stage) == {}
        recorded = stage.pool.table.of(records.INSTANCE)
        assert set(stage.pool.alive) <= set(recorded)


@pytest.mark.shows("P20")
@pytest.mark.parametrize("name", of("P20", ["test", ""]))
def test_two_pools_of_a_run_share_no_machine_and_need_two_names(name: str) -> None:
    stage = pool()
    assert provide(stage).available
    first = of_label(stage)
    run = provide(stage, name=name, resource_class="xlarge")
    assert of_label(stage) == first
    if name:
        assert (run.available, len(of_label(stage, f"{RUN}-{name}"))) == (True, 1)
    else:
        assert not run.available
        assert "name" in why(run)


@pytest.mark.shows("P21", "P22", "W8")
@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("", RUN, id="P21-unnamed"),
        pytest.param("", RUN, id="P22-unnamed"),
        pytest.param("test", f"{RUN}-test", id="W8-named"),
    ],
)
def test_outputs_tell_the_label_which_can_be_computed(name: str, label: str) -> None:
    stage = pool()
    warm = ready(stage)
    told = outputs(ended(stage, name=name))
    assert (told["label"], told["labels"], told["available"]) == (label, f'["{label}"]', "true")
    assert (told["count"], told["claimed-count"], told["launched-count"]) == ("1", "1", "0")
    assert told["instance-ids"] == f'["{warm}"]'


@pytest.mark.shows("P23")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("max-runtime-min", "-5", id="P23-runtime"),
        pytest.param("count", "0", id="P23-none"),
        pytest.param("count", "1.5", id="P23-half"),
        pytest.param("count", "101", id="P23-many"),
        pytest.param("allowed-instance-types", "[]", id="P23-types"),
    ],
)
def test_values_that_can_never_work_are_refused_before_any_call(name: str, value: str) -> None:
    with pytest.raises(errors.InputErrors, match=name):
        _load(**{name: value})


def _load(**given: str) -> provision_inputs.ProvisionInputs:
    read = {f"INPUT_{name.upper()}": value for name, value in {"aws-region": "eu-west-1", **given}.items()}
    job = {"GITHUB_REPOSITORY": "octo/widgets", "GITHUB_RUN_ID": RUN, "GITHUB_RUN_ATTEMPT": "1"}
    return provision_inputs.load({**job, **read})


@pytest.mark.shows("P24")
@pytest.mark.parametrize("rest", [pytest.param(6, id="P24-light load")])
def test_under_a_light_load_the_surplus_expires(rest: int) -> None:
    """Only the four machines with the newest threshold are ever claimed."""
    stage = pool()
    surplus = [ready(stage, 300 + number) for number in range(rest)]
    newest = [ready(stage, 400 + number) for number in range(4)]
    for number in range(12):
        assert provide(stage, run_id=str(100 + number)).available
        give_back(stage, run_id=str(100 + number))
        stage.pass_time(60)
    assert not set(surplus) & set(stage.pool.alive)
    assert set(stage.pool.alive) <= set(newest)


@pytest.mark.shows("P25")
@pytest.mark.parametrize(
    "code", of("P25", ["InsufficientInstanceCapacity", "VcpuLimitExceeded", "UnauthorizedOperation"])
)
def test_the_error_names_the_cause(code: str) -> None:
    stage = pool()
    stage.pool.account.state.market.refuse(code, times=None)
    run = provide(stage)
    assert not run.available
    assert code in why(run)


@pytest.mark.shows("W1")
@pytest.mark.parametrize("released", [pytest.param(True, id="W1-released"), pytest.param(False, id="W1-not released")])
def test_a_later_attempt_has_what_the_label_has_and_adds_the_rest(*, released: bool) -> None:
    stage = pool()
    provide(stage, count=2)
    before = of_label(stage)
    if released:
        give_back(stage)
        stage.pass_time(60)
    run = provide(stage, count=2, attempt=2)
    assert run.available
    assert set(of_label(stage)) == set(before)
    assert fleets(stage) == []


@pytest.mark.shows("W2")
@pytest.mark.parametrize("minutes", [pytest.param(35, id="W2-never released")])
def test_machines_of_a_run_without_release_end_after_its_maximum_runtime(minutes: int) -> None:
    stage = pool()
    provide(stage)
    silence(stage, *of_label(stage))
    stage.pass_time(60 * minutes)
    stage.pool.run()
    assert stage.pool.alive == []


@pytest.mark.shows("W3", "W4", "W6")
@pytest.mark.parametrize(
    ("what", "kept"),
    [
        pytest.param("a minute is left", True, id="W3-little time"),
        pytest.param("silent", False, id="W3-silent"),
        pytest.param("its time is over", False, id="W4-waited for approval"),
        pytest.param("reclaimed", False, id="W6-reclaimed"),
    ],
)
def test_a_later_attempt_keeps_a_machine_that_works_and_replaces_others(what: str, *, kept: bool) -> None:
    stage = pool()
    provide(stage)
    (first,) = of_label(stage)
    if what == "a minute is left":
        stage.pass_time(29 * 60)
    elif what == "its time is over":
        stage.pass_time(33 * 60)
    else:
        silence(stage, first)
        if what == "reclaimed":
            stage.pool.account.state.instances[first].ended_at = stage.pool.account.clock.now()
        stage.pass_time(20)
    run = provide(stage, attempt=2)
    assert run.available
    (used,) = of_label(stage)
    assert (used == first) is kept
    assert (records.text(record(stage, used), "threshold") or "") > stage.pool.in_time(29 * 60)


@pytest.mark.shows("W5")
@pytest.mark.parametrize("minutes", [pytest.param(90, id="W5-longer runtime")])
def test_a_run_may_have_a_longer_runtime_and_learns_when_it_ends(minutes: int) -> None:
    stage = pool()
    ready(stage)
    told = outputs(ended(stage, max_runtime=minutes * MINUTE))
    (used,) = of_label(stage)
    threshold = records.text(record(stage, used), "threshold")
    assert threshold is not None
    assert threshold > stage.pool.in_time(60 * (minutes - 1))
    assert told["ends-at"] == threshold


@pytest.mark.shows("W7")
@pytest.mark.parametrize("oidc", [pytest.param({}, id="W7-fork")])
def test_without_an_oidc_token_the_error_says_that_forks_get_none(oidc: dict[str, str]) -> None:
    with pytest.raises(errors.InputErrors, match="fork"):
        _load(**{"role-to-assume": "arn:aws:iam::123456789012:role/runner-pool-provision", **oidc})


@pytest.mark.shows("W9")
@pytest.mark.parametrize("label", [pytest.param("ubuntu-latest", id="W9-hosted")])
def test_a_hosted_runner_takes_the_place_of_machines_that_cannot_register(label: str) -> None:
    stage = pool(token_valid_until=None)
    ready(stage)
    told = outputs(ended(stage, if_unavailable=label))
    assert (told["exit code"], told["label"], told["labels"]) == ("0", label, f'["{label}"]')
    assert (told["available"], told["count"]) == ("false", "0")
    assert of_label(stage) == {}


@pytest.mark.shows("W10")
@pytest.mark.parametrize("warm", [pytest.param(True, id="W10-warm"), pytest.param(False, id="W10-cold")])
def test_github_is_never_called(*, warm: bool) -> None:
    stage = pool()
    if warm:
        ready(stage)
    assert provide(stage).available
    assert not [each for each in stage.pool.account.calls if not each.startswith(("dynamodb:", "ec2:"))]
