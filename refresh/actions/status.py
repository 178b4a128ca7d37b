"""`refresh-action status`: shows the current pool and writes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from refresh.output import json_report, pool_table
from refresh.pool import names, records
from refresh.pool.snapshot import PoolSnapshot
from refresh.reconciler import prefetch
from refresh.reconciler.garbage_collector import observe
from refresh.reconciler.snapshot import pool_snapshot
from refresh.text import lasting, relative

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.ports import Clients, Clock


@frozen
class Look:
    """The pool at one moment."""

    repository: str
    region: str
    at: datetime
    pool: PoolSnapshot | None
    """None if the state table does not exist."""
    unlisted: str | None = None
    """The operation and the error code if EC2 refused to list the instances, otherwise None."""


def look(desired: DesiredState, clients: Clients, clock: Clock, executor: Executor) -> Look:
    """Read the pool, in five calls unless a list has a second page."""
    first = prefetch.start(desired, clients, clock, executor)
    at, repository = first.began_at, str(desired.repository)
    if first.table() is None:
        return Look(repository, desired.region, at, None)
    table, template = names.table(desired.repository), names.launch_template(desired.repository)
    collected = observe.observe(clients.ec2, clients.dynamodb, table, template, first.launched())
    versions = first.versions()
    token = records.mapping(first.metadata.first(names.REGISTRATION_TOKEN_IDENTIFIER), "value")
    pool = evolve(
        pool_snapshot(None, None, None, collected),
        template_id=prefetch.template_id(versions),
        template_version=next((each["VersionNumber"] for each in versions if each.get("DefaultVersion")), None),
        token_expires_at=records.read_time(records.text(token, "expires_at") or ""),
    )
    unlisted = f"{collected.unlisted.operation}: {collected.unlisted.code}" if collected.unlisted else None
    return Look(repository, desired.region, at, pool, unlisted)


def lines(found: Look) -> Iterator[str]:
    """Yield the lines for a person."""
    yield f"{found.repository} in {found.region}, {records.wire_time(found.at)}"
    if found.pool is None:
        yield "no pool: its state table does not exist; check the region, or run `refresh-action apply` to create it"
        return
    yield f"{_template(found.pool)}; {_token(found.pool.token_expires_at, found.at)}"
    if found.unlisted:
        yield (
            f"EC2 did not list the pool's instances ({found.unlisted}), as happens while a zone is disrupted: "
            "instances without a record are missing here, and `unknown` means that EC2 gave no answer"
        )
    instances = found.pool.instances or ()
    yield f"{len(instances)} instance{'s' * (len(instances) != 1)}"
    if instances:
        yield ""
        yield from _aligned(pool_table.classes(instances, found.at))
        yield ""
        yield from _aligned(pool_table.each_instance(instances, found.at))


def as_json(found: Look) -> str:
    """Return one line for a program; the pool is as in the report, without the queues, which are not read."""
    pool = json_report.pool(found.pool) if found.pool else None
    fields: dict[str, Any] = {
        "repository": found.repository,
        "region": found.region,
        "at": records.wire_time(found.at),
        "unlisted": found.unlisted,
        "pool": {name: value for name, value in pool.items() if name != "queues"} if pool else None,
    }
    return json.dumps(fields, default=list)


def _template(pool: PoolSnapshot) -> str:
    if not pool.template_id:
        return "no launch template"
    return f"launch template {pool.template_id}, version {pool.template_version}"


def _token(expires_at: datetime | None, now: datetime) -> str:
    if expires_at is None:
        return "no registration token"
    if expires_at <= now:
        return f"registration token expired {relative(expires_at, now)}"
    return f"registration token has {lasting(expires_at - now)} left"


def _aligned(table: pool_table.Table) -> Iterator[str]:
    """Align the cells of a table in columns."""
    rows = (table.header, *table.rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.ljust(width) if number < table.numeric else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
