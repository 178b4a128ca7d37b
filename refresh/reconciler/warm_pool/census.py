"""Which machines wait for a run, are booting, or have failed to boot; pure.

A record alone proves nothing, since jobs can write records: only machines count that EC2 shows to be alive and this
pool's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import lifecycle, names, ownership, readiness
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.records import InstanceRecord
from refresh.pool.signals import REGISTRATION_FAILED, SCRIPT_FAILED
from refresh.reconciler.garbage_collector.policy import aged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.desired import DesiredState
    from refresh.pool.records import Unreadable
    from refresh.reconciler.warm_pool.actual import Actual

_BOOT_FAILURES = {SCRIPT_FAILED, REGISTRATION_FAILED}
"""An agent that cannot install the runner reports the latter."""
_SERVING = {lifecycle.IDLE, lifecycle.CLAIMED, lifecycle.RUNNING}
"""The states of machines that have been ready."""


@frozen(kw_only=True)
class Census:
    """The machines of a class that count for its minimum."""

    current: tuple[InstanceRecord, ...] = ()
    """Ready ones of the template's current version, those with the most time first."""
    outdated: tuple[InstanceRecord, ...] = ()
    """Ready ones of another version."""
    coming: int = 0
    """Those that are about to become ready: they boot, or leave the run that had them."""
    living: int = 0
    """All machines of the class that live, also those that work."""


def of_class(desired: DesiredState, actual: Actual, resource_class: str, now: datetime) -> Census:
    """Count the machines of a class; without reports, idle machines count as ready."""
    current: list[InstanceRecord] = []
    outdated: list[InstanceRecord] = []
    coming = 0
    for record in waiting(desired, actual, resource_class, now):
        if is_ready(actual, record):
            (current if is_current(actual, record.id) else outdated).append(record)
        elif _is_coming(actual, record, now):
            coming += 1
    coming += len(list(_unseen(actual, resource_class, now)))
    coming += sum(each.count for name, each in actual.state.pending.items() if name == resource_class)
    return Census(
        current=tuple(_longest_first(current)),
        outdated=tuple(_longest_first(outdated)),
        coming=coming,
        living=living(desired, actual, resource_class, now),
    )


def waiting(desired: DesiredState, actual: Actual, resource_class: str, now: datetime) -> Iterator[InstanceRecord]:
    """Yield the machines of a class that no run has, and that may count, by their records and by EC2."""
    for record in _readable(actual.records.values()):
        instance = actual.collected.instances.get(record.id)
        if (
            record.resource_class == resource_class
            and record.usage_class == desired.min_idle_usage_class.value
            and record.state in {lifecycle.IDLE, lifecycle.CREATED}
            and record.run_id == ""
            and record.expires is not None
            and record.expires > now
            and instance is not None
            and _is_ours(actual, instance)
            and not instance.protected
            and not aged(instance, now, desired.max_instance_age)
            and not _predates_restore(actual, record)
        ):
            yield record


def is_ready(actual: Actual, record: InstanceRecord) -> bool:
    """Whether a run can claim the machine now; without its report an idle one counts as such."""
    if actual.reports is None:
        return record.state == lifecycle.IDLE
    if record.id in actual.lost:
        # Another process has just written it: not launching is the safe side.
        return True
    return readiness.ready(
        record,
        actual.report(record.id),
        looked_at=actual.looked_at,
        seen_at=actual.reported_at,
        signals_expire=actual.signals_expire,
    )


def _is_coming(actual: Actual, record: InstanceRecord, now: datetime) -> bool:
    """Whether a machine that is not ready is about to become so."""
    if record.state == lifecycle.CREATED:
        return not failed(actual, record.id, now)
    report = actual.report(record.id)
    return readiness.leaving(record, report, looked_at=actual.looked_at, seen_at=actual.reported_at)


def is_current(actual: Actual, identifier: str) -> bool:
    """Whether a machine was launched from the template's default version; every one, while that is unknown."""
    template, instance = actual.template, actual.collected.instances.get(identifier)
    if template.version is None:
        return True
    tags = instance.tags if instance else ownership.InstanceTags()
    if tags.template_id is not None and tags.template_id != template.id:
        return False
    record = actual.records.get(identifier)
    recorded = record.template_version if isinstance(record, InstanceRecord) else ""
    return (tags.template_version or recorded) == str(template.version)


def became_ready(actual: Actual, identifier: str) -> bool:
    """Whether a machine that was launched has ever been ready."""
    record, signal = actual.records.get(identifier), actual.report(identifier).signal
    if signal is not None and signal.state and signal.state not in _BOOT_FAILURES:
        return True
    if isinstance(record, InstanceRecord):
        state = dict(record.ended).get("endedState", "") if record.state == lifecycle.TERMINATED else record.state
        return state in _SERVING
    return actual.history.get(identifier, "") in _SERVING


