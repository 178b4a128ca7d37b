"""What the tests of release share: a release that is wanted, what it finds, and a pool in memory with its settings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve

from refresh.desired import DesiredRelease
from refresh.dynamodb.transactions import Sender
from refresh.pool import names, records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TEMPLATE_TAG
from refresh.pool.records import InstanceRecord, wire_time
from refresh.pool.settings import ClassSettings, Settings, to_value
from refresh.pool.signals import agent_entity
from refresh.ports import DoorClients, WorkflowJob
from refresh.release.actual import Actual, Labelled
from tests.fakes.desired import LARGE_QUEUE, REGION, REPOSITORY, RUN_URL, TEMPLATE
from tests.fakes.memory import sqs
from tests.fakes.memory.github import GitHub
from tests.fakes.memory.on_demand import OnDemand
from tests.fakes.serial import NOW, Serial
from tests.unit.reconciler import pools
from tests.unit.reconciler.pools import TEMPLATE_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tests.simulation.pool import Pool

RUN = "77"
ROLE = "AROAEXAMPLE"
"""The id of the role that instances have."""
IDLE_TIME = timedelta(minutes=7)
IDS = [f"i-{number:08x}" for number in range(12)]
AHEAD, PAST = wire_time(NOW + timedelta(minutes=20)), wire_time(NOW - timedelta(minutes=5))
SINCE = wire_time(NOW - timedelta(minutes=10))
PROTECTION: dict[str, Any] = {"refresh-action:protect": "true"}
SETTINGS = Settings(
    repository="octo/widgets",
    server="github.com",
    classes={"large": ClassSettings(cpu=2, memory_mib=4096, queue_url=sqs.url(LARGE_QUEUE))},
    subnet_ids=("subnet-1",),
    template_name=TEMPLATE,
    template_id=TEMPLATE_ID,
    idle_time=IDLE_TIME,
    max_runtime=timedelta(minutes=30),
    token_valid_until=None,
    original_modes=True,
)


def desired(**changed: Any) -> DesiredRelease:
    """Give the release of a run's unnamed label."""
    return evolve(
        DesiredRelease(
            repository=REPOSITORY, region=REGION, run_id=RUN, workflow_repository=REPOSITORY, run_url=RUN_URL
        ),
        **changed,
    )


def record(number: int = 0, state: str = "running", run_id: str | None = RUN, **changed: Any) -> InstanceRecord:
    """Give the record of a machine that works for the run."""
    return evolve(
        InstanceRecord(
            id=IDS[number],
            state=state,
            run_id=run_id,
            threshold=AHEAD,
            updated_at=SINCE,
            resource_class="large",
            instance_type="c7i.large",
            usage_class="on-demand",
        ),
        **changed,
    )


def released(number: int = 0, **changed: Any) -> InstanceRecord:
    """Give a record that an earlier release has given back."""
    return record(number, "idle", "", last_run_id=RUN, released_at=SINCE, **changed)


def retired(number: int = 0, state: str = "idle", **changed: Any) -> InstanceRecord:
    """Give a record whose time an earlier release has taken."""
    return record(number, state, "", threshold=PAST, last_run_id=RUN, released_at=wire_time(NOW), **changed)


def instance(number: int = 0, state: Ec2State = Ec2State.RUNNING, **tags: Any) -> Ec2Instance:
    """Give a machine that was launched from the pool's template."""
    return Ec2Instance(IDS[number], state, NOW, {TEMPLATE_TAG: TEMPLATE_ID, **tags})


def actual(*found: InstanceRecord | records.Unreadable, **changed: Any) -> Actual:
    """Give the pool with these records, each with the label that it has or had.

    With a list of `instances`, EC2 was asked for all that are recorded; without one it was asked for none of them.
    """
    machines = tuple(Labelled(label=_label(each), record=each) for each in found)
    listed: list[Ec2Instance] | None = changed.pop("instances", None)
    recorded = frozenset(each.id for each in found)
    seen = Actual(
        settings=SETTINGS,
        machines=machines,
        recorded=recorded,
        instances={each.id: each for each in listed or ()},
        asked=frozenset() if listed is None else recorded,
    )
    return evolve(seen, **changed)


def _label(found: InstanceRecord | records.Unreadable) -> str:
    return (found.run_id or found.last_run_id) if isinstance(found, InstanceRecord) else RUN


def job(name: str = "build", *labels: str, completed: bool = False) -> WorkflowJob:
    """Give a job of the run that asks for these labels, or for the run's own."""
    return WorkflowJob(name=name, labels=labels or (RUN,), completed=completed, url=f"{RUN_URL}/job/{name}")


def made(**changed: Any) -> Pool:
    """Give a pool in memory with a template, settings and a queue, and without instances."""
    pool = pools.made()
    pool.sqs.create_queue(QueueName=LARGE_QUEUE)
    pool.account.clock.moment = NOW
    queue = pool.account.state.queues[LARGE_QUEUE]
    queue.created_at = queue.changed_at = NOW - timedelta(days=1)
    settings = to_value(evolve(SETTINGS, **changed))
    pool.table.put(records.item(records.SETTINGS, names.SETTINGS_IDENTIFIER, NOW, value=settings))
    pool.account.calls.clear()
    pool.account.requests.clear()
    return pool


def runs(pool: Pool, **changed: Any) -> str:
    """Add a machine that works for the run; return its id."""
    launched = pool.launch(tags={"InitialRunId": RUN, **changed.pop("tags", {})})
    given = {"state": "running", "runId": RUN, "threshold": pool.in_time(1200), **changed}
    pool.record(launched, artifacts=False, written=-600, **given)
    return launched.id


def told(pool: Pool, label: str = RUN, **value: Any) -> None:
    """Write the item of what provision was asked for."""
    pool.table.put(records.item(records.RUN, label, NOW, value=value))


def reported(pool: Pool, identifier: str, **value: str) -> None:
    """Write what the agent of a machine reports."""
    pool.table.put(records.item(agent_entity(ROLE, identifier), identifier, NOW, value=value))


def clients(pool: Pool, skew: timedelta = timedelta()) -> DoorClients:
    """Give the clients of a release."""
    dynamodb, ec2, queues = (cast("Any", each) for each in (pool.dynamodb, pool.ec2, pool.sqs))
    on_demand = cast("Any", OnDemand(pool.account))
    return DoorClients(dynamodb, ec2, queues, GitHub(pool.account), on_demand, lambda: skew)


def sender(pool: Pool, over: Callable[[], bool] = lambda: False) -> Sender:
    """Give what sends transactions to the pool's table."""
    return Sender(cast("Any", pool.dynamodb), pool.account.clock, Serial(), over)


def attributes(pool: Pool, identifier: str) -> dict[str, str]:
    """Give the text attributes of a record in the table."""
    item: Mapping[str, Any] = pool.table.of(records.INSTANCE)[identifier]
    return {name: value["S"] for name, value in item.items() if "S" in value}


def after(seconds: float) -> datetime:
    """Give a time after now."""
    return NOW + timedelta(seconds=seconds)
