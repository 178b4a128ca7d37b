"""Which machines may be claimed, and in which order."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh.pool import readiness
from refresh.pool.records import Unreadable, wire_time
from refresh.pool.signals import BOOTED, LEFT, REGISTERED, SIGNAL_LIFETIME, Signal
from refresh.pool.usage import UsageClass
from refresh.provision import candidates
from tests.fakes.serial import NOW
from tests.unit.provision import pools
from tests.unit.provision.pools import AHEAD, IDS, ROLE, after, record

OLD = wire_time(NOW - SIGNAL_LIFETIME - timedelta(minutes=1))


def _listed(*found: Any, wanted: dict[str, Any] | None = None, **changed: Any) -> list[str]:
    seen = pools.actual(*found, **changed)
    return [each.id for each in candidates.ordered(pools.desired(**(wanted or {})), seen, NOW)]


@pytest.mark.parametrize(
    ("changed", "there"),
    [
        ({}, True),
        ({"state": "created"}, True),
        ({"state": "created", "run_id": "88"}, False),
        ({"state": "claimed", "run_id": ""}, False),
        ({"state": "running", "run_id": "88"}, False),
        ({"run_id": "88"}, False),
        ({"threshold": wire_time(NOW)}, False),
        ({"threshold": None}, False),
        ({"threshold": "soon"}, False),
        ({"resource_class": "xlarge"}, False),
        ({"usage_class": "spot"}, False),
        ({"instance_type": "t3.large"}, False),
        ({"instance_type": "M7i.large"}, True),
    ],
)
def test_a_machine_is_claimed_if_it_is_free_in_time_and_what_is_asked_for(
    changed: dict[str, Any], *, there: bool
) -> None:
    found = record(**{"run_id": "", **changed})
    assert bool(_listed(found, signals={IDS[0]: Signal(LEFT, "42", NOW)})) is there


@pytest.mark.parametrize(
    ("signal", "updated_at", "there"),
    [
        (Signal(LEFT, "42", NOW), wire_time(NOW), True),
        (Signal(BOOTED, "42", NOW), wire_time(NOW), True),
        (Signal(LEFT, "42", NOW), "", True),
        (Signal(REGISTERED, "42", NOW), wire_time(NOW), False),
        (Signal("UD_REMOVE_REG_OK", "42", NOW), OLD, False),
        (Signal(""), wire_time(NOW), False),
        (None, wire_time(NOW), False),
        (None, OLD, True),
        (None, "", False),
    ],
)
def test_idle_is_not_ready_until_the_agent_has_left_the_last_run(
    signal: Signal | None, updated_at: str, *, there: bool
) -> None:
    """Signals expire after a day, so an absent one says nothing before."""
    signals = {IDS[0]: signal} if signal else {}
    assert bool(_listed(record(updated_at=updated_at), signals=signals)) is there


@pytest.mark.parametrize(
    ("before", "last_run", "seconds", "there"),
    [(0, "", 0, True), (1, "", 0, False), (1, "42", 0, True), (1, "88", 0, False), (1, "", 121, True)],
)
def test_a_signal_of_before_the_record_says_little_for_two_minutes(
    before: float, last_run: str, seconds: float, *, there: bool
) -> None:
    """The agent of a claim that was given back may not have noticed it, or be about to register."""
    now = after(seconds)
    signal = Signal(LEFT, "42", after(-before))
    seen = pools.actual(record(last_run_id=last_run), looked_at=now, beats={IDS[0]: now}, signals={IDS[0]: signal})
    assert bool(candidates.ordered(pools.desired(), seen, now)) is there
    unread = evolve(seen, reports=pools.reports({IDS[0]: Signal(LEFT, "42")}, {IDS[0]: now}))
    assert bool(candidates.ordered(pools.desired(), unread, now)) is (last_run == "42" or seconds > 120)


def test_a_machine_without_a_recent_heartbeat_is_not_claimed() -> None:
    assert _listed(record(), beats={}) == []
    assert _listed(record(), beats={IDS[0]: NOW - timedelta(seconds=16)}) == []
    assert _listed(record(), beats={IDS[0]: NOW - timedelta(seconds=15)}) == [IDS[0]]


@pytest.mark.parametrize("updated_at", [wire_time(NOW), OLD])
def test_a_signal_in_an_item_of_its_own_does_not_expire(updated_at: str) -> None:
    """An agent that beats keeps it there, so an absent one was never given."""
    own = evolve(pools.SETTINGS, runner_role_id=ROLE)
    assert _listed(record(updated_at=updated_at), signals={}, settings=own) == []
    assert _listed(record(updated_at=updated_at, last_run_id="42"), settings=own) == [IDS[0]]


def test_a_machine_that_ec2_takes_back_is_not_claimed() -> None:
    ready = pools.actual(record()).reports[IDS[0]]
    assert _listed(record(), reports={IDS[0]: ready}) == [IDS[0]]
    assert _listed(record(), reports={IDS[0]: evolve(ready, reclaimed_at=after(120))}) == []


def test_what_others_took_or_this_run_gave_up_is_not_claimed_again() -> None:
    assert _listed(record(0), record(1), record(2), lost={IDS[0]}, given_up={IDS[1]: "it failed"}) == [IDS[2]]
    assert _listed(Unreadable("?", "its state is unknown")) == []


@pytest.mark.parametrize(
    ("changed", "there"),
    [
        ({"state": "created"}, True),
        ({"fresh_for": AHEAD}, True),
        ({"fresh_for": wire_time(NOW)}, False),
        ({"fresh_for": AHEAD, "last_run_id": "42"}, False),
        ({}, False),
    ],
)
def test_without_reuse_only_machines_that_never_served_are_claimed(changed: dict[str, Any], *, there: bool) -> None:
    found = record(**{"run_id": "", **changed})
    assert bool(_listed(found, wanted={"reuse": False})) is there
    assert not readiness.never_served(record(threshold=None))


def test_the_current_template_comes_first_and_then_the_newest() -> None:
    older = record(0, template_version="2", threshold=wire_time(after(5000)))
    found = (older, record(1, threshold=wire_time(after(100))), record(2, threshold=wire_time(after(900))))
    assert _listed(*found) == [IDS[2], IDS[1], IDS[0]]


def test_the_usage_classes_are_those_that_are_asked_for() -> None:
    either = (UsageClass.ON_DEMAND, UsageClass.SPOT)
    assert len(_listed(record(0), record(1, usage_class="spot"), wanted={"usage_classes": either})) == 2


@given(ready=st.integers(0, 12), number=st.integers(0, 15), lost=st.integers(0, 4), seed=st.integers())
def test_machines_are_drawn_once_each_among_the_first_few(ready: int, number: int, lost: int, seed: int) -> None:
    found = [record(each, threshold=wire_time(after(1000 - each))) for each in range(ready)]
    seen = evolve(pools.actual(*found), lost=frozenset(IDS[100 : 100 + lost]))
    drawn = candidates.chosen(pools.desired(), seen, number, NOW, random.Random(seed))  # noqa: S311
    assert len({each.id for each in drawn}) == len(drawn) == min(ready, number)
    for place, each in enumerate(drawn):
        assert IDS.index(each.id) < place + (candidates.WINDOW << lost)
