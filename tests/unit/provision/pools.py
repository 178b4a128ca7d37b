"""What the tests of provision share: what is wanted, what there is, and a pool in memory whose machines register."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve

from refresh.desired import DesiredProvision
from refresh.pool import records, runs
from refresh.pool.launch import Fleet, FleetAnswer, LaunchedInstance
from refresh.pool.launch_causes import Shortfall
from refresh.pool.records import InstanceRecord, wire_time
from refresh.pool.runs import RunRequest
from refresh.pool.settings import ClassSettings, Settings
from refresh.pool.signals import BOOTED, LEFT, REGISTERED, Report, Signal, agent_entity
from refresh.pool.usage import UsageClass
from refresh.provision import component
from refresh.provision.actual import Actual
from tests.fakes.desired import REGION, REPOSITORY, RUN_URL, TABLE, TEMPLATE
from tests.fakes.memory import sqs
from tests.fakes.memory.account import Watch
from tests.fakes.runner_role import ROLE_ID
from tests.fakes.serial import NOW, Serial
from tests.simulation import door_worlds
from tests.simulation.doors import clients_of
from tests.simulation.stage import Stage
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from refresh.pool.launch_causes import Cause
    from refresh.ports import DoorClients
    from refresh.provision.result import Patience, Provided
    from tests.fakes.memory.account import Phase
    from tests.simulation.pool import Pool

RUN = "77"
ROLE = ROLE_ID
"""The id of the role that instances have."""
IDS = [f"i-{number:08x}" for number in range(120)]
RUNTIME = timedelta(minutes=30)
AHEAD = wire_time(NOW + timedelta(minutes=20))
SETTINGS = Settings(
    repository="octo/widgets",
    server="github.com",
    classes={"large": ClassSettings(cpu=2, memory_mib=4096, queue_url=sqs.url("octo-widgets-large-ci-pool"))},
    subnet_ids=("subnet-1", "subnet-2"),
    template_name=TEMPLATE,
    template_id="lt-ours",
    template_version=3,
    idle_time=timedelta(minutes=7),
    max_runtime=RUNTIME,
    token_valid_until=NOW + timedelta(hours=1),
    original_modes=False,
)


def desired(**changed: Any) -> DesiredProvision:
    """Give the provision of one machine for a run's unnamed label."""
    return evolve(DesiredProvision(repository=REPOSITORY, region=REGION, run_id=RUN, run_url=RUN_URL), **changed)


def request(**changed: Any) -> RunRequest:
    """Give what the run's item says of it."""
    asked = RunRequest(
        label=RUN,
        resource_class="large",
        usage_class="on-demand",
        count=1,
        instance_types=("c*", "m*", "r*"),
        max_runtime=timedelta(),
        reuse=True,
        attempt=1,
        link=RUN_URL,
        holder="holder",
        deadline=NOW + timedelta(minutes=11),
        asked_at=NOW,
    )
    return evolve(asked, **changed)


def record(number: int = 0, state: str = "idle", run_id: str | None = None, **changed: Any) -> InstanceRecord:
    """Give the record of a machine, of the run unless it is idle."""
    run = ("" if state == "idle" else RUN) if run_id is None else run_id
    written = InstanceRecord(
        id=IDS[number],
        state=state,
        run_id=run,
        threshold=AHEAD,
        updated_at=wire_time(NOW),
        resource_class="large",
        instance_type="c7i.large",
        usage_class="on-demand",
        template_version="3",
    )
    return evolve(written, **changed)


_SIGNALS = {"idle": Signal(LEFT, "42", NOW), "running": Signal(REGISTERED, RUN, NOW)}


def actual(*found: InstanceRecord | records.Unreadable, **changed: Any) -> Actual:
    """Give the pool with these machines, which beat: idle ones are ready, running ones registered.

    `signals` and `beats` are what their agents report instead, by id; each replaces those of all machines.
    """
    signals = {
        each.id: _SIGNALS.get(each.state, Signal(BOOTED, "42", NOW))
        for each in found
        if isinstance(each, InstanceRecord)
    }
    beats = {each.id: NOW for each in found}
    signals, beats = changed.pop("signals", signals), changed.pop("beats", beats)
    seen = Actual(
        label=RUN,
        holder="holder",
        settings=SETTINGS,
        began_at=NOW,
        looked_at=NOW,
        records={each.id: each for each in found},
        reports=reports(signals, beats),
    )
    return evolve(seen, **changed)


def reports(
    signals: Mapping[str, Signal] | None = None, beats: Mapping[str, datetime] | None = None, **changed: Any
) -> dict[str, Report]:
    """Give what agents report, by id: their last signals and heartbeats, and what all of them report besides."""
    signals, beats = signals or {}, beats or {}
    return {each: Report(signal=signals.get(each), beat=beats.get(each), **changed) for each in {*signals, *beats}}


def registered(*found: InstanceRecord) -> dict[str, Signal]:
    """Give the signals of machines that are registered for the run."""
    return {each.id: Signal(REGISTERED, RUN) for each in found}


def fleet(count: int = 1, **changed: Any) -> Fleet:
    """Give a fleet as it is asked for first."""
    asked = Fleet(
        template_id="lt-ours",
        subnet_ids=("subnet-1", "subnet-2"),
        cpu=2,
        memory_mib=4096,
        instance_types=("c*", "m*", "r*"),
        usage_class=UsageClass.ON_DEMAND,
        count=count,
        max_price_over_lowest=100,
        label=RUN,
        client_token="token",
    )
    return evolve(asked, **changed)


