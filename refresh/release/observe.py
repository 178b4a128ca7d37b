"""DynamoDB, GitHub and EC2: reads what release judges, all at once.

This module imports little, so that AWS answers while the rest of the program is loaded.
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as OutOfTime
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from refresh import errors
from refresh.desired import ALL_NAMES
from refresh.dynamodb import door_settings, items, reports
from refresh.pool import ec2_instances, names, records, runs
from refresh.pool.ownership import INITIAL_RUN_TAG
from refresh.release.actual import Actual, Labelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Executor, Future

    from refresh.desired import DesiredRelease
    from refresh.pool.ec2_instances import Ec2Instance
    from refresh.ports import Clock, DoorClients, WorkflowJob

    Items = Mapping[tuple[str, str], records.Item]

JOBS_SECONDS = 10
"""How long GitHub may take to list the jobs; after that, release goes on without the list."""
LONGEST_LABEL = 64
"""No label is longer. A key beyond DynamoDB's limit, which a job could write into a record, would stop the release."""
_ATTRIBUTES = ("PK", *records.INSTANCE_ATTRIBUTES)


@frozen
class Reads:
    """Reads that are under way."""

    settings: Future[Items]
    """The settings, and the RUN item of the label if there is only one label."""
    records: Future[list[records.Item]]
    launched: Future[dict[str, Ec2Instance]]
    jobs: Future[list[WorkflowJob]]


def start(desired: DesiredRelease, clients: DoorClients, clock: Clock, executor: Executor) -> Reads:
    """Start all reads, without waiting."""
    table = names.table(desired.repository)
    keys = [door_settings.KEY]
    if desired.name != ALL_NAMES:
        keys.append((records.RUN, names.label(desired.run_id, desired.name)))
    return Reads(
        executor.submit(items.by_key, clients.dynamodb, clock, table, keys),
        executor.submit(lambda: list(items.of_entity(clients.dynamodb, table, records.INSTANCE, _ATTRIBUTES))),
        executor.submit(_launched, desired, clients),
        executor.submit(lambda: list(clients.runs.jobs(desired.workflow_repository, desired.run_id))),
    )


def read(desired: DesiredRelease, clients: DoorClients, clock: Clock, executor: Executor, reads: Reads) -> Actual:
    """Return what the reads found; raises `Refused` if the pool has no settings, or belongs to another repository."""
    try:
        found = dict(reads.settings.result())
    except errors.NotFound:
        raise door_settings.no_table(desired) from None
    pool = door_settings.read(desired, found.pop(door_settings.KEY, {}), "release")
    wires = reads.records.result()
    machines = tuple(_labelled(desired, wires))
    labels = {each.label for each in machines}
    if desired.name == ALL_NAMES and labels and desired.reuse is None:
        keys = [(records.RUN, label) for label in sorted(labels) if len(label) <= LONGEST_LABEL]
        found = items.by_key(clients.dynamodb, clock, names.table(desired.repository), keys)
    provisioned = map(runs.from_item, found.values())
    actual = Actual(
        settings=pool,
        machines=machines,
        ended=tuple(_ended(desired, wires)),
        recorded=frozenset(map(records.identifier_of, wires)),
        single_use=frozenset(each.label for each in provisioned if not each.reuse),
        skew=clients.skew(),
    )
    # While GitHub and EC2 still answer.
    actual = _with_reports(desired, clients, clock, executor, actual)
    return _with_jobs(_with_launched(actual, reads.launched), reads.jobs)


def with_instances(clients: DoorClients, actual: Actual, ids: Sequence[str]) -> Actual:
    """Ask EC2 for more instances; these must be ids of instances, since EC2 takes others for patterns."""
    try:
        instances = ec2_instances.by_id(clients.ec2, ids)
    except errors.CredentialsExpired:
        raise
    except errors.ApiError as error:
        return evolve(actual, ec2_error=error)
    return evolve(actual, instances={**actual.instances, **instances}, asked=frozenset(ids))


def _with_reports(
    desired: DesiredRelease, clients: DoorClients, clock: Clock, executor: Executor, actual: Actual
) -> Actual:
    """Read what the agents of machines that have a label report; without an answer they are released all the same."""
    role_id = actual.settings.runner_role_id
    held = [each.record.id for each in actual.machines if each.held]
    if not role_id or not held:
        return actual  # heartbeats and signals alone decide nothing here
    table = names.table(desired.repository)
    try:
        found = reports.read(clients.dynamodb, clock, executor, table, role_id, held)
    except errors.CredentialsExpired:
        raise
    except errors.ApiError as error:
        return evolve(actual, reports_error=error)
    return evolve(actual, reports=found)


def _launched(desired: DesiredRelease, clients: DoorClients) -> dict[str, Ec2Instance]:
    """Read the instances that were launched for the labels, recorded or not; any template may be theirs."""
    labels = [desired.run_id, f"{desired.run_id}-*"] if desired.name == ALL_NAMES else [desired.labels]
    return ec2_instances.described(clients.ec2, {"Name": f"tag:{INITIAL_RUN_TAG}", "Values": labels})


def _with_launched(actual: Actual, launched: Future[dict[str, Ec2Instance]]) -> Actual:
    try:
        return evolve(actual, instances=launched.result())
    except errors.CredentialsExpired:
        raise
    except errors.ApiError as error:
        return evolve(actual, ec2_error=error)


def _labelled(desired: DesiredRelease, wires: Iterable[records.Item]) -> Iterable[Labelled]:
    """Yield the machines that have a label, and those that no other run has had since they were released from one."""
    for wire in wires:
        run, last = records.text(wire, "runId") or "", records.text(wire, "lastRunId") or ""
        label = run or last
        if desired.has(label) and records.text(wire, "state") != records.TERMINATED:
            yield Labelled(label=label, record=records.read_instance(wire))


def _ended(desired: DesiredRelease, wires: Iterable[records.Item]) -> Iterable[records.InstanceRecord]:
    for wire in wires:
        record = records.read_instance(wire)
        if isinstance(record, records.InstanceRecord) and desired.has(dict(record.ended).get("endedRunId", "")):
            yield record


def _with_jobs(actual: Actual, jobs: Future[list[WorkflowJob]]) -> Actual:
    try:
        found = jobs.result(JOBS_SECONDS)
    except OutOfTime:
        slow = errors.Unavailable("GitHub GET jobs", "Timeout", f"no answer within {JOBS_SECONDS} s.")
        return evolve(actual, jobs_error=slow)
    except errors.RefreshError as error:
        return evolve(actual, jobs_error=error)
    return evolve(actual, open_jobs=tuple(job for job in found if not job.completed))
