"""The worlds in which a provision may begin: next to a machine of another run."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from refresh.pool import names, records, runs
from refresh.pool.ownership import PROTECTION_TAG
from refresh.pool.usage import UsageClass
from tests.fakes import instance_items
from tests.fakes.desired import TABLE
from tests.fakes.memory.account import Account
from tests.simulation.door_worlds import AHEAD, write_settings
from tests.simulation.doors import OTHER_RUN, PROVISION, RUN
from tests.simulation.invariants import STRANGER
from tests.simulation.paces import USUAL, Fault, Pace
from tests.simulation.pool import Pool
from tests.simulation.stage import Stage
from tests.simulation.worlds import build as build_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from refresh.desired import DesiredProvision

LEFT, REGISTERED, BOOTED = "UD_REMOVE_REG_REMOVE_RUN_OK", "UD_REG_OK", "UD_OK"
NEVER = -1
"""The age of a heartbeat that was never written."""


@frozen(kw_only=True)
class World:
    """Where a provision begins, and what is wanted in it."""

    make: Callable[[Pool], object] = lambda _: None
    wanted: Mapping[str, Any] = {}
    newcomers: Sequence[Fault | None] = ()
    """What goes wrong on the machines that are launched, in their order."""
    residents: Sequence[Fault | None] = ()
    """What goes wrong on the machines that are there, in their order, after that of the other run."""
    provides: bool = True
    """Whether a run without faults gets enough machines."""
    provides_later: bool | None = None
    """The same for the next attempt, if that differs."""
    steady: bool = True
    """Whether the next attempt gets the same, whatever happened to the one before."""
    taken_back: float = 0
    """After how many seconds EC2 takes back the machines with this fault."""
    within: timedelta | None = None
    """How long a run without faults may take; None for any time."""
    role_known: bool = True
    """Whether the pool's settings name the role of the machines, which the keys of agents' reports have."""
    claimed: int | None = None
    """How many machines a run without faults claims, whatever the order; None for any number."""
    launched: int | None = None


def provides_later(name: str) -> bool | None:
    """Whether the next attempt gets enough machines; None if that depends on the one before."""
    world = WORLDS[name]
    if not world.steady:
        return None
    return world.provides if world.provides_later is None else world.provides_later


def build(name: str, pace: Pace = USUAL) -> tuple[Stage, DesiredProvision]:
    """Give the named world, and what is wanted in it."""
    world = WORLDS[name]
    pool = Pool(Account.restore(_snapshot(name)))
    of_world = evolve(pace, taken_back=world.taken_back)
    residents = [evolve(of_world, fault=each) for each in (None, *world.residents)]
    residents += [pace] * (len(pool.account.state.instances) - len(residents))
    stage = Stage(pool, pace, residents)
    stage.newcomers = [evolve(of_world, fault=each) for each in world.newcomers]
    return stage, evolve(PROVISION, **world.wanted)


def build_crowd(machines: int, working: int = 0) -> Stage:
    """Give a pool with machines that are ready, and some that work for the runs 2000, 2001 and so on."""
    pool = _pool()
    ready(pool, machines)
    for number in range(working):
        run = str(2000 + number)
        machine(pool, "running", run, signal=REGISTERED, signal_of=run)
    return Stage(pool)


def _pool() -> Pool:
    pool = build_pool("up to date")
    version = next(iter(pool.account.state.templates.values())).default
    token = pool.account.clock.now() + timedelta(minutes=45)
    write_settings(pool, template_version=version, token_valid_until=token)
    return pool


@functools.cache
def _snapshot(name: str) -> bytes:
    pool = _pool()
    machine(pool, "running", OTHER_RUN, signal=REGISTERED, signal_of=OTHER_RUN)
    WORLDS[name].make(pool)
    if WORLDS[name].wanted.get("attempt") == 2 and not pool.table.of(records.RUN):
        record_provision(pool, result=runs.PROVIDED)
    if not WORLDS[name].role_known:
        item = pool.table.of(records.SETTINGS)[names.SETTINGS_IDENTIFIER]
        known = {key: each for key, each in item["value"]["M"].items() if key != "runnerRoleId"}
        pool.table.put({**item, "value": {"M": known}})
    return pool.account.snapshot()


def machine(  # noqa: PLR0913 - a machine has that many sides
    pool: Pool,
    state: str,
    run: str = "",
    seconds: float = AHEAD,
    *,
    signal: str = "",
    signal_of: str = "42",
    beat: float = 2,
    written_ago: float = 30,
    old: bool = False,
    tags: Mapping[str, str] = {},
    **written: Any,
) -> str:
    """Launch and record a machine with its last signal ("" for none), and a heartbeat that is so many seconds old.

    An `old` agent writes only where the original action reads.
    """
    usage = written.get("usageClass", "on-demand")
    instance = pool.launch(tags={"InitialRunId": run or "42", **tags})
    instance.lifecycle, instance.type = usage, written.get("instanceType", "c5.large")
    attributes = {"instanceType": "c5.large", "templateVersion": "1", **written}
    threshold = pool.in_time(seconds)
    pool.record(
        instance, artifacts=False, written=-written_ago, state=state, runId=run, threshold=threshold, **attributes
    )
    now = pool.account.clock.now()
    beaten, signalled = now - timedelta(seconds=beat), now - timedelta(seconds=30)
    if beat != NEVER:
        pool.table.put(instance_items.heartbeat(instance.id, beaten))
    if signal:
        pool.table.put(instance_items.signal(instance.id, signalled, signal, signal_of))
    if beat != NEVER and not old:
        pool.table.put(instance_items.report(instance.id, beaten, signal, signal_of, signalled_at=signalled))
    return instance.id


def ready(pool: Pool, number: int = 1, seconds: float = 300, **more: Any) -> list[str]:
    """Leave machines that wait for a run; they expire one after the other."""
    return [machine(pool, "idle", "", seconds + each, signal=LEFT, **more) for each in range(number)]


def _ready(number: int, **more: Any) -> Callable[[Pool], object]:
    return lambda pool: ready(pool, number, **more)


def _of_another_kind(pool: Pool) -> None:
    ready(pool, resourceClass="xlarge")
    ready(pool, usageClass="spot")
    ready(pool, instanceType="t3.micro")


def _spot(pool: Pool) -> None:
    ready(pool, usageClass="spot")
    ready(pool, instanceType="m6i.large")


def _still_registered(pool: Pool) -> None:
    now = pool.in_time(0)
    more: dict[str, Any] = {"signal": REGISTERED, "signal_of": OTHER_RUN, "lastRunId": OTHER_RUN, "releasedAt": now}
    machine(pool, "idle", "", 400, **more)


def _silent(pool: Pool) -> None:
    for beat in (NEVER, 20, 3000):
        ready(pool, beat=beat)


def _expired_soon(pool: Pool) -> None:
    for seconds in (-90, -1, 0, 1, 4):
        machine(pool, "idle", "", seconds, signal=LEFT)


def _used_and_unused(pool: Pool) -> None:
    ready(pool)
    machine(pool, "idle", "", 200, signal=BOOTED, freshFor=pool.in_time(200))


def _warm_launches(*, beating: bool) -> Callable[[Pool], object]:
    def make(pool: Pool) -> None:
        more: dict[str, Any] = {"signal": BOOTED} if beating else {"beat": NEVER}
        machine(pool, "created", "", 500, freshFor=pool.in_time(500), tags={"InitialRunId": "warm-5"}, **more)

    return make


def _held(state: str, *, registered: bool = True, number: int = 2, **more: Any) -> Callable[[Pool], object]:
    """Leave machines that an earlier attempt got."""

    def make(pool: Pool) -> None:
        last = {"signal": REGISTERED, "signal_of": RUN} if registered else {"signal": LEFT}
        for _ in range(number):
            machine(pool, state, RUN, **{"seconds": 250, **last, **more})

    return make


def _half_provided(pool: Pool) -> None:
    """Leave what an attempt that died while it put its machines to work leaves."""
    _held("running", number=1, seconds=AHEAD)(pool)
    _held("claimed", number=1)(pool)
    _held("claimed", number=1, registered=False)(pool)
    machine(pool, "created", RUN, 500, beat=NEVER)
    _launch_only(pool, RUN)


def _launch_only(pool: Pool, run: str) -> None:
    instance = pool.launch(tags={"InitialRunId": run})
    instance.type = "c5.large"
    instance.launched_at -= timedelta(minutes=1)


def _unrecorded(pool: Pool) -> None:
    for run in (RUN, RUN, OTHER_RUN):
        _launch_only(pool, run)


def _odd_records(pool: Pool) -> None:
    """Leave records that nobody can judge, and those of instances that are not the pool's."""
    odd: tuple[tuple[str, str | None], ...] = (
        ("state", "paused"),
        ("threshold", "soon"),
        ("threshold", None),
        ("runId", None),
    )
    for number, (name, written) in enumerate(odd):
        identifier = machine(pool, "idle", "", 300 + number, signal=LEFT)
        item = pool.table.of(records.INSTANCE)[identifier]
        changed = {} if written is None else {name: {"S": written}}
        pool.table.put({**{key: each for key, each in item.items() if key != name}, **changed})
    pool.table.put(records.item(records.INSTANCE, "i-odd", pool.account.clock.now(), state="idle", runId=""))


