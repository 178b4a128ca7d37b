"""What acknowledged changes and answers have made of the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.engine.change import Done, Failed, Postponed, Skipped
from refresh.pool.launch_causes import Cause, Shortfall
from refresh.pool.launches import Launches
from refresh.pool.records import Unreadable, wire_time
from refresh.pool.runs import FAILED, PROVIDED
from refresh.pool.signals import REGISTERED, Signal
from refresh.pool.usage import UsageClass
from refresh.provision import predict
from refresh.provision.changes import Claim, Conclude, GiveUp, Launch, Record, Renew, Start
from refresh.provision.look import Machines
from tests.fakes.serial import NOW
from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, RUN, SETTINGS, after, answer, fleet, launched, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.change import Change, Outcome
    from refresh.provision.actual import Actual

DOWN = errors.Unavailable("dynamodb:UpdateItem", "InternalError")
CLAIM = Claim(RUN, record(), after(300), after(1))
START = Start(RUN, record(0, "claimed"), after(1800), after(1))
RENEW = Renew(RUN, record(0, "running"), after(1800), after(1))
RECORD = Record(RUN, "large", launched(0), after(600), after(1))
CONCLUDE = Conclude(pools.request(), PROVIDED, NOW)
NOT_DONE: list[Callable[[Change], Outcome]] = [
    lambda change: Skipped(change, "taken"),
    lambda change: Failed(change, DOWN),
    Postponed,
]


@pytest.mark.parametrize(
    ("change", "state", "seconds"), [(CLAIM, "claimed", 300), (START, "running", 1800), (RENEW, "running", 1800)]
)
def test_a_write_that_was_acknowledged_is_known(change: Claim | Start | Renew, state: str, seconds: float) -> None:
    known = predict.after(pools.actual(change.record), [Done(change)])
    assert known.records[IDS[0]] == evolve(
        change.record,
        state=state,
        run_id=RUN,
        threshold=wire_time(after(seconds)),
        updated_at=wire_time(after(1)),
        # Until now it registered, or worked.
        busy_seconds=0 if change is CLAIM else 1,
    )
    assert known.claimed == ({IDS[0]} if change is CLAIM else set())


def test_a_recorded_machine_is_known() -> None:
    known = predict.after(pools.actual(), [Done(RECORD)]).records[IDS[0]]
    assert known == record(
        0,
        "created",
        threshold=wire_time(after(600)),
        updated_at=wire_time(after(1)),
        template_version="",
        launched_at=wire_time(after(1)),
    )


@pytest.mark.parametrize("outcome", NOT_DONE)
def test_a_claim_without_an_acknowledgement_is_lost(outcome: Callable[[Change], Outcome]) -> None:
    known = predict.after(pools.actual(record()), [outcome(CLAIM)])
    assert (set(known.lost), known.records[IDS[0]]) == ({IDS[0]}, record())


@pytest.mark.parametrize(("outcome", "lost"), [*zip(NOT_DONE, [{IDS[0]}, set(), set()], strict=True)])
def test_a_record_is_written_again_unless_another_process_wrote_it(
    outcome: Callable[[Change], Outcome], lost: set[str]
) -> None:
    assert predict.after(pools.actual(), [outcome(RECORD)]).lost == lost


@pytest.mark.parametrize("outcome", NOT_DONE)
@pytest.mark.parametrize("change", [START, RENEW])
def test_a_result_with_a_machine_that_did_not_start_does_not_count(
    change: Change, outcome: Callable[[Change], Outcome]
) -> None:
    """Both are in one transaction, and a lost race drops the machine alone."""
    seen = pools.actual(record(0, "claimed"))
    assert predict.after(seen, [outcome(change), Done(CONCLUDE)]).result == ""
    assert predict.after(seen, [Done(change), Done(CONCLUDE)]).result == PROVIDED
    failed = evolve(CONCLUDE, result=FAILED)
    assert predict.after(seen, [outcome(change), Done(failed)]).result == FAILED


@pytest.mark.parametrize(("outcome", "result"), [*zip(NOT_DONE, [PROVIDED, "", ""], strict=True)])
def test_a_result_counts_if_it_was_written_or_another_process_has_the_label(
    outcome: Callable[[Change], Outcome], result: str
) -> None:
    assert predict.after(pools.actual(), [outcome(CONCLUDE)]).result == result


def test_other_changes_are_known_elsewhere() -> None:
    seen = pools.actual(record())
    for change in (Launch(fleet()), GiveUp(IDS[0], back=True, why="")):
        assert predict.after(seen, [Done(change)]) == seen


def _answered(*answers: Any, **changed: Any) -> Launches:
    seen: Actual = pools.actual(**changed)
    for each in answers:
        launches = evolve(seen.launches, under_way=each.fleet)
        seen = predict.answered(evolve(seen, launches=launches), each)
        assert seen.launches.under_way is None
    return seen.launches


OD = UsageClass.ON_DEMAND


@pytest.mark.parametrize(
    ("causes", "tried", "refused"),
    [
        ([], False, False),
        ([Cause.CAPACITY], True, False),
        ([Cause.THROTTLED], True, False),
        ([Cause.CONFIGURATION], True, True),
        ([Cause.CONFIGURATION, Cause.CAPACITY], True, False),
        ([Cause.QUOTA], True, True),
    ],
)
def test_what_ec2_refuses_for_good_is_not_asked_for_again(causes: list[Cause], *, tried: bool, refused: bool) -> None:
    given = answer(*([] if causes else [launched(0)]), causes=causes)
    launches = _answered(given)
    assert [*launches.tried] == [(OD, 0)] * tried
    assert [*launches.refused] == [(OD, 0)] * refused
    assert (launches.answers, launches.requests, launches.unanswered) == ((given,), 1, None)


@pytest.mark.parametrize("cause", [Cause.QUOTA, Cause.PERMISSION, Cause.SERVICE_LINKED_ROLE])
def test_a_refusal_that_no_subnet_changes_is_one_for_all(cause: Cause) -> None:
    subnets = tuple(f"subnet-{number}" for number in range(6))
    settings = evolve(SETTINGS, subnet_ids=subnets)
    given = answer(causes=[cause], asked=fleet(subnet_ids=subnets[4:]))
    assert _answered(given, settings=settings).refused == {(OD, 0), (OD, 1)}


def test_a_complete_answer_leaves_nothing_to_try_elsewhere() -> None:
    assert _answered(answer(launched(0), causes=[Cause.CAPACITY])).tried == set()


def test_a_fleet_whose_answer_was_lost_is_asked_for_again() -> None:
    given = evolve(answer(causes=[Cause.UNANSWERED]), lost=True)
    launches = _answered(given)
    assert (launches.unanswered, launches.requests) == (given.fleet, 0)
    again = _answered(given, answer(launched(0)))
    assert (again.unanswered, again.requests, *again.launched) == (None, 1, IDS[0])


def test_an_answer_of_an_internal_error_is_an_answer() -> None:
    """EC2 would repeat it for the same client token."""
    launches = _answered(answer(causes=[Cause.UNANSWERED]))
    assert (launches.unanswered, launches.requests) == (None, 1)


def test_nothing_else_is_asked_for_in_a_round_in_which_an_answer_was_lost() -> None:
    """EC2 may have launched: neither the fallback nor other subnets, and not the same again without a pause."""
    launches = _answered(evolve(answer(causes=[Cause.UNANSWERED]), lost=True))
    assert launches.tried == {(UsageClass.ON_DEMAND, 0), (UsageClass.SPOT, 0)}


def test_subnets_that_changed_since_the_request_are_all_to_be_tried() -> None:
    """Refresh may have written other settings before EC2 answered the second time."""
    assert _answered(answer(causes=[Cause.CAPACITY], asked=fleet(subnet_ids=("subnet-9",)))).tried == set()


def test_subnets_of_one_zone_are_asked_for_one_by_one() -> None:
    duplicate = Shortfall(cause=Cause.CONFIGURATION, code="InvalidFleetConfig", message="duplicate instance pools")
    given = evolve(answer(), shortfalls=(duplicate,))
    launches = _answered(given)
    assert (launches.one_by_one, launches.requests, launches.answers, *launches.refused) == (True, 1, ())
    single = evolve(given, fleet=fleet(subnet_ids=("subnet-1",)))
    assert _answered(given, single).refused == {(OD, 0)}
    assert len(_answered(given, given).answers) == 1
    partly = _answered(evolve(given, fleet=fleet(2), launched=(launched(0),)))
    assert (partly.one_by_one, *partly.launched) == (True, IDS[0])


def test_machines_are_known_as_they_were_read() -> None:
    seen = pools.actual(record(0, "claimed"), record(1), record(2, "claimed"))
    found = Machines(records={IDS[0]: record(0, "running")}, reports=pools.reports({IDS[0]: Signal(REGISTERED, RUN)}))
    known = predict.read(seen, found, [IDS[0], IDS[2]], after(3))
    assert {**known.records} == {IDS[0]: record(0, "running"), IDS[1]: record(1)}
    assert known.reports == {**found.reports, IDS[1]: seen.reports[IDS[1]]}
    assert known.read_at == dict.fromkeys((IDS[0], IDS[2]), after(3))


@pytest.mark.parametrize(
    ("found", "mine"),
    [
        (record(0, "claimed"), True),
        (record(0, "claimed", "88"), False),
        (record(0, "running"), False),
        (Unreadable(IDS[0], "its state is unknown"), False),
    ],
)
def test_a_lost_claim_that_has_the_label_was_this_run_s(found: Any, *, mine: bool) -> None:
    """Its answer was lost, so the client sent it again, and that was refused."""
    seen = pools.actual(record(), lost=frozenset({IDS[0]}))
    known = predict.read(seen, Machines(records={IDS[0]: found}, reports={}), [IDS[0]], NOW)
    assert (known.claimed == {IDS[0]}, known.lost == {IDS[0]}) == (mine, not mine)
