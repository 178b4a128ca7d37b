"""What the tests of provision's faults share: a pool with ready machines, and provisions in it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from refresh.desired import DesiredProvision
from refresh.output import provision_outputs
from refresh.output.provision_run import ProvisionRun, ReadyMachine
from refresh.pool import records, signals
from refresh.pool.runs import CLAIMED, LAUNCHED
from refresh.pool.usage import UsageClass
from refresh.provision.component import Provisioning
from refresh.provision.result import Patience
from tests.fakes import instance_items
from tests.fakes.desired import REGION, REPOSITORY
from tests.fakes.memory.account import Watch
from tests.fakes.serial import Serial
from tests.simulation import doors
from tests.simulation.agents import BOOTING
from tests.simulation.door_worlds import write_settings
from tests.simulation.paces import USUAL, Fault, Pace
from tests.simulation.stage import Stage
from tests.simulation.worlds import build

if TYPE_CHECKING:
    from datetime import datetime

    from refresh.provision.result import Provided
    from tests.fakes.memory.account import Seam

MINUTE = timedelta(minutes=1)
PROVISION = DesiredProvision(repository=REPOSITORY, region=REGION, run_id=doors.RUN)


@frozen
class StageClock:
    """The clock of a process: while it waits, all others go on."""

    stage: Stage
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """Give the moment."""
        return self.stage.pool.account.clock.now() + self.ahead

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.stage.pass_time(seconds)


def pool(pace: Pace = USUAL, **settings: Any) -> Stage:
    """Give a pool that refresh keeps, without machines; its token lives for an hour."""
    kept = build("up to date")
    until = kept.account.clock.now() + 60 * MINUTE
    write_settings(kept, **{"token_valid_until": until, **settings})
    return Stage(kept, pace)


def ready(stage: Stage, seconds: float = 300, pace: Pace | None = None, **written: Any) -> str:
    """Add a machine that waits for a run; return its id."""
    kept = stage.pool
    instance = kept.launch(tags={"InitialRunId": "42"})
    threshold = kept.in_time(seconds)
    attributes = {"state": "idle", "threshold": threshold, "instanceType": "c7i.large", **written}
    kept.record(instance, artifacts=False, **attributes)
    instance.lifecycle = attributes.get("usageClass", "on-demand")
    told = instance_items.artifacts if pace and pace.fault is Fault.OLD else instance_items.reports
    for item in told(instance.id, kept.account.clock.now(), state=signals.LEFT, run="42"):
        kept.table.put(item)
    if pace:
        stage.newcomers.append(pace)
    stage.catch_up()
    return instance.id


def silence(stage: Stage, *identifiers: str) -> None:
    """Let the agents of machines stop: they neither beat nor do anything else."""
    for each in identifiers:
        stage.agents[each].phase, stage.agents[each].due = BOOTING, None


@frozen
class _Meanwhile(Watch):
    """All others go on at every call of the process."""

    stage: Stage
    inner: Seam

    def before(self, number: int, operation: str) -> None:
        """Let time pass before the call has its effect."""
        self.inner.before(number, operation)
        self.stage.catch_up()

    def after(self, number: int, operation: str) -> None:
        """Let time pass before the call is answered."""
        self.stage.catch_up()
        self.inner.after(number, operation)


def watched(stage: Stage, seam: Seam | None = None) -> None:
    """Watch the next process from its first call."""
    account = stage.pool.account
    account.seam = _Meanwhile(stage, seam or Watch())
    account.calls.clear()
    account.requests.clear()


def wanted(*, usage_class: str = "on-demand", **changes: Any) -> DesiredProvision:
    """Give what a provision is asked for."""
    return evolve(PROVISION, usage_classes=(UsageClass(usage_class),), **changes)


def provide(stage: Stage, seam: Seam | None = None, **changes: Any) -> Provided:
    """Provision once; `stopped` and how far the clock is `ahead` are of the process, all else is what is wanted."""
    watched(stage, seam)
    patience = Patience(stopped=changes.pop("stopped", lambda: False))
    ahead = changes.pop("ahead", timedelta())
    clients = evolve(doors.clients_of(stage.pool), skew=lambda: -ahead)
    clock = StageClock(stage, ahead)
    provided = Provisioning(wanted(**changes), clients, clock, Serial(), patience=patience).run()
    assert "defect" not in why(provided)
    return provided


def numbers(provided: Provided) -> tuple[int, int]:
    """Give how many of the machines were claimed and launched."""
    origins = [each.origin for each in provided.ready]
    return origins.count(CLAIMED), origins.count(LAUNCHED)


def why(provided: Provided) -> str:
    """Give what failed, in words."""
    report = provided.report
    return " ".join(map(str, (report.error, *report.refusals, *report.warnings)))


def ended(stage: Stage, **changes: Any) -> ProvisionRun:
    """Provision once, and give what people and programs are shown."""
    began_at = stage.pool.account.clock.now()
    provided = provide(stage, **changes)
    return ProvisionRun(
        desired=wanted(**changes),
        component=provided.report,
        ready=tuple(
            ReadyMachine(id=each.id, origin=each.origin, ends_at=each.record.expires) for each in provided.ready
        ),
        available=provided.available,
        started_at=began_at,
        finished_at=stage.pool.account.clock.now(),
    )


def outputs(run: ProvisionRun) -> dict[str, str]:
    """Give the exit code and the outputs."""
    return {"exit code": str(run.exit_code), **provision_outputs.outputs(run, "provision-report.json")}


def give_back(stage: Stage, **changes: Any) -> None:
    """Release once."""
    watched(stage)
    doors.release(stage.pool, evolve(doors.RELEASE, **changes))


def record(stage: Stage, identifier: str) -> records.Item:
    """Give a machine's record; empty if it has none."""
    return stage.pool.table.of(records.INSTANCE).get(identifier, {})


def of_label(stage: Stage, label: str = doors.RUN) -> dict[str, str]:
    """Give the state of each machine that has a label, by id."""
    found = stage.pool.table.of(records.INSTANCE).items()
    return {each: records.text(item, "state") or "" for each, item in found if records.text(item, "runId") == label}


def fleets(stage: Stage) -> list[dict[str, Any]]:
    """Give the fleets that the last process asked for, and got an answer."""
    return [request for name, request in stage.pool.account.requests if name == "ec2:CreateFleet"]