def _forged(pool: Pool) -> None:
    """Leave records that a job wrote for instances of another owner, as idle and as held by this label."""
    for state, run in (("idle", ""), ("claimed", RUN), ("created", RUN)):
        identifier = machine(pool, state, run, 280, signal=LEFT, tags={STRANGER: "yes"})
        tags = pool.account.state.instances[identifier].tags
        for name in (
            "AllowSelfTermination",
            "InitialRunId",
            "aws:ec2launchtemplate:id",
            "aws:ec2launchtemplate:version",
        ):
            tags.pop(name, None)


def _protected(pool: Pool) -> None:
    machine(pool, "claimed", RUN, 280, beat=NEVER, tags={PROTECTION_TAG: "true"})


def _older(*states: str) -> Callable[[Pool], object]:
    """Leave machines with older agents: one that works for another run, and those of this label or of none."""

    def make(pool: Pool) -> None:
        machine(pool, "running", OTHER_RUN, signal=REGISTERED, signal_of=OTHER_RUN, old=True)
        for number, state in enumerate(states):
            if state == "idle":
                machine(pool, state, "", 300 + number, signal=LEFT, old=True)
            else:
                machine(pool, state, RUN, AHEAD, signal=REGISTERED, signal_of=RUN, old=True)

    return make


def _forged_reports(pool: Pool) -> None:
    """Leave dead machines for which a job on another one writes what the original action believes."""
    now = pool.account.clock.now()
    for identifier in ready(pool, 2, beat=60):
        pool.table.put(instance_items.heartbeat(identifier, now + timedelta(hours=1)))


