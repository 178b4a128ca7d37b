"""Gives machines up as release does: back to the pool, or to EC2; and only these machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.desired import DesiredRelease
from refresh.dynamodb import items
from refresh.engine.component import Run
from refresh.pool import names, records, signals
from refresh.release import component
from refresh.release.actual import Actual, Labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from datetime import timedelta

    from refresh.desired import DesiredProvision
    from refresh.engine.report import ComponentReport
    from refresh.pool.settings import Settings
    from refresh.ports import Clock, DoorClients
    from refresh.provision.changes import GiveUp


def give_up(  # noqa: PLR0913, PLR0917 - what a run is made of, and the machines
    desired: DesiredProvision,
    settings: Settings,
    clients: DoorClients,
    clock: Clock,
    executor: Executor,
    stopped: Callable[[], bool],
    changes: Sequence[GiveUp],
) -> list[ComponentReport]:
    """Release the machines, and return what came of it."""
    run = Run(
        mode=desired.mode,
        clock=clock,
        stopped=stopped,
        continued="The release job of this run does what is left, otherwise the next refresh.",
    )
    reports = []
    for back in (True, False):
        chosen = [each.id for each in changes if each.back is back]
        if chosen:
            wanted = _wanted(desired, back=back)

            def read(chosen: list[str] = chosen) -> Actual:
                return _read(desired, settings, clients, clock, chosen)

            reports.append(component.of_machines(wanted, clients, run, executor, read).converge().report)
    return reports


def _wanted(desired: DesiredProvision, *, back: bool) -> DesiredRelease:
    return DesiredRelease(
        repository=desired.repository,
        region=desired.region,
        run_id=desired.run_id,
        name=desired.name,
        workflow_repository=desired.repository,
        reuse=desired.reuse and back,
        force=True,
        claimed_too=back,
    )


def _read(
    desired: DesiredProvision, settings: Settings, clients: DoorClients, clock: Clock, identifiers: Sequence[str]
) -> Actual:
    role_id = settings.runner_role_id
    keys = [(records.INSTANCE, each) for each in identifiers]
    reports = list(signals.keys(role_id, identifiers)) if role_id else []
    read = items.by_key(clients.dynamodb, clock, names.table(desired.repository), [*keys, *reports])
    found = {key[1]: read[key] for key in keys if key in read}
    mine = {each: records.read_instance(item) for each, item in found.items() if _is_of(item, desired.label)}
    skew: timedelta = clients.skew()
    return Actual(
        settings=settings,
        machines=tuple(Labelled(label=desired.label, record=record) for record in mine.values()),
        recorded=frozenset(found),
        reports=signals.read_reports({key: read[key] for key in reports if key in read}),
        skew=skew,
    )


def _is_of(item: records.Item, label: str) -> bool:
    """Whether the machine has the label, or was released from it last."""
    run = records.text(item, "runId") or records.text(item, "lastRunId")
    return run == label and records.text(item, "state") != records.TERMINATED
