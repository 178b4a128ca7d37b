"""`status` in words: what it says of a pool that lacks something."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from refresh.actions.status import Look, as_json, lines, look
from refresh.pool.snapshot import InstanceSnapshot, PoolSnapshot
from tests.fakes.serial import NOW, Serial
from tests.simulation.worlds import build


def test_a_pool_without_anything_is_reported_in_three_lines() -> None:
    """A table alone."""
    assert list(lines(Look("o/r", "eu-west-1", NOW, PoolSnapshot(instances=()))))[1:] == [
        "no launch template; no registration token",
        "0 instances",
    ]


@pytest.mark.parametrize(
    ("minutes", "told"), [(5, "registration token has 5 min left"), (-5, "registration token expired 5 min ago")]
)
def test_the_token_s_life_is_counted_from_now(minutes: int, told: str) -> None:
    """Or since when it is over."""
    pool = PoolSnapshot(
        template_id="lt-1",
        template_version=4,
        token_expires_at=NOW + timedelta(minutes=minutes),
        instances=(InstanceSnapshot(id="i-1", state="idle", ec2_state="running"),),
    )
    found = Look("o/r", "eu-west-1", NOW, pool)
    assert list(lines(found))[1:3] == [f"launch template lt-1, version 4; {told}", "1 instance"]
    assert "queues" not in json.loads(as_json(found))["pool"]


def test_a_list_that_ec2_did_not_give_is_reported_in_one_line() -> None:
    """Otherwise `unknown` would look like an instance that EC2 does not know."""
    pool = build("up to date")
    for zone in ("a", "b"):
        pool.record(pool.launch(zone=zone), threshold=pool.in_time(7200))
    pool.account.state.disrupted.add("b")
    found = look(pool.desired, pool.clients, pool.account.clock, Serial())
    told, count = list(lines(found))[2:4]
    assert told == (
        "EC2 did not list the pool's instances (ec2:DescribeInstances: InternalError), as while a zone is disrupted: "
        "instances without a record are missing here, and EC2 had no answer for `unknown` ones"
    )
    assert count == "2 instances"
    assert [each.ec2_state for each in (found.pool and found.pool.instances) or ()] == ["running", "unknown"]
    assert json.loads(as_json(found))["unlisted"] == "ec2:DescribeInstances: InternalError"
    pool.account.state.disrupted.clear()
    found = look(pool.desired, pool.clients, pool.account.clock, Serial())
    assert not [each for each in lines(found) if "did not list" in each]
    assert json.loads(as_json(found))["unlisted"] is None