def _market(*calls: Callable[[Any], object], warm: int = 0) -> Callable[[Pool], object]:
    """Leave an EC2 that has not everything."""

    def make(pool: Pool) -> None:
        ready(pool, warm)
        for call in calls:
            call(pool.account.state.market)

    return make


def _settings(**changes: Any) -> Callable[[Pool], object]:
    def make(pool: Pool) -> None:
        version = next(iter(pool.account.state.templates.values())).default
        now = pool.account.clock.now()
        valid = {"token_valid_until": now + changes.pop("token", timedelta(minutes=45))}
        write_settings(pool, template_version=version, **valid, **changes)
        ready(pool)

    return make


def _leased(attempt: int = 1, result: str = "", seconds: float = 600) -> Callable[[Pool], object]:
    """Leave the item of a provision for the same label."""

    def make(pool: Pool) -> None:
        record_provision(pool, attempt, result, seconds)
        ready(pool)

    return make


def record_provision(pool: Pool, attempt: int = 1, result: str = "", seconds: float = 600) -> None:
    """Write what a provision of the run leaves in the table: without it, its machines are another program's."""
    now = pool.account.clock.now()
    request = runs.RunRequest(
        label=names.label(RUN),
        resource_class="large",
        usage_class="on-demand",
        count=1,
        instance_types=("c*",),
        max_runtime=timedelta(minutes=30),
        reuse=True,
        attempt=attempt,
        link="",
        holder="another",
        deadline=now + timedelta(seconds=seconds),
        asked_at=now,
    )
    pool.dynamodb.put_item(**runs.lease(TABLE, request, now))
    if result:
        pool.dynamodb.put_item(**runs.conclusion(TABLE, request, result, now))


