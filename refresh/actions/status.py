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

NO_POOL = "no pool: its state table does not exist; check the region, or run `refresh-action apply` to create it"


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

    @property
    def exists(self) -> bool:
        """Whether there is a pool."""
        return self.pool is not None

    def lines(self) -> Iterator[str]:
        """Yield the lines for a person."""
        yield f"{self.repository} in {self.region}, {records.wire_time(self.at)}"
        if self.pool is None:
            yield NO_POOL
            return
        yield f"{_template(self.pool)}; {_token(self.pool.token_expires_at, self.at)}"
        if self.unlisted:
            yield (
                f"EC2 did not list the pool's instances ({self.unlisted}), as happens while a zone is disrupted: "
                "instances without a record are missing here, and `unknown` means that EC2 gave no answer"
            )
        instances = self.pool.instances or ()
        yield f"{len(instances)} instance{'s' * (len(instances) != 1)}"
        if instances:
            yield ""
            yield from pool_table.aligned(pool_table.classes(instances, self.at))
            yield ""
            yield from pool_table.aligned(pool_table.each_instance(instances, self.at))

    def as_json(self) -> str:
        """Return one line for a program; the pool is as in the report, without the queues, which are not read."""
        pool = json_report.pool(self.pool) if self.pool else None
        fields: dict[str, Any] = {
            "repository": self.repository,
            "region": self.region,
            "at": records.wire_time(self.at),
            "unlisted": self.unlisted,
            "pool": {name: value for name, value in pool.items() if name != "queues"} if pool else None,
        }
        return json.dumps(fields, default=list)


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
