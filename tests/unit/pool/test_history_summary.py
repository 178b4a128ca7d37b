"""What a period adds up to: never more than there was, whatever the order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from refresh.pool.history import Build, Machine, Period
from refresh.pool.history_summary import Hour, Summary, Waits, summarize
from tests.fakes.serial import NOW

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
PERIOD = Period(since=NOW, until=NOW + 2 * HOUR)


def _build(minutes: float = 0, **changed: Any) -> Build:
    """Give a build that was served by one machine of the pool after five seconds."""
    asked_at = NOW + timedelta(minutes=minutes)
    given = Build(label="7", resource_class="large", asked_at=asked_at, waited=5 * SECOND, claimed=1, result="provided")
    return evolve(given, **changed)


def _machine(**changed: Any) -> Machine:
    return evolve(Machine(id="i-1", resource_class="large", launched_at=NOW, ended_at=NOW + HOUR), **changed)


def _of(*builds: Build, machines: tuple[Machine, ...] = (), **prices: str) -> Summary:
    period = evolve(PERIOD, builds=builds, machines=machines)
    return summarize(period, {name: Decimal(price) for name, price in prices.items()})


def test_a_period_without_anything_has_no_shares() -> None:
    summary = _of()
    assert (summary.builds, summary.warm_share, summary.waits, summary.classes) == (0, None, None, ())
    # The period begins at five minutes past nine.
    assert [each.start for each in summary.hours] == [NOW - 5 * MINUTE + n * HOUR for n in range(3)]


def test_builds_are_counted_by_what_became_of_them() -> None:
    summary = _of(
        _build(),
        _build(held=2, claimed=0),
        _build(launched=1),
        _build(claimed=0, waited=None),
        _build(claimed=0, result="failed", failures={"quota": 1, "capacity": 2}),
        _build(claimed=0, result="failed", hosted=True, failures={"capacity": 1, "addresses": 1}),
        _build(claimed=0, result="", waited=None),
        _build(-1),
        _build(120),
    )
    assert (summary.builds, summary.provided, summary.failed, summary.hosted) == (7, 4, 1, 1)
    assert (summary.warm, summary.counted, summary.warm_share) == (2, 3, 2 / 3)
    assert summary.failures == (("capacity", 3), ("addresses", 1), ("quota", 1))


def test_waits_are_those_of_builds_that_were_provided() -> None:
    waited = [_build(waited=n * SECOND) for n in range(1, 101)]
    failed = _build(waited=HOUR, result="failed")
    assert _of(*waited, failed).waits == Waits(median=50 * SECOND, p95=95 * SECOND, longest=100 * SECOND)
    assert _of(_build()).waits == Waits(median=5 * SECOND, p95=5 * SECOND, longest=5 * SECOND)


def test_each_started_minute_of_provision_is_billed_and_one_for_each_release() -> None:
    """GitHub bills a job that took no second, too."""
    seconds = {0: 1, 1: 1, 60: 1, 61: 2}
    for waited, minutes in seconds.items():
        assert _of(_build(waited=waited * SECOND)).runner_minutes == minutes + 1
    assert _of(_build(waited=61 * SECOND, result="failed")).runner_minutes == 2
    assert _of(_build(waited=None, result="")).runner_minutes == 0


def test_machines_are_added_up_by_class_within_the_period() -> None:
    summary = _of(
        *(),
        machines=(
            _machine(busy=HOUR / 2),
            _machine(launched_at=NOW - HOUR, ended_at=None, busy=3 * HOUR),
            _machine(launched_at=None, ended_at=None, busy=HOUR),
            _machine(launched_at=NOW - 2 * HOUR, ended_at=NOW - HOUR),
            _machine(launched_at=NOW + 2 * HOUR, ended_at=None),
            _machine(resource_class="gpu", launched_at=None),
        ),
        large="0.10",
    )
    gpu, large = summary.classes
    assert (large.resource_class, large.machines, large.unknown, large.hours) == ("large", 3, 1, 3)
    assert (large.busy, large.cost) == (2.5 * HOUR, Decimal("0.30"))
    assert large.idle_share == 1 - 2.5 / 3
    assert (gpu.machines, gpu.unknown, gpu.hours, gpu.idle_share, gpu.cost) == (1, 1, 0, None, None)


def test_jobs_that_were_cut_off_count_when_their_machine_ended() -> None:
    ended = _machine(cut_off=True)
    alive, before = evolve(ended, ended_at=None), evolve(ended, ended_at=NOW - SECOND)
    assert _of(machines=(ended, alive, before, _machine())).cut_off == 1


def test_hours_count_the_builds_that_asked_in_them() -> None:
    hours = _of(_build(), _build(54, launched=2), _build(55), _build(119)).hours
    start = NOW - 5 * MINUTE
    assert hours == (
        Hour(start=start, builds=2, warm=1, cold=1, launched=2),
        Hour(start=start + HOUR, builds=1, warm=1, cold=0, launched=0),
        Hour(start=start + 2 * HOUR, builds=1, warm=1, cold=0, launched=0),
    )


TIMES = st.integers(-4 * 3600, 4 * 3600).map(lambda seconds: NOW + timedelta(seconds=seconds))
SPANS = st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds))
BUILDS = st.builds(
    Build,
    label=st.just("7"),
    resource_class=st.sampled_from(["large", "gpu"]),
    asked_at=TIMES,
    waited=st.none() | SPANS,
    held=st.integers(0, 3),
    claimed=st.integers(0, 3),
    launched=st.integers(0, 3),
    failures=st.dictionaries(st.sampled_from(["capacity", "quota"]), st.integers(1, 5)),
    hosted=st.booleans(),
    result=st.sampled_from(["provided", "failed", ""]),
)
MACHINES = st.builds(
    Machine,
    id=st.just("i-1"),
    resource_class=st.sampled_from(["large", "gpu"]),
    launched_at=st.none() | TIMES,
    ended_at=st.none() | TIMES,
    busy=SPANS,
    cut_off=st.booleans(),
)


@given(st.lists(BUILDS, max_size=8), st.lists(MACHINES, max_size=8), st.randoms())
def test_shares_are_from_0_to_1_and_the_order_does_not_matter(
    builds: list[Build], machines: list[Machine], chance: Any
) -> None:
    summary = _of(*builds, machines=tuple(machines), large="0.1")
    assert 0 <= (summary.warm_share or 0) <= 1
    assert summary.warm <= summary.counted <= summary.provided <= summary.builds <= len(builds)
    assert sum(each.builds for each in summary.hours) == summary.builds
    assert sum(each.warm for each in summary.hours) == summary.warm
    for each in summary.classes:
        assert 0 <= (each.idle_share or 0) <= 1
        assert each.time <= each.machines * 2 * HOUR
        assert each.unknown <= each.machines
    if summary.waits:
        assert summary.waits.median <= summary.waits.p95 <= summary.waits.longest
    chance.shuffle(builds)
    chance.shuffle(machines)
    assert _of(*builds, machines=tuple(machines), large="0.1") == summary
