"""The metrics of a run for CloudWatch; pure. docs/monitoring.md describes them.

Values have no time of their own, so CloudWatch takes that of their arrival, whatever this machine's clock shows.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from refresh.pool import records
from refresh.pool.snapshot import UNRECORDED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.engine.report import Report
    from refresh.pool.snapshot import InstanceSnapshot

NAMESPACE = "RefreshAction"
MOST = 1000
"""As many values as CloudWatch takes in one call."""
OTHER = "other"
"""Stands for a class that is not configured, or none, and for a state that is none of ours.

Instances can write both, and each new name would be a metric that costs money.
"""
STATES = (*records.LIVING_STATES, records.TERMINATED, UNRECORDED)
_RUNNING = "running"
"""EC2's state of an instance that can work."""

Value = dict[str, Any]


def metric_data(report: Report) -> list[Value]:
    """Return the values of a run, those of the whole pool first; none before the inputs are known."""
    if (desired := report.desired) is None:
        return []
    seen = report.pool.instances
    values = [*_of_run(report, desired), *(_of_instances(desired, seen) if seen is not None else ())]
    return values[:MOST]


def _of_run(report: Report, desired: DesiredState) -> Iterator[Value]:
    yield _value(desired, "Runs", 1)
    yield _value(desired, "Failed", int(report.exit_code != 0))
    if report.started_at and report.finished_at:
        yield _value(desired, "DurationSeconds", _seconds(report.started_at, report.finished_at), "Seconds")
    yield _value(desired, "Changes", len(report.done))
    yield _value(desired, "Ended", len(report.ended))
    yield _value(desired, "CutOff", sum(each.cut_off for each in report.ended))
    if report.finished_at and (expires_at := report.pool.token_expires_at):
        yield _value(desired, "TokenLifeSeconds", _seconds(report.finished_at, expires_at), "Seconds")


def _of_instances(desired: DesiredState, seen: Sequence[InstanceSnapshot]) -> Iterator[Value]:
    """Count the instances; a class with instances, or with a minimum, has a value for each living state."""
    configured = {each.name for each in desired.resource_classes}
    counted = Counter(
        (
            each.resource_class if each.resource_class in configured else OTHER,
            each.state if each.state in STATES else OTHER,
        )
        for each in seen
    )
    yield _value(desired, "Instances", sum(each.state != records.TERMINATED for each in seen))
    minimum = {name: number for name, number in desired.min_idle if number}
    waiting = Counter(each.resource_class for each in seen if _waits(each))
    for name, number in minimum.items():
        yield _value(desired, "WarmMissing", max(0, number - waiting[name]), ResourceClass=name)
    for name in sorted({name for name, _ in counted} | {*minimum}):
        for state in (*STATES, OTHER):
            if (name, state) in counted or state in records.LIVING_STATES:
                yield _value(desired, "Instances", counted[name, state], ResourceClass=name, State=state)


def _waits(instance: InstanceSnapshot) -> bool:
    return instance.state == records.IDLE and instance.ec2_state == _RUNNING and not instance.protected


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, round((end - begin).total_seconds(), 3))


def _value(desired: DesiredState, name: str, value: float, unit: str = "Count", **dimensions: str) -> Value:
    named = {"Pool": str(desired.repository), **dimensions}
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": each} for key, each in named.items()],
        "Value": value,
        "Unit": unit,
    }