_BOTH = (UsageClass.ON_DEMAND, UsageClass.SPOT)
_LATER: dict[str, Any] = {"attempt": 2}
_SOON: dict[str, Any] = {"timeout": timedelta(minutes=1)}
_ONE_FAILS = (Fault.SCRIPT_FAILS,)
_SPOT: dict[str, Any] = {"usage_classes": (UsageClass.SPOT,)}


WORLDS: dict[str, World] = {
    "nothing warm": World(claimed=0, launched=1),
    "nothing warm, three wanted": World(wanted={"count": 3}, claimed=0, launched=3),
    "one ready": World(make=_ready(1), claimed=1, launched=0),
    "three ready": World(make=_ready(3), wanted={"count": 3}, claimed=3, launched=0),
    "more ready than wanted": World(make=_ready(6), wanted={"count": 2}, claimed=2, launched=0),
    "two of three ready": World(make=_ready(2), wanted={"count": 3}, claimed=2, launched=1),
    "of another kind": World(make=_of_another_kind, claimed=0, launched=1),
    "of any usage class": World(make=_spot, wanted={"count": 2, "usage_classes": _BOTH}, claimed=2, launched=0),
    "still registered": World(make=_still_registered),
    "no heartbeat": World(make=_silent, residents=[Fault.SILENT] * 3, claimed=0, launched=1),
    "expired soon": World(make=_expired_soon, wanted={"count": 4}),
    "only unused": World(make=_used_and_unused, wanted={"count": 2, "reuse": False}, claimed=1, launched=1),
    "warm, ready": World(make=_warm_launches(beating=True), claimed=1, launched=0),
    "warm, booting": World(make=_warm_launches(beating=False), launched=1),
    "held, running": World(make=_held("running", seconds=AHEAD), wanted={"count": 2, **_LATER}, claimed=0, launched=0),
    "held, running and silent": World(
        make=_held("running", seconds=AHEAD, beat=60, number=1), residents=[Fault.SILENT], wanted=_LATER
    ),
    "held, claimed and silent": World(
        make=_held("claimed", number=1, beat=60), residents=[Fault.SILENT], wanted=_LATER, launched=1
    ),
    "held, expired": World(make=_held("running", seconds=-20, number=1), wanted=_LATER, launched=1),
    "held, claimed": World(make=_held("claimed"), wanted={"count": 2, **_LATER}, launched=0),
    "held, claimed just now": World(make=_held("claimed", registered=False), wanted={"count": 2, **_LATER}, launched=0),
    "held, created": World(
        make=_held("created", registered=False, beat=NEVER, signal="", seconds=500),
        wanted={"count": 2, **_LATER},
        launched=0,
    ),
    "held, more than wanted": World(
        make=_held("running", seconds=AHEAD, number=3), wanted=_LATER, claimed=0, launched=0
    ),
    "half provided": World(make=_half_provided, wanted={"count": 4, **_LATER}),
    "unrecorded": World(make=_unrecorded, wanted={"count": 2, **_LATER}),
    "odd records": World(make=_odd_records, claimed=0, launched=1),
    "forged": World(make=_forged, wanted={"count": 2, **_LATER}, residents=[Fault.HANGS] * 3, provides=True),
    "protected": World(make=_protected, residents=[Fault.HANGS], wanted=_LATER),
    "no capacity": World(
        make=_market(lambda market: market.capacity(0), warm=1), wanted={**_SOON, "count": 3}, provides=False
    ),
    "part of the capacity": World(
        make=_market(lambda market: market.capacity(1), warm=1), wanted={**_SOON, "count": 3}, provides=False
    ),
    "part is enough": World(
        make=_market(lambda market: market.capacity(1), warm=1),
        wanted={**_SOON, "count": 3, "min_count": 2},
        steady=False,
    ),
    "no capacity at first": World(
        make=_market(lambda market: market.refuse("RequestLimitExceeded", times=2)), launched=1
    ),
    "no spot capacity": World(
        make=_market(lambda market: market.capacity(0, usage="spot")),
        wanted={"usage_classes": (UsageClass.SPOT,), "fallback": True, "count": 2},
        claimed=0,
        launched=2,
    ),
    "part of the spot capacity": World(
        make=_market(lambda market: market.capacity(1, usage="spot")),
        wanted={"usage_classes": (UsageClass.SPOT,), "fallback": True, "count": 2},
        claimed=0,
        launched=2,
    ),
    "quota": World(
        make=_market(lambda market: market.quota("on-demand", 0), warm=1), wanted={"count": 2}, provides=False
    ),
    "hosted instead": World(
        make=_market(lambda market: market.quota("on-demand", 0), warm=1),
        wanted={"count": 2, "if_unavailable": "ubuntu-latest"},
        provides=False,
    ),
    "token expired": World(make=_settings(token=timedelta(minutes=-5)), provides=False),
    "token for claims only": World(make=_settings(token=timedelta(minutes=4)), claimed=1, launched=0),
    "token too short": World(make=_settings(token=timedelta(minutes=4)), wanted={"count": 2}, provides=False),
    "at the cap": World(
        make=_settings(max_instances={"large": 2}), wanted={"count": 2, "min_count": 1}, claimed=1, launched=0
    ),
    "above the cap": World(make=_settings(max_instances={"large": 2}), wanted={"count": 2}, provides=False),
    "leased": World(make=_leased(), provides=False, provides_later=True, claimed=0, launched=0),
    "leased by an earlier attempt": World(make=_leased(), wanted=_LATER, claimed=1, launched=0),
    "leased and failed": World(make=_leased(result=runs.FAILED), claimed=1, launched=0),
    "leased long ago": World(make=_leased(seconds=-1), claimed=1, launched=0),
    "script fails": World(newcomers=_ONE_FAILS, wanted={"count": 2}),
    "script always fails": World(newcomers=_ONE_FAILS * 20, provides=False),
    "one never boots": World(newcomers=[None, Fault.NEVER_BOOTS], wanted={"count": 3}),
    "one never boots, two are enough": World(
        newcomers=[Fault.NEVER_BOOTS] * 3, make=_ready(2), wanted={"count": 3, "min_count": 2}
    ),
    "one dies": World(newcomers=[Fault.DIES], wanted={"count": 2}),
    "registration fails": World(make=_ready(1), residents=[Fault.REGISTRATION_FAILS], launched=1),
    "registration always fails": World(
        make=_ready(2), residents=[Fault.REGISTRATION_FAILS] * 2, provides=False, steady=False
    ),
    "registration hangs": World(make=_ready(1), residents=[Fault.HANGS], wanted={"count": 2}),
    "heart stops": World(newcomers=[Fault.SILENT], wanted={"count": 2}),
    "single use": World(make=_ready(1, freshFor=""), wanted={"reuse": False}, claimed=0, launched=1),
    "taken back": World(
        make=_ready(2, usageClass="spot"), residents=[Fault.TAKEN_BACK] * 2, wanted=_SPOT, claimed=0, launched=1
    ),
    "taken back once claimed": World(
        make=_ready(1, usageClass="spot"),
        residents=[Fault.TAKEN_BACK],
        wanted=_SPOT,
        taken_back=0.7,
        claimed=0,
        launched=1,
        within=timedelta(seconds=75),
    ),
    "taken back while it boots": World(
        newcomers=[Fault.TAKEN_BACK],
        wanted=_SPOT,
        taken_back=20,
        claimed=0,
        launched=1,
        within=timedelta(seconds=100),
    ),
    "held, running and taken back": World(
        make=_held("running", seconds=AHEAD, number=1, usageClass="spot"),
        residents=[Fault.TAKEN_BACK],
        wanted={**_SPOT, **_LATER},
        claimed=0,
        launched=1,
    ),
    "older agents": World(make=_older("idle", "idle"), residents=[Fault.OLD] * 3, claimed=0, launched=1),
    "older agents, held": World(
        make=_older("running", "idle"), residents=[Fault.OLD] * 3, wanted=_LATER, claimed=0, launched=1
    ),
    "forged reports": World(make=_forged_reports, residents=[Fault.SILENT] * 2, claimed=0, launched=1),
}
ROLE_UNKNOWN = (
    "one ready",
    "still registered",
    "no heartbeat",
    "held, running and silent",
    "script fails",
    "heart stops",
)
"""The worlds that are also tried with settings that do not name the role: then all machines may write each other's."""
WORLDS |= {f"{name}, role unknown": evolve(WORLDS[name], role_known=False) for name in ROLE_UNKNOWN}
WORLDS["older agents, role unknown"] = evolve(WORLDS["older agents"], role_known=False, claimed=1, launched=0)
