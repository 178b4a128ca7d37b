"""The worlds in which a release may begin: next to a machine of another run, and to an idle one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from attrs import evolve

from refresh.pool import names, records, settings, signals
from refresh.pool.ownership import PROTECTION_TAG
from refresh.ports import WorkflowJob
from tests.fakes import instance_items
from tests.fakes.desired import REPOSITORY, TEMPLATE
from tests.fakes.memory.account import Account
from tests.fakes.runner_role import ROLE_ID
from tests.simulation.doors import OTHER_RUN, RELEASE, RUN
from tests.simulation.invariants import STRANGER
from tests.simulation.paces import USUAL, Fault, Pace
from tests.simulation.pool import Pool
from tests.simulation.stage import Stage
from tests.simulation.worlds import build as build_pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.desired import DesiredRelease

AHEAD = 1200


def build(name: str, pace: Pace = USUAL) -> tuple[Stage, DesiredRelease]:
    """Give the named world, and what is wanted in it."""
    pool = Pool(Account.restore(_snapshot(name)))
    return Stage(pool, pace, [evolve(pace, fault=each) for each in FAULTS.get(name, ())]), evolve(
        RELEASE, **WANTED.get(name, {})
    )


@functools.cache
def _snapshot(name: str) -> bytes:
    pool = build_pool("up to date")
    write_settings(pool)
    pool.account.state.jobs[RUN] = [WorkflowJob(name="test", labels=(RUN,), completed=True)]
    _machine(pool, "running", OTHER_RUN)
    _machine(pool, "idle", "")
    WORLDS[name](pool)
    return pool.account.snapshot()


def write_settings(pool: Pool, **changes: Any) -> None:
    """Write what refresh tells the doors."""
    queues = pool.table.of(records.METADATA)["resource_class_config"]["value"]["M"]
    known = settings.Settings(
        repository=str(REPOSITORY),
        server="github.com",
        classes={
            each.name: settings.ClassSettings(
                cpu=each.cpu, memory_mib=each.memory_mib, queue_url=queues[each.name]["M"]["queueUrl"]["S"]
            )
            for each in pool.desired.resource_classes
        },
        subnet_ids=pool.desired.subnet_ids,
        template_name=TEMPLATE,
        template_id=pool.account.state.templates[TEMPLATE].id,
        idle_time=pool.desired.max_idle_time,
        max_runtime=pool.desired.max_runtime,
        token_valid_until=None,
        original_modes=True,
        runner_role_id=ROLE_ID,
    )
    value = settings.to_value(evolve(known, **changes))
    pool.table.put(records.item(records.SETTINGS, names.SETTINGS_IDENTIFIER, pool.account.clock.now(), value=value))


def _machine(pool: Pool, state: str, run: str = RUN, seconds: float = AHEAD, **written: Any) -> str:
    """Launch and record a machine."""
    instance = pool.launch(tags={"InitialRunId": run or "42"})
    pool.record(instance, artifacts=False, state=state, runId=run, threshold=pool.in_time(seconds), **written)
    for item in instance_items.reports(instance.id, pool.account.clock.now(), signals.REGISTERED, "42"):
        pool.table.put(item)
    return instance.id


def _running(number: int) -> Callable[[Pool], object]:
    return lambda pool: [_machine(pool, "running") for _ in range(number)]


def _failed_provision(pool: Pool) -> None:
    for state in ("created", "claimed"):
        _machine(pool, state, seconds=280)


def _half_provided(pool: Pool) -> None:
    """Leave what a provision that died while it put its machines to work leaves."""
    for state in ("running", "running", "created", "claimed"):
        _machine(pool, state, seconds=280)


def _asked_for_single_use(pool: Pool) -> None:
    _machine(pool, "running")
    pool.table.put(records.item(records.RUN, RUN, pool.account.clock.now(), value={"reuse": False}))


def _reclaimed_spot(pool: Pool) -> None:
    for seconds in (None, 5, 300):
        identifier = _machine(pool, "running", usageClass="spot")
        if seconds is not None:
            pool.account.state.instances[identifier].ended_at = pool.account.clock.now()
            pool.account.clock.sleep(seconds)


def _without_role(pool: Pool) -> None:
    _machine(pool, "running")
    write_settings(pool, runner_role_id="")


def _unrecorded(pool: Pool) -> None:
    for run in (RUN, RUN, OTHER_RUN):
        pool.launch(tags={"InitialRunId": run})


def _two_names(pool: Pool) -> None:
    for name in ("", "build", "test"):
        _machine(pool, "running", names.label(RUN, name))
    _machine(pool, "created", names.label(RUN, "test"))


def _unknown_state(pool: Pool) -> None:
    _machine(pool, "paused")
    _machine(pool, "running")


def _removed_class(pool: Pool) -> None:
    _machine(pool, "running", resourceClass="huge")
    _machine(pool, "running")


def _released(*, offered: bool) -> Callable[[Pool], object]:
    def make(pool: Pool) -> None:
        for _ in range(2):
            threshold, now = pool.in_time(300), pool.in_time(0)
            offer = threshold if offered else ""
            _machine(pool, "idle", "", 300, lastRunId=RUN, releasedAt=now, offeredFor=offer)

    return make


def _half_ended(pool: Pool) -> None:
    """Leave what a release that died between the records and EC2 leaves."""
    now = pool.in_time(0)
    for state in ("created", "idle"):
        _machine(pool, state, "", -300, lastRunId=RUN, releasedAt=now)


def _forged(pool: Pool) -> None:
    """Leave records of the label that a job on a runner wrote, for instances of another owner; and a protected one."""
    for state in ("created", "running"):
        (stranger,) = pool.ec2.launch(tags={STRANGER: "yes"})
        del stranger.tags["AllowSelfTermination"]
        pool.record(stranger, artifacts=False, state=state, runId=RUN, threshold=pool.in_time(AHEAD))
    identifier = _machine(pool, "created")
    pool.account.state.instances[identifier].tags[PROTECTION_TAG] = "true"
    _machine(pool, "created")


def _used_by_another_run(pool: Pool) -> None:
    """Leave what this release gave back before the archived action claimed it for another run."""
    for state, seconds in (("running", AHEAD), ("claimed", 280)):
        offered, released = pool.in_time(-600), pool.in_time(-900)
        _machine(pool, state, OTHER_RUN, seconds, lastRunId=RUN, releasedAt=released, offeredFor=offered)


WORLDS: dict[str, Callable[[Pool], object]] = {
    "nothing to release": lambda _: None,
    "one running": _running(1),
    "three running": _running(3),
    "twelve running": _running(12),
    "failed provision": _failed_provision,
    "half provided": _half_provided,
    "asked for single use": _asked_for_single_use,
    "not to be used again": _running(2),
    "reclaimed spot": _reclaimed_spot,
    "being taken back": lambda pool: [_machine(pool, "running", usageClass=each) for each in ("spot", "on-demand")],
    "older agents": _running(2),
    "role unknown": _without_role,
    "unrecorded": _unrecorded,
    "two names": _two_names,
    "all names": _two_names,
    "unknown state": _unknown_state,
    "removed class": _removed_class,
    "expired": lambda pool: _machine(pool, "running", seconds=-30),
    "released": _released(offered=True),
    "released, not offered": _released(offered=False),
    "half ended": _half_ended,
    "forged": _forged,
    "used by another run": _used_by_another_run,
}
FAULTS: dict[str, tuple[Fault | None, ...]] = {
    "being taken back": (None, None, Fault.TAKEN_BACK),
    "older agents": (Fault.OLD,) * 4,
}
"""What goes wrong on the machines of a world, in their order."""
WANTED: dict[str, dict[str, Any]] = {
    "not to be used again": {"reuse": False},
    "two names": {"name": "build"},
    "all names": {"name": "*"},
}
