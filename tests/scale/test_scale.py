"""Thousands of instances on moto, the table on DynamoDB Local, refresh as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh.pool import records
from tests.fakes import instance_items
from tests.fakes.desired import TABLE
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World
    from tests.simulation.figures import Tally

EXPIRED = int(os.environ.get("REFRESH_EXPIRED", "5000"))
OLD = int(os.environ.get("REFRESH_OLD", "50000"))


@pytest.fixture
def pool(servers: World, tmp_path: Path, tally: Tally) -> _Pool:
    """Give a pool that a first run has made, its table on DynamoDB Local."""
    if tally.budget != "nightly":
        # tests/bench counts the same calls against a quick responder.
        pytest.skip("thousands of instances take ten minutes on moto: make simulate BUDGET=nightly")
    made = _Pool(servers, tmp_path, tally)
    made.run("first run")
    return made


class _Pool:
    def __init__(self, world: World, folder: Path, tally: Tally) -> None:
        self.world, self.folder, self.tally = world, folder, tally
        self.dynamodb = world.clients().dynamodb

    def run(self, title: str, **inputs: str) -> dict[str, Any]:
        """Run refresh as a process and give its figures."""
        result = self.folder / "result.json"
        environ = {**os.environ, **self.world.environ(**inputs), "GITHUB_WORKSPACE": str(self.folder)}
        child = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "tests.scale.measured", str(result)],
            env=environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        assert result.exists(), child.stdout + child.stderr
        figures: dict[str, Any] = json.loads(result.read_text())
        self.tally.add(f"{title}: {json.dumps(figures)}")
        (self.folder / f"{title}.log").write_text(child.stdout)
        return figures

    def count(self, entity: str) -> int:
        """Count the items of an entity."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=TABLE,
            KeyConditionExpression="PK = :entity",
            ExpressionAttributeValues={":entity": {"S": f"TYPE#{entity}"}},
            Select="COUNT",
        )
        return sum(page["Count"] for page in pages)


def _recorded(identifier: str, written_at: datetime, state: str) -> list[records.Item]:
    run = "17234567890" if state == "running" else ""
    return [
        instance_items.record(identifier, written_at, state=state, runId=run, instanceType="m7i-flex.large"),
        *instance_items.artifacts(identifier, written_at, "17234567890"),
    ]


@pytest.mark.timeout(3600)
def test_5000_expired_instances_end_within_two_runs(pool: _Pool) -> None:
    """With at most 600 calls and less than 150 MB; only history is left."""
    expired_at = datetime.now(UTC) - timedelta(minutes=5)
    # One a reservation, as provision's fleets make them: moto counts reservations, not instances, for a page.
    instance_ids = [each for _ in range(EXPIRED) for each in pool.world.launch(pool.world.clients(), 1)]
    states = ("idle", "claimed", "running", "created")
    listed = [_recorded(each, expired_at, states[number % 4]) for number, each in enumerate(instance_ids)]
    pool.world.write(pool.world.clients(), [item for items in listed for item in items])
    figures = [pool.run(f"{EXPIRED} expired")]
    if figures[-1]["exit code"]:
        figures.append(pool.run(f"{EXPIRED} expired, second run"))
    assert figures[-1]["exit code"] == 0
    assert sum(sum(each["calls"].values()) for each in figures) <= 600
    assert max(each["peak MB"] for each in figures) < 150
    assert [pool.count(entity) for entity in ("INSTANCE", "HEARTBEAT", "WS", "HISTORY")] == [0, 0, 0, EXPIRED]
    assert set(pool.world.states(pool.world.clients()).values()) == {"terminated"}


@pytest.mark.timeout(3600)
def test_50000_terminated_records_are_cleaned_run_by_run(pool: _Pool) -> None:
    """A run whose time is over leaves the rest to the next run."""
    without = pool.run("no-op that never had them")
    long_ago = datetime.now(UTC) - timedelta(days=100)
    pool.world.write(
        pool.world.clients(), [_recorded(f"i-{number:017x}", long_ago, "terminated")[0] for number in range(OLD)]
    )
    left = OLD
    while left:
        figures = pool.run(f"{left} terminated records", timeout="1m")
        assert figures["peak MB"] < 200
        before, left = left, pool.count("INSTANCE")
        assert left < before
    after = pool.run("no-op after them")
    assert after["exit code"] == 0
    assert after["calls"] == without["calls"]
