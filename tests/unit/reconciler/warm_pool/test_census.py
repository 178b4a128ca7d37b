"""Which machines count, and how many live."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from refresh.pool import names
from refresh.pool.ec2_instances import Ec2State
from refresh.pool.records import Unreadable, wire_time
from refresh.pool.signals import BOOTED, REGISTERED, Report, Signal
from refresh.pool.warm_pool_item import Unready, WarmState
from refresh.reconciler.garbage_collector.restores import Restore
from refresh.reconciler.warm_pool import census
from tests.fakes.serial import NOW
from tests.unit.reconciler.warm_pool.machines import (
    IDS,
    KEY,
    actual,
    after,
    instance,
    pending,
    record,
    unready,
    wanted,
)


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({}, True),
        ({"state": "created"}, True),
        ({"state": "claimed"}, False),
        ({"run_id": "88"}, False),
        ({"run_id": None}, False),
        ({"resource_class": "xlarge"}, False),
        ({"usage_class": "spot"}, False),
        ({"threshold": None}, False),
        ({"minutes": 0}, False),
    ],
)
def test_a_machine_counts_by_its_record(changed: dict[str, Any], *, counts: bool) -> None:
    seen = actual(record(**changed))
    assert bool(list(census.waiting(wanted(), seen, "large", NOW))) is counts


@pytest.mark.parametrize(
    "found",
    [
        instance(tags={"refresh-action:protect": "true"}),
        instance(state=Ec2State.SHUTTING_DOWN),
        instance(minutes=-8 * 24 * 60),
        instance(tags={"aws:ec2launchtemplate:id": "lt-other"}),
    ],
)
def test_a_machine_counts_only_if_ec2_shows_that_it_lives_and_is_the_pools(found: Any) -> None:
    """Protected and old ones do not count either: the collector is about to end the latter."""
    assert not list(census.waiting(wanted(), actual(record(), instances=[found]), "large", NOW))
    unknown = actual(record())
    gone = evolve(unknown, collected=evolve(unknown.collected, instances={}))
    assert not list(census.waiting(wanted(), gone, "large", NOW))


def test_a_restored_record_does_not_count_and_its_machine_is_in_doubt() -> None:
    found = record(0, updated_at="2026-01-31T09:00:00Z"), record(1, updated_at="2026-01-31T09:04:00Z")
    ended, unread = record(2, "terminated", updated_at=""), Unreadable(IDS[3], "its state is unknown")
    strays = instance(4, minutes=-30), instance(5, minutes=-1), evolve(instance(6), launched_at=None)
    seen = actual(*found, ended, instances=strays, collected={"restore": Restore(after(-4), after(-2))})
    seen = evolve(seen, records={**seen.records, unread.id: unread})
    assert [each.id for each in census.waiting(wanted(), seen, "large", NOW)] == [IDS[1]]
    assert census.in_doubt(seen) == [IDS[0], IDS[4]]
    assert census.in_doubt(actual(*found)) == []


def test_the_version_is_that_which_ec2_shows_and_otherwise_the_recorded_one() -> None:
    assert census.is_current(actual(record()), IDS[0])
    assert not census.is_current(actual(record(), instances=[instance(version="2")]), IDS[0])
    bare = actual(record())
    unseen = evolve(bare, collected=evolve(bare.collected, instances={}))
    assert census.is_current(unseen, IDS[0])
    assert not census.is_current(unseen, IDS[1])


def test_all_living_machines_of_a_class_count_for_its_limit() -> None:
    found = (
        record(0, "running", run_id="88"),
        record(1, "terminated"),
        record(2, "terminated"),
        record(3, "created", run_id="88"),
        record(4, minutes=-1),
        record(5, resource_class="xlarge"),
    )
    ec2 = (
        instance(2, state=Ec2State.TERMINATED),
        instance(3, state=Ec2State.UNKNOWN),
        instance(4, state=Ec2State.UNKNOWN),
        instance(6),
        instance(7, tags={"InitialRunId": "88"}),
        instance(8, tags={"InitialRunId": names.warm_label("77", "xlarge")}),
    )
    launched = {IDS[9]: Unready(resource_class="large", at=NOW), IDS[10]: Unready(resource_class="xlarge", at=NOW)}
    state = WarmState(unready={**launched, **unready(11)}, pending={"large": pending(3)})
    seen = actual(*found, instances=ec2, state=state)
    # Running, marked but alive, unknown to EC2, launched without a record, launched a moment ago, and three pending.
    assert census.living(wanted(), seen, "large", NOW) == 5 + 3


def test_a_launched_machine_counts_as_booting_until_it_is_late() -> None:
    state = WarmState(unready=unready(0, minutes=-3))
    assert census.of_class(wanted(), actual(state=state), "large", NOW).coming == 1
    assert census.of_class(wanted(), actual(state=state), "large", after(2)).coming == 0
    # EC2's description came before its record was written.
    seen = actual(instances=[instance(0, minutes=-3)], state=state)
    assert census.of_class(wanted(), seen, "large", NOW).coming == 1


@pytest.mark.parametrize(
    ("signal", "state", "ready", "failed"),
    [
        (BOOTED, "created", True, False),
        (REGISTERED, "claimed", True, False),
        ("UD_FAILED", "created", False, True),
        ("UD_REG_FAILED", "created", False, True),
        ("", "created", False, False),
        ("UD_REG_FAILED", "running", True, True),
        ("", "idle", True, False),
    ],
)
def test_what_became_of_a_launch_is_told_by_its_agent_and_its_record(
    signal: str, state: str, *, ready: bool, failed: bool
) -> None:
    seen = actual(record(0, state), instances=[instance(0, minutes=-1)])
    told = evolve(seen, reports={IDS[0]: Report(signal=Signal(signal, "warm-77-large"))})
    assert (census.became_ready(told, IDS[0]), census.failed(told, IDS[0], NOW)) == (ready, failed)


def test_an_ended_machine_was_ready_if_its_mark_or_history_says_so() -> None:
    for state, ready in (("idle", True), ("running", True), ("created", False)):
        marked = record(0, "terminated", ended=(("endedState", state),))
        seen = actual(marked, reports={})
        assert census.became_ready(seen, IDS[0]) is ready
        assert census.became_ready(evolve(actual(), history={IDS[0]: state}), IDS[0]) is ready
    assert not census.became_ready(actual(), IDS[0])
    dead = actual(instances=[instance(0, minutes=-1, state=Ec2State.SHUTTING_DOWN)])
    assert census.failed(dead, IDS[0], NOW)


def test_the_records_of_working_machines_prove_a_version() -> None:
    working = record(0, "running", run_id="88")
    assert census.proves_version(actual(working))
    assert not census.proves_version(actual(working, instances=[instance(version="2")]))
    assert not census.proves_version(actual(working, instances=[instance(state=Ec2State.TERMINATED)]))
    assert not census.proves_version(actual(record(0)))
    bare = actual(working)
    assert not census.proves_version(evolve(bare, collected=evolve(bare.collected, instances={})))


def test_an_emptied_table_has_no_records_although_several_machines_live() -> None:
    living = [instance(0), instance(1)]
    assert census.emptied(actual(instances=living))
    assert not census.emptied(actual(instances=living[:1]))
    assert not census.emptied(actual(record(2), instances=living))
    assert not census.emptied(actual(instances=living, state=WarmState(version=KEY, pending={"large": pending()})))


def test_the_machines_with_the_most_time_come_first() -> None:
    found = record(0, minutes=5), record(1, minutes=50), record(2, minutes=20)
    assert [each.id for each in census.of_class(wanted(), actual(*found), "large", NOW).current] == [
        IDS[1],
        IDS[2],
        IDS[0],
    ]


@pytest.mark.parametrize(
    ("released", "report", "coming"),
    [
        (0, {}, 1),
        (-2, {}, 1),
        (-2.1, {}, 0),
        (0, {"beat": after(-1)}, 0),
        (0, {"reclaimed_at": after(2)}, 0),
    ],
)
def test_a_machine_that_leaves_its_run_is_about_to_become_ready(
    released: float, report: dict[str, Any], coming: int
) -> None:
    """Otherwise another one would be launched, which nobody needs a moment later."""
    at = wire_time(after(released))
    working = Report(signal=Signal(REGISTERED, "88"), beat=NOW)
    left = record(released_at=at, updated_at=at, last_run_id="88", fresh_for="")
    seen = actual(left, reports={IDS[0]: evolve(working, **report)})
    found = census.of_class(wanted(), seen, "large", NOW)
    assert (found.current, found.coming) == ((), coming)
