"""Groups of subnets, what was launched, and whether agents work."""

from __future__ import annotations

from attrs import evolve

from refresh.provision.actual import SUBNETS_PER_FLEET, Launches
from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, after, answer, launched, record


def test_subnets_are_asked_for_in_groups_or_one_by_one() -> None:
    subnets = tuple(f"subnet-{number}" for number in range(SUBNETS_PER_FLEET + 1))
    seen = pools.actual(settings=evolve(pools.SETTINGS, subnet_ids=subnets))
    assert seen.subnets == (subnets[:-1], subnets[-1:])
    assert evolve(seen, launches=Launches(one_by_one=True)).subnets == tuple((each,) for each in subnets)


def test_the_launched_machines_are_those_of_all_answers() -> None:
    launches = Launches(answers=(answer(launched(1), launched(2)), answer(), answer(launched(3))))
    assert launches.launched == {IDS[1], IDS[2], IDS[3]}


def test_a_heartbeat_is_as_old_as_it_was_when_it_was_read() -> None:
    """Terminations may take minutes; a ready machine does not lose its place for that."""
    seen = pools.actual(record(), looked_at=after(10))
    assert seen.beats_on(IDS[0])
    assert not evolve(seen, looked_at=after(16)).beats_on(IDS[0])
    assert not evolve(seen, read_at={IDS[0]: after(16)}).beats_on(IDS[0])
    assert not seen.beats_on(IDS[1])