def launched(number: int, **changed: Any) -> LaunchedInstance:
    """Give a machine that EC2 has launched."""
    made = LaunchedInstance(id=IDS[number], instance_type="c7i.large", usage_class="on-demand", template_version="")
    return evolve(made, **changed)


def answer(*made: LaunchedInstance, causes: Iterable[Cause] = (), asked: Fleet | None = None) -> FleetAnswer:
    """Give EC2's answer: what it has launched, and why the rest is missing."""
    shortfalls = tuple(Shortfall(cause=each, code=each.value, message=each.value) for each in causes)
    return FleetAnswer(fleet=asked or fleet(), launched=made, shortfalls=shortfalls)


def after(seconds: float) -> datetime:
    """Give a time after now."""
    return NOW + timedelta(seconds=seconds)


def world(ready: int = 0, **settings: Any) -> Stage:
    """Give a pool in memory with so many ready machines, whose agents work as time goes by."""
    pool = build("up to date")
    until = pool.account.clock.now() + timedelta(minutes=50)
    door_worlds.write_settings(pool, **{"token_valid_until": until, "original_modes": False, **settings})
    for _ in range(ready):
        warm(pool)
    return Stage(pool)


def asked_before(pool: Pool, **answer: Any) -> None:
    """Leave the item of an earlier provision for the label, which failed; `answer` is what it came to."""
    now = pool.account.clock.now()
    pool.dynamodb.put_item(**runs.lease(TABLE, request(), now))
    pool.dynamodb.put_item(**runs.conclusion(TABLE, request(), runs.FAILED, now, runs.Answer(**answer)))


def warm(pool: Pool, **changed: Any) -> str:
    """Add a machine that waits for a run; return its id."""
    made = pool.launch(tags={"InitialRunId": "42"})
    given = {"state": "idle", "runId": "", "threshold": pool.in_time(300), "instanceType": "c7i.large", **changed}
    pool.record(made, **given)
    left = {"state": LEFT, "runId": "42"}
    pool.table.put(records.item(records.SIGNAL, made.id, pool.account.clock.now(), value=left))
    return made.id


class Passing:
    """The clock of a run whose waits let the agents work."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def now(self) -> datetime:
        """Give the moment."""
        return self._stage.pool.account.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass for everybody."""
        self._stage.pass_time(seconds)


def provide(
    stage: Stage, *, clients: DoorClients | None = None, patience: Patience | None = None, **wanted: Any
) -> Provided:
    """Provision once, and forget the calls before."""
    account = stage.pool.account
    account.calls.clear()
    account.requests.clear()
    used = clients or clients_of(stage.pool)
    begun = component.Provisioning(
        desired(**wanted),
        used,
        Passing(stage),
        Serial(),
        patience=patience,
        chance=random.Random(1),  # noqa: S311
    )
    return begun.run()


class At(Watch):
    """Does something at calls of an operation: at so many of them, from the first one on."""

    def __init__(
        self, operation: str, do: Callable[[], object], phase: Phase = "before", *, times: float = 1, skip: int = 0
    ) -> None:
        self.operation, self.do, self.phase, self.times, self.skip = operation, do, phase, times, skip

    def at(self, _number: int, operation: str, phase: Phase) -> None:
        """Do it."""
        if (operation, phase) != (self.operation, self.phase):
            return
        self.skip -= 1
        if self.skip < 0 < self.times:
            self.times -= 1
            self.do()


class Reporting(Watch):
    """Lets machines without an agent report, before that is read; `taken` are what EC2 takes back, and when."""

    def __init__(self, pool: Pool, taken: Mapping[str, datetime] | None = None) -> None:
        self.pool = pool
        self.taken = {} if taken is None else taken

    def at(self, _number: int, operation: str, phase: Phase) -> None:
        """Write what each agent has reported in the items that the original action reads."""
        if (operation, phase) != ("dynamodb:BatchGetItem", "before"):
            return
        for identifier, beat in self.pool.table.of(records.HEARTBEAT).items():
            if identifier not in self.taken and self.pool.table.of(agent_entity(ROLE, identifier)):
                continue
            signal = records.mapping(self.pool.table.of(records.SIGNAL).get(identifier, {}), "value")
            value = {name: records.text(signal, name) or "" for name in ("state", "runId")}
            value["signalledAt"] = wire_time(self.pool.account.clock.now())
            if identifier in self.taken:
                value["reclaimedAt"] = wire_time(self.taken[identifier])
            at = records.read_time(records.text(beat, "updatedAt") or "") or NOW
            self.pool.table.put(records.item(agent_entity(ROLE, identifier), identifier, at, value=value))


def raising(error: Exception) -> Callable[[], None]:
    """Give what raises an error."""

    def do() -> None:
        raise error

    return do


def attributes(pool: Pool, identifier: str, kind: str = records.INSTANCE) -> dict[str, str]:
    """Give the text attributes of an item in the table."""
    item: dict[str, Any] = pool.table.of(kind)[identifier]
    return {name: value["S"] for name, value in item.items() if "S" in value}


def result(pool: Pool, label: str = RUN) -> str | None:
    """Give the result in the run's item."""
    return records.text(records.mapping(pool.table.of(records.RUN)[label], "value"), "result")
