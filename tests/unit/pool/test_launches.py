"""Which groups of subnets are asked for, one request after the other."""

from __future__ import annotations

from refresh.pool.launches import SUBNETS_PER_FLEET, Launches
from tests.unit.provision.pools import IDS, answer, launched

SUBNETS = tuple(f"subnet-{number}" for number in range(SUBNETS_PER_FLEET + 1))


def test_subnets_are_asked_for_in_groups_or_one_by_one() -> None:
    assert Launches().groups(SUBNETS) == (SUBNETS[:-1], SUBNETS[-1:])
    assert Launches(one_by_one=True).groups(SUBNETS) == tuple((each,) for each in SUBNETS)


def test_the_launched_machines_are_those_of_all_answers() -> None:
    launches = Launches(answers=(answer(launched(1), launched(2)), answer(), answer(launched(3))))
    assert launches.launched == {IDS[1], IDS[2], IDS[3]}
