"""One instance in every state that matters, and what other processes do to it during a run."""

from __future__ import annotations

import functools
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.output.job_summary import markdown
from refresh.pool import records
from refresh.reconciler.garbage_collector.policy import UNRECORDED_GRACE
from tests.fakes.desired import TABLE
from tests.fakes.memory.account import Account, Watch
from tests.simulation import actors
from tests.simulation.invariants import require, settle, watched
from tests.simulation.pool import Pool
from tests.simulation.schedules import InterfereAt, calls_of
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from tests.fakes.memory.account import Seam

THRESHOLDS: dict[str, Any] = {"long expired": -3600, "just expired": -1, "fresh": 1200, "empty": None, "malformed": "x"}
STATES = (*sorted(records.LIVING_STATES), records.TERMINATED)
UNRECORDED = "unrecorded"
EC2 = {"running": None, "hidden": None, "shutting-down": 5, "terminated": 120, "unknown": 7200}
"""How many seconds ago the instance began to end."""


@frozen
class Scene:
    """One recorded instance."""

    state: str
    threshold: str
    ec2: str
    artifacts: bool

    def build(self) -> tuple[Pool, str]:
        """Give a pool with it, and its id."""
        snapshot, identifier = _scene(self)
        return Pool(Account.restore(snapshot)), identifier

    def place(self, pool: Pool) -> str:
        """Add it to a pool and give its id."""
        instance = pool.launch()
        ended = EC2[self.ec2]
        instance.hidden_until = pool.account.clock.now() + timedelta(minutes=1) if self.ec2 == "hidden" else None
        seconds = THRESHOLDS[self.threshold]
        if self.state == UNRECORDED:
            instance.launched_at += timedelta(seconds=seconds)
            return instance.id
        instance.ended_at = None if ended is None else pool.account.clock.now() - timedelta(seconds=ended)
        threshold = pool.in_time(seconds) if isinstance(seconds, int) else (seconds or "")
        run_id = "" if self.state in {"idle", records.TERMINATED} else actors.RUN
        run_id = actors.OTHER_RUN if self.state == "claimed" else run_id
        pool.record(instance, artifacts=self.artifacts, state=self.state, runId=run_id, threshold=threshold)
        return instance.id


@functools.cache
def _scene(scene: Scene) -> tuple[bytes, str]:
    pool = build("up to date")
    identifier = scene.place(pool)
    return pool.account.snapshot(), identifier


SCENES = [Scene(*each) for each in itertools.product(STATES, THRESHOLDS, EC2, (False, True))]
STRAYS = [Scene(UNRECORDED, threshold, "running", artifacts=False) for threshold in ("long expired", "just expired")]
"""Instances that provision has launched and not recorded, an hour ago and just now."""


def restored() -> Pool:
    """Give a pool whose table was restored to two hours ago: every record in it is out of date."""
    pool = build("up to date")
    for state in STATES:
        run_id = actors.RUN if state in {"created", "running"} else ""
        pool.record(pool.launch(), state=state, runId=run_id, threshold=pool.in_time(1200))
    backup, to = dict(pool.table.items), pool.account.clock.now()
    pool.account.clock.moment += timedelta(hours=2)
    pool.record(pool.launch(), state="running", runId=actors.OTHER_RUN, threshold=pool.in_time(3600))
    pool.dynamodb.restore(TABLE, to, backup)
    pool.account.clock.moment += UNRECORDED_GRACE + timedelta(minutes=5)
    return pool


def disrupted() -> Pool:
    """Return a pool with half its instances in a zone without answers of EC2; all are due, one is unrecorded."""
    pool = build("up to date")
    for number, state in enumerate((*STATES, *STATES)):
        instance = pool.launch(zone="ab"[number % 2])
        pool.record(instance, state=state, threshold=pool.in_time(-60))
    pool.record("i-0000000000000fff0", state="idle")
    pool.launch().launched_at -= 2 * UNRECORDED_GRACE
    pool.account.state.disrupted.add("b")
    return pool


FAULTY = (
    *("empty account", "outdated template", "drifted template"),
    *("deleted template", "template record missing"),
)
"""Worlds in which a run creates a template or a version."""


def faulty(world: str) -> Pool:
    """Have EC2 find fault with what the owner wants to launch from."""
    pool = build(world)
    pool.account.state.faults[pool.desired.image] = "The image id does not exist"
    return pool


def put_right(pool: Pool) -> None:
    """Run while EC2 finds fault, which fails and leaves nothing behind; then without, until everything is right."""
    templates = pool.account.state.templates
    watched(pool, Watch())
    before = {name: (each.default, set(each.versions)) for name, each in templates.items()}
    report = watched(pool, Watch())
    require(report.exit_code == 1, "S6", lambda: markdown(report))
    after = {name: (each.default, set(each.versions)) for name, each in templates.items()}
    require(before == after, "S6", f"{before} became {after}")
    pool.account.state.faults.clear()
    settle(pool)


def put_ahead(pool: Pool) -> None:
    """Write a later threshold into the records of the living, as docs/operations.md says, and record the others."""
    recorded = pool.table.of(records.INSTANCE)
    for identifier in pool.alive:
        item = recorded.get(identifier)
        if item is None:
            pool.record(identifier, state="running", runId=actors.OTHER_RUN, threshold=pool.in_time(21600))
        elif records.text(item, "state") != records.TERMINATED:
            ahead = {"threshold": {"S": pool.in_time(21600)}, "updatedAt": {"S": pool.in_time(0)}}
            pool.table.put({**item, **ahead})


def interference(pool: Pool, identifier: str, number: int, deed: tuple[str, int]) -> InterfereAt:
    """Let an actor act before a call."""
    return InterfereAt(number, lambda: actors.act(pool, identifier, *deed))


def run(pool: Pool, seam: Seam) -> None:
    """Run under a seam, then have the owner correct thresholds that never pass."""
    watched(pool, seam)
    correct(pool)


def correct(pool: Pool) -> None:
    """Correct unreadable thresholds, as the run asks for: nothing else ends such an instance."""
    for item in list(pool.table.of(records.INSTANCE).values()):
        if records.text(item, "state") != records.TERMINATED and records.read_time(item["threshold"]["S"]) is None:
            pool.table.put({**item, "threshold": {"S": pool.in_time(3600)}})


def calls(scene: Scene) -> int:
    """Count the calls of a run in a scene."""
    pool, _ = scene.build()
    return calls_of(pool)