def failed(actual: Actual, identifier: str, now: datetime) -> bool:
    """Whether a machine that was launched will not become ready any more, or takes too long."""
    signal, instance = actual.report(identifier).signal, actual.collected.instances.get(identifier)
    if signal is not None and signal.state in _BOOT_FAILURES:
        return True
    launch = actual.state.unready.get(identifier)
    begun = [each for each in (launch and launch.at, instance and instance.launched_at) if each]
    late = bool(begun) and now - max(begun) > lifecycle.BOOTS_WITHIN
    return late or (instance is not None and not instance.state.alive)


def proves_version(actual: Actual) -> bool:
    """Whether a run has had a machine of the template's current version: then its script and image work."""
    return any(
        record.state == lifecycle.RUNNING
        and record.id in actual.collected.instances
        and _is_ours(actual, actual.collected.instances[record.id])
        and is_current(actual, record.id)
        for record in _readable(actual.records.values())
    )


def living(desired: DesiredState, actual: Actual, resource_class: str, now: datetime) -> int:
    """Count all machines of a class that live, recorded or not, and those that are about to be launched."""
    instances, classes = actual.collected.instances, [each.name for each in desired.resource_classes]
    found = set()
    for record in _readable(actual.records.values()):
        if record.resource_class == resource_class:
            state = instances.get(record.id, Ec2Instance(record.id, Ec2State.UNKNOWN)).state
            recorded = record.state != lifecycle.TERMINATED and (record.expires is None or record.expires > now)
            if state.alive or (state is Ec2State.UNKNOWN and recorded):
                found.add(record.id)
    for instance in instances.values():
        label = instance.tags.initial_run or ""
        if instance.id not in actual.records and _is_ours(actual, instance):
            found |= {instance.id} if names.warm_class(label, classes) == resource_class else set()
    found |= set(_unseen(actual, resource_class, now))
    pending = actual.state.pending.get(resource_class)
    return len(found) + (pending.count if pending else 0)


def in_doubt(actual: Actual) -> list[str]:
    """List living machines of a restored table of which it does not know what they do."""
    restore = actual.collected.restore
    if restore is None:
        return []
    return [
        each.id
        for each in actual.collected.instances.values()
        if _is_ours(actual, each) and _unknown_since(actual, each, restore.made_at)
    ]


def emptied(actual: Actual) -> bool:
    """Whether the table seems to have been emptied: it has no records, although several machines live."""
    begun = {each.label for each in actual.state.pending.values()}
    ours = [each for each in actual.collected.instances.values() if _is_ours(actual, each)]
    return not actual.records and len([each for each in ours if each.tags.initial_run not in begun]) > 1


def is_marked(actual: Actual, identifier: str) -> bool:
    """Whether the record of a machine says that it is to end."""
    record = actual.records.get(identifier)
    return isinstance(record, InstanceRecord) and record.state == lifecycle.TERMINATED


def _unknown_since(actual: Actual, instance: Ec2Instance, made_at: datetime) -> bool:
    record = actual.records.get(instance.id)
    if isinstance(record, InstanceRecord):
        return record.state != lifecycle.TERMINATED and _predates_restore(actual, record)
    return instance.launched_at is not None and instance.launched_at <= made_at


def _predates_restore(actual: Actual, record: InstanceRecord) -> bool:
    restore = actual.collected.restore
    return restore is not None and restore.covers(record)


def _is_ours(actual: Actual, instance: Ec2Instance) -> bool:
    """Whether EC2 shows that a machine lives and is this pool's."""
    return instance.state.alive and ownership.proven(instance, actual.collected.template_ids)


def _unseen(actual: Actual, resource_class: str, now: datetime) -> Iterator[str]:
    """Yield the machines that were launched so recently that this run has not seen both instance and record."""
    for identifier, launch in actual.state.unready.items():
        unseen = identifier not in actual.records or identifier not in actual.collected.instances
        if launch.resource_class == resource_class and unseen and not failed(actual, identifier, now):
            yield identifier


def _longest_first(found: Iterable[InstanceRecord]) -> list[InstanceRecord]:
    return sorted(found, key=lambda each: (each.threshold or "", each.id), reverse=True)


def _readable(found: Iterable[InstanceRecord | Unreadable]) -> Iterator[InstanceRecord]:
    return (each for each in found if isinstance(each, InstanceRecord))
