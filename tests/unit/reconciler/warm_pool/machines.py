"""What the tests of the warm pool share: machines, what their agents report, and what is known of the pool."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from attrs import evolve

from refresh.desired import DesiredState
from refresh.pool import warm_pool_item
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.launch import Fleet, FleetAnswer, LaunchedInstance, Shortfall
from refresh.pool.ownership import TemplateIds
from refresh.pool.records import InstanceRecord, wire_time
from refresh.pool.signals import BOOTED, Report, Signal
from refresh.pool.usage import UsageClass
from refresh.pool.warm_pool_item import Pending, Unready, WarmState
from refresh.reconciler.garbage_collector.actual import Actual as Collected
from refresh.reconciler.warm_pool.actual import Actual, Asked, Template
from tests.fakes.desired import desired as any_desired
from tests.fakes.serial import NOW

IDS = [f"i-{number:08x}" for number in range(120)]
TEMPLATE = Template(id="lt-ours", version=3)
KEY = TEMPLATE.key
LABEL = "warm-77-large"
READY = Report(signal=Signal(BOOTED, LABEL, NOW - timedelta(minutes=5)), beat=NOW)


def wanted(**changed: Any) -> DesiredState:
    """Give the desired state with a minimum of two of a class."""
    return any_desired(**{"min_idle": (("large", 2),), **changed})


def after(minutes: float) -> datetime:
    """Give a time after now."""
    return NOW + timedelta(minutes=minutes)


def record(number: int = 0, state: str = "idle", minutes: float = 50, **changed: Any) -> InstanceRecord:
    """Give the record of a machine that no run has; it never served, and has so many minutes left."""
    until = wire_time(after(minutes))
    written = InstanceRecord(
        id=IDS[number],
        state=state,
        run_id="",
        threshold=until,
        fresh_for=until if state == "idle" else "",
        updated_at=wire_time(after(-5)),
        resource_class="large",
        instance_type="c7i.large",
        usage_class="on-demand",
        template_version="3",
    )
    return evolve(written, **changed)


def instance(number: int = 0, version: str = "3", minutes: float = -30, **changed: Any) -> Ec2Instance:
    """Give a machine as EC2 describes it, launched so many minutes from now."""
    tags = {
        "aws:ec2launchtemplate:id": "lt-ours",
        "aws:ec2launchtemplate:version": version,
        "AllowSelfTermination": "true",
        "InitialRunId": LABEL,
        **changed.pop("tags", {}),
    }
    return Ec2Instance(IDS[number], changed.pop("state", Ec2State.RUNNING), after(minutes), tags, **changed)


def actual(*found: InstanceRecord, **changed: Any) -> Actual:
    """Give the pool with these machines, all alive and ready; `instances` replaces some of EC2's, `collected` more."""
    replaced = {each.id: each for each in changed.pop("instances", ())}
    instances = {each.id: instance(IDS.index(each.id)) for each in found} | replaced
    seen = Collected(instances, found, TemplateIds("lt-ours"))
    state = changed.pop("state", WarmState())
    reports = {each.id: READY for each in found}
    return evolve(
        Actual(
            collected=evolve(seen, **changed.pop("collected", {})),
            template=TEMPLATE,
            stored=warm_pool_item.to_wire(state),
            state=state,
            records={each.id: each for each in found},
            looked_at=NOW,
            reports=reports,
            reported_at=NOW,
        ),
        **changed,
    )


def pending(count: int = 2, minutes: float = 0, **changed: Any) -> Pending:
    """Give a launch that was begun so many minutes from now."""
    begun = Pending(token="token", label=LABEL, count=count, usage_class=UsageClass.ON_DEMAND, at=after(minutes))
    return evolve(begun, **changed)


def unready(*numbers: int, minutes: float = -30) -> dict[str, Unready]:
    """Give machines that were launched so many minutes from now and have not become ready."""
    return {IDS[each]: Unready(resource_class="large", at=after(minutes)) for each in numbers}


def answer(*numbers: int, count: int = 2, causes: Any = (), code: str = "", lost: bool = False) -> FleetAnswer:
    """Give EC2's answer: which machines it has launched, and why the rest is missing."""
    fleet = Fleet(
        template_id="lt-ours",
        subnet_ids=("subnet-1", "subnet-2"),
        cpu=2,
        memory_mib=4096,
        instance_types=("c*",),
        usage_class=UsageClass.ON_DEMAND,
        count=count,
        max_price_over_lowest=100,
        label=LABEL,
        client_token="token",
    )
    launched = tuple(
        LaunchedInstance(id=IDS[each], instance_type="c7i.large", usage_class="on-demand", template_version="3")
        for each in numbers
    )
    shortfalls = tuple(Shortfall(cause=each, code=code or each.value, message="no.") for each in causes)
    return FleetAnswer(fleet=fleet, launched=launched, shortfalls=shortfalls, lost=lost)


def asked(*answers: FleetAnswer, **changed: Any) -> dict[str, Asked]:
    """Give what this run has asked EC2 for, and its answers."""
    return {"large": evolve(Asked(pending=pending(), answers=answers), **changed)}
