"""What provision does next, step by step."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh.pool import lifecycle
from refresh.pool.launch_causes import Cause
from refresh.pool.launches import Launches
from refresh.pool.records import Unreadable, wire_time
from refresh.pool.runs import FAILED, PROVIDED, Answer
from refresh.pool.usage import UsageClass
from refresh.provision import findings, policy
from refresh.provision.changes import Claim, Conclude, GiveUp, Launch, Record, Renew, Start
from refresh.provision.policy import LATER, SOON
from tests.fakes.serial import NOW
from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, RUN, SETTINGS, after, answer, fleet, launched, record, registered

if TYPE_CHECKING:
    from refresh.provision.actual import Actual
    from refresh.provision.policy import Step

SPOT, ON_DEMAND = UsageClass.SPOT, UsageClass.ON_DEMAND
RENEWED = wire_time(NOW + pools.RUNTIME)


def _plan(seen: Actual, seconds: float = 0, **wanted: Any) -> Step:
    return policy.plan(pools.desired(**wanted), pools.request(), seen, after(seconds), random.Random(1))  # noqa: S311


def _kinds(step: Step) -> list[tuple[type, str]]:
    return [(type(each), each.subject) for each in step.changes]


def _answer(step: Step) -> Answer:
    """Give what the step keeps of the provision for the history."""
    (concluded,) = (each for each in step.changes if isinstance(each, Conclude))
    return concluded.answer


def _waiting(number: int = 0, state: str = "claimed", **changed: Any) -> Any:
    return record(number, state, **changed)


def test_ready_machines_are_claimed_and_the_rest_is_launched_when_none_is_left() -> None:
    step = _plan(pools.actual(record(0), record(1)), count=3)
    assert {*_kinds(step)} == {(Claim, IDS[0]), (Claim, IDS[1])}
    assert {each.threshold for each in step.changes if isinstance(each, Claim)} == {NOW + lifecycle.CLAIMED_FOR}
    (launch,) = _plan(pools.actual(_waiting(0), _waiting(1)), count=3).changes
    assert isinstance(launch, Launch)
    assert launch.fleet == fleet(1, client_token=launch.fleet.client_token)


def test_each_request_has_a_token_of_its_own() -> None:
    def token(**changed: Any) -> str:
        (launch,) = _plan(pools.actual(**changed)).changes
        assert isinstance(launch, Launch)
        return launch.fleet.client_token

    assert token() == token()
    assert len({token(), token(holder="another"), token(launches=Launches(requests=1))}) == 3


def test_a_fleet_without_an_answer_is_asked_for_again_unchanged() -> None:
    asked = fleet(2, client_token="the first")
    assert _plan(pools.actual(launches=Launches(unanswered=asked))).changes == (Launch(asked),)


def test_while_a_fleet_is_under_way_no_other_is_asked_for() -> None:
    under_way = Launches(under_way=fleet(1))
    assert _plan(pools.actual(launches=under_way), count=3).wait == SOON
    assert _kinds(_plan(pools.actual(record(), launches=under_way), count=3)) == [(Claim, IDS[0])]


def test_spot_machines_are_tried_in_all_subnets_before_the_fallback() -> None:
    wanted: dict[str, Any] = {"usage_classes": (SPOT,), "fallback": True}
    subnets = tuple(f"subnet-{number}" for number in range(6))
    tried: set[Any] = set()
    order = []
    while True:
        settings = evolve(SETTINGS, subnet_ids=subnets)
        step = _plan(pools.actual(settings=settings, launches=Launches(tried=frozenset(tried))), **wanted)
        if not step.changes:
            break
        (launch,) = step.changes
        assert isinstance(launch, Launch)
        order.append((launch.fleet.usage_class, launch.fleet.subnet_ids))
        tried.add((launch.fleet.usage_class, (len(order) - 1) % 2))
    assert order == [(usage, each) for usage in (SPOT, ON_DEMAND) for each in (subnets[:4], subnets[4:])]
    assert step.wait == LATER


def test_what_ec2_has_launched_is_recorded_once() -> None:
    launches = Launches(answers=(answer(launched(0), launched(1), launched(2), asked=fleet(3)),))
    seen = pools.actual(_waiting(0, "created"), lost=frozenset({IDS[1]}), launches=launches)
    step = _plan(seen, count=2)
    (change,) = step.changes
    assert change == Record(RUN, "large", launched(2), NOW, NOW)
    assert isinstance(change, Record)
    assert change.threshold == NOW + lifecycle.CREATED_FOR


def test_a_registered_machine_starts_at_once_while_others_wait() -> None:
    seen = pools.actual(_waiting(0), _waiting(1), signals=registered(record(0)))
    (start,) = _plan(seen, count=2).changes
    assert start == Start(RUN, _waiting(0), NOW, NOW)
    assert isinstance(start, Start)
    assert start.threshold == NOW + pools.RUNTIME
    (start,) = _plan(seen, count=2, max_runtime=timedelta(hours=2)).changes
    assert isinstance(start, Start)
    assert start.threshold == NOW + timedelta(hours=2)


def test_a_ready_machine_does_not_end_while_others_boot() -> None:
    ready, boots = record(0, "running", threshold=wire_time(after(60))), record(1, "created")
    renewed = _plan(pools.actual(ready, boots), 40.5, count=2, max_runtime=timedelta(minutes=1))
    assert _kinds(renewed) == [(Renew, IDS[0])]
    assert _plan(pools.actual(ready, boots), 40, count=2, max_runtime=timedelta(minutes=1)).wait == LATER


def test_with_the_last_machine_the_result_is_written_and_the_surplus_given_back() -> None:
    found = (record(0, "running"), _waiting(1), _waiting(2), _waiting(3))
    seen = pools.actual(*found, signals={**registered(*found[:3])})
    step = _plan(seen, count=2)
    assert _kinds(step) == [(Renew, IDS[0]), (Start, IDS[1]), (GiveUp, IDS[2]), (GiveUp, IDS[3]), (Conclude, RUN)]
    assert {each.why for each in step.changes if isinstance(each, GiveUp)} == {findings.SURPLUS}
    assert {each.back for each in step.changes if isinstance(each, GiveUp)} == {True}
    assert step.changes[-1] == Conclude(pools.request(), PROVIDED, NOW)
    assert _answer(step) == Answer(held=2)
    assert step.problems == ()


def test_a_later_attempt_changes_nothing_that_is_right() -> None:
    renewed = record(0, "running", threshold=RENEWED)
    assert _kinds(_plan(pools.actual(renewed), 59)) == [(Conclude, RUN)]
    assert _kinds(_plan(pools.actual(renewed), 61)) == [(Renew, IDS[0]), (Conclude, RUN)]
    assert _plan(pools.actual(renewed, result=PROVIDED)) == policy.Step()


def test_a_refusal_ends_it_before_anything_is_claimed() -> None:
    step = _plan(pools.actual(record()), resource_class="gpu", if_unavailable="ubuntu-latest")
    assert step.changes == (Conclude(pools.request(), FAILED, NOW),)
    assert _answer(step) == Answer()
    assert len(step.problems) == 1


def test_a_refusal_in_the_middle_gives_back_what_this_run_has_claimed() -> None:
    """The class can be removed meanwhile; what an earlier attempt held is left to release."""
    held, claimed = record(state="running"), record(1, "claimed")
    step = _plan(pools.actual(held, claimed, claimed=frozenset({claimed.id})), resource_class="gpu")
    back = GiveUp(IDS[1], back=True, why=findings.TOO_FEW)
    assert step.changes == (back, Conclude(pools.request(), FAILED, NOW))


@pytest.mark.parametrize(
    ("waiting", "seconds", "pause"),
    [(_waiting(), 1, SOON), (_waiting(), 16, LATER), (_waiting(state="created"), 1, LATER)],
)
def test_a_claimed_machine_is_looked_at_often_at_first(waiting: Any, seconds: float, pause: timedelta) -> None:
    assert _plan(pools.actual(waiting), seconds).wait == pause


def test_after_a_few_lost_claims_the_pool_is_read_again() -> None:
    """A run with an old list would lose one claim after the other."""
    pool = pools.actual(record(state="idle", run_id="", last_run_id="42"), lost_since_look=4)
    assert _plan(pool).look
    assert not _plan(evolve(pool, lost_since_look=3)).look


def test_missing_machines_are_looked_for_in_rounds() -> None:
    launches = Launches(answers=(answer(causes=[Cause.CAPACITY]),), tried=frozenset({(ON_DEMAND, 0)}))
    seen = pools.actual(launches=launches)
    assert _plan(seen, 1) == policy.Step(wait=LATER)
    assert _plan(seen, 9) == policy.Step(wait=timedelta(seconds=1))
    assert _plan(seen, 10) == policy.Step(look=True)
    later = evolve(seen, looked_at=after(60))
    assert (_plan(later, 89).wait, _plan(later, 90).look) == (timedelta(seconds=1), True)


@pytest.mark.parametrize(
    ("changed", "seconds"),
    [
        ({"launches": Launches(refused=frozenset({(ON_DEMAND, 0)}))}, 0),
        ({"settings": evolve(SETTINGS, token_valid_until=None)}, 0),
        ({"claimed": frozenset({IDS[8], IDS[9]})}, 0),
        ({}, 300),
    ],
)
def test_where_no_machine_can_come_any_more_it_answers(changed: dict[str, Any], seconds: float) -> None:
    """Quota or permission, no token, each machine replaced once, or its time over."""
    step = _plan(pools.actual(**changed), seconds, if_unavailable="ubuntu-latest")
    assert step.changes == (Conclude(pools.request(), FAILED, NOW),)
    assert _answer(step) == Answer(hosted=True)
    assert [each.startswith("no machine is ready") for each in step.problems] == [True]


def test_machines_that_are_coming_are_waited_for_after_the_timeout_if_they_are_enough() -> None:
    found = (record(0, "running"), _waiting(1, updated_at=wire_time(after(299))))
    seen = pools.actual(*found, looked_at=after(300), beats={each.id: after(300) for each in found})
    assert _plan(seen, 301, count=3, min_count=2).wait == SOON
    step = _plan(seen, 301, count=3)
    assert _kinds(step) == [(GiveUp, IDS[0]), (GiveUp, IDS[1]), (Conclude, RUN)]
    assert {each.why for each in step.changes if isinstance(each, GiveUp)} == {findings.TOO_FEW}


def test_as_many_as_the_fewest_are_an_answer() -> None:
    launches = Launches(answers=(answer(causes=[Cause.CAPACITY]),), tried=frozenset({(ON_DEMAND, 0)}))
    step = _plan(pools.actual(record(0, "running", threshold=RENEWED), launches=launches), count=2, min_count=1)
    assert step.changes == (Conclude(pools.request(), PROVIDED, NOW),)
    assert [each.startswith("1 of 2 machines are ready") for each in step.problems] == [True]


def test_an_answer_with_machines_of_no_use_is_one_of_the_tries() -> None:
    known = record(0, "running", "88")
    again = Launches(answers=(answer(launched(0)),))
    assert [type(each) for each in _plan(pools.actual(known, launches=again)).changes] == [Launch]
    twice = Launches(answers=(answer(launched(0)), answer(launched(0))))
    assert [type(each) for each in _plan(pools.actual(known, launches=twice)).changes] == [Conclude]


def test_the_cap_limits_what_is_launched_and_no_claim() -> None:
    settings = evolve(SETTINGS, max_instances={"large": 2})
    other = record(9, "running", "88")
    (launch,) = _plan(pools.actual(other, settings=settings), count=2).changes
    assert isinstance(launch, Launch)
    assert launch.fleet.count == 1
    assert [type(each) for each in _plan(pools.actual(other, record(0), settings=settings), count=2).changes] == [Claim]
    full = pools.actual(other, record(8, "running", "88"), settings=settings)
    assert _plan(full, count=2) == policy.Step(wait=LATER)


@pytest.mark.parametrize(("minutes", "kinds"), [(0.5, []), (2, [Claim]), (7, [Claim])])
def test_a_token_must_outlive_what_is_asked_of_it(minutes: float, kinds: list[type]) -> None:
    settings = evolve(SETTINGS, token_valid_until=NOW + timedelta(minutes=minutes))
    changes = _plan(pools.actual(record(), settings=settings)).changes
    assert [type(each) for each in changes if not isinstance(each, Conclude)] == kinds
    (change,) = _plan(pools.actual(settings=settings)).changes
    assert isinstance(change, Launch) is (minutes > 6)


@pytest.mark.parametrize(("looked", "kinds"), [(45, [GiveUp, Claim]), (44, [GiveUp])])
def test_a_replacement_is_claimed_by_heartbeats_that_are_not_old(looked: float, kinds: list[type]) -> None:
    """Machines that worked at the last look may have ended together with the one that failed."""
    late = record(0, "claimed", updated_at=wire_time(after(-1)))
    known = pools.actual(late, record(1), looked_at=after(looked), read_at={IDS[0]: after(60)})
    known = evolve(known, reports={IDS[1]: evolve(known.report(IDS[1]), beat=after(looked))})
    assert [type(each) for each in _plan(known, 60).changes] == kinds
    assert _plan(pools.actual(record(1), failed_since_look=True)).look


def test_the_machines_of_others_are_left_alone() -> None:
    found = (record(0, "running", "88"), record(1, "claimed", "88"), record(2, "terminated", RUN), Unreadable("?", ""))
    assert [type(each) for each in _plan(pools.actual(*found)).changes] == [Launch]
    mine = pools.actual(record(0, "running"), given_up={IDS[0]: "it failed"})
    assert list(policy.of_label(pools.desired(), mine)) == []


@pytest.mark.parametrize("state", ["created", "claimed", "running"])
def test_a_machine_that_ec2_takes_back_is_given_up_at_once(state: str) -> None:
    """Also one that works: it would be gone in a minute, so a renewal makes no sense."""
    spot = record(0, state, usage_class="spot", threshold=RENEWED)
    report = evolve(pools.actual(spot, signals=registered(spot)).reports[IDS[0]], reclaimed_at=after(90))
    step = _plan(pools.actual(spot, reports={IDS[0]: report}), usage_classes=(SPOT,))
    assert step.changes[0] == GiveUp(IDS[0], back=False, why="")
    assert isinstance(step.changes[0], GiveUp)
    assert not step.changes[0].back
    assert step.changes[0].why == f"EC2 takes the spot instance back at {wire_time(after(90))}"


def test_what_ec2_takes_back_does_not_go_back_to_the_pool_although_it_does_not_fit() -> None:
    report = evolve(pools.actual(record(0, "running")).reports[IDS[0]], reclaimed_at=NOW)
    first = _plan(pools.actual(record(0, "running"), reports={IDS[0]: report}), usage_classes=(SPOT,)).changes[0]
    assert isinstance(first, GiveUp)
    assert not first.back


def test_the_reports_that_matter_are_those_of_the_label_and_of_what_can_be_claimed() -> None:
    found = (
        record(0, "running"),
        record(1),
        record(2, "created", ""),
        record(3, "running", "88"),
        record(4, resource_class="xlarge"),
        record(5, threshold=wire_time(NOW)),
        record(6),
        record(7),
        record(8, "claimed"),
        Unreadable("?", "its state is unknown"),
    )
    seen = pools.actual(*found, lost=frozenset({IDS[6]}), given_up={IDS[7]: "it failed"}, reports={})
    assert policy.judged(pools.desired(), seen, NOW) == [IDS[each] for each in (0, 8, 1, 2)]
    assert policy.judged(pools.desired(reuse=False), seen, NOW) == [IDS[each] for each in (0, 8, 2)]


@pytest.mark.parametrize(
    ("found", "back"),
    [(record(0, "running", resource_class="xlarge"), True), (record(0, "running", threshold=""), False)],
)
def test_only_machines_that_work_go_back(found: Any, *, back: bool) -> None:
    first = _plan(pools.actual(found)).changes[0]
    assert (first, isinstance(first, GiveUp) and first.back) == (GiveUp(IDS[0], back=back, why=""), back)


@given(
    states=st.lists(st.sampled_from(["idle", "claimed", "created", "running"]), max_size=8),
    count=st.integers(1, 6),
    fewest=st.integers(1, 6),
    seconds=st.sampled_from([0, 5, 20, 61, 241, 299, 300, 400]),
    read=st.sampled_from([0.0, 1.0]),
    tried=st.sampled_from([frozenset(), frozenset({(ON_DEMAND, 0)})]),
)
def test_a_step_always_changes_something_waits_looks_or_is_the_last(  # noqa: PLR0913, PLR0917 - drawn values
    states: list[str], count: int, fewest: int, seconds: float, read: float, tried: frozenset[tuple[UsageClass, int]]
) -> None:
    """No step is empty before the result, and no more is begun than is missing."""
    found = [record(number, state) for number, state in enumerate(states)]
    seen = pools.actual(
        *found,
        looked_at=after(seconds * read),
        beats={each.id: after(seconds) for each in found},
        launches=Launches(tried=tried),
    )
    step = _plan(seen, seconds, count=count, min_count=min(count, fewest))
    assert bool(step.changes) + bool(step.wait) + step.look == 1
    assert step.wait >= timedelta()
    begun = [each for each in step.changes if isinstance(each, (Claim, Launch))]
    assert sum(each.fleet.count if isinstance(each, Launch) else 1 for each in begun) <= count
    concluded = [each for each in step.changes if isinstance(each, Conclude)]
    assert len(concluded) <= 1
    assert not (concluded and begun)


@pytest.mark.parametrize(("seconds", "renewed"), [(-1, True), (0, False)])
def test_a_machine_of_an_earlier_attempt_is_renewed_even_if_it_has_all_its_time(seconds: int, *, renewed: bool) -> None:
    """A refresh may be about to end it, since the run was over: of its mark and the renewal only one succeeds."""
    ready = record(0, "running", threshold=RENEWED, updated_at=wire_time(after(seconds)))
    kinds = [(Renew, IDS[0])] * renewed
    assert _kinds(_plan(pools.actual(ready))) == [*kinds, (Conclude, RUN)]
