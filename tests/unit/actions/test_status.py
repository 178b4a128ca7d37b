"""`status` in words: what it says of a pool that lacks something."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from refresh.actions.status import Look, look
from refresh.pool.snapshot import InstanceSnapshot, PoolSnapshot
from tests.fakes.serial import NOW, Serial
from tests.simulation.worlds import build

INSTANCE = InstanceSnapshot(id="i-1", state="idle", ec2_state="running")


@pytest.mark.parametrize(
    ("pool", "what", "count"),
    [
        (PoolSnapshot(instances=()), ["no launch template", "no registration token"], "0 instances"),
        (
            PoolSnapshot(template_id="lt-1", template_version=4, token_expires_at=NOW + timedelta(minutes=5)),
            ["launch template lt-1, version 4", "5 min left"],
            "0 instances",
        ),
        (
            PoolSnapshot(instances=(INSTANCE,), token_expires_at=NOW - timedelta(minutes=5)),
            ["expired 5 min ago"],
            "1 instance",
        ),
    ],
)
def test_template_token_and_number_of_instances_are_shown(pool: PoolSnapshot, what: list[str], count: str) -> None:
    found = Look("o/r", "eu-west-1", NOW, pool)
    _, shown, number, *_ = found.lines()
    assert [each for each in what if each not in shown] == []
    assert number == count
    assert "queues" not in json.loads(found.as_json())["pool"]


def test_a_list_that_ec2_refused_is_reported_once() -> None:
    """Otherwise `unknown` would look like an instance that EC2 does not know."""
    pool = build("up to date")
    for zone in ("a", "b"):
        pool.record(pool.launch(zone=zone), threshold=pool.in_time(7200))
    refusal = "ec2:DescribeInstances: InternalError"
    for disrupted in ({"b"}, set[str]()):
        pool.account.state.disrupted.clear()
        pool.account.state.disrupted.update(disrupted)
        found = look(pool.desired, pool.clients, pool.account.clock, Serial())
        assert [f"({refusal})" in line for line in found.lines()].count(True) == len(disrupted)
        assert json.loads(found.as_json())["unlisted"] == (refusal if disrupted else None)
        states = [each.ec2_state for each in (found.pool and found.pool.instances) or ()]
        assert states == ["running", "unknown" if disrupted else "running"]
