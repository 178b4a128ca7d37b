"""The SETTINGS item: what `provision` and `release` need to know of the pool, written by refresh; no secret.

Their roles cannot read METADATA, where the registration token is. The form is that of docs/table.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from refresh.pool import records

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_LONGEST = timedelta(days=366)
ROLE_ID = re.compile(r"AROA[A-Z0-9]{12,124}")
"""The unique id of a role in IAM.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""


@frozen(kw_only=True)
class ClassSettings:
    """A resource class: its size and the queue for the original's `provision`."""

    cpu: int
    memory_mib: int
    queue_url: str


@frozen(kw_only=True)
class Settings:
    """The pool as its doors see it."""

    repository: str
    """The repository that has the pool, `owner/name`: `a-b/c` and `a/b-c` have tables of the same name."""
    server: str
    """The GitHub server of the repository, `github.com` for example."""
    classes: Mapping[str, ClassSettings]
    """By name."""
    subnet_ids: tuple[str, ...]
    template_name: str
    template_id: str
    idle_time: timedelta
    max_runtime: timedelta
    token_valid_until: datetime | None
    """Until when an instance can register; None if the pool has no registration token."""
    template_version: int | None = None
    """The template's default version, which new machines are launched from; None if refresh has not recorded it."""
    max_instances: Mapping[str, int] = field(factory=dict)
    """By resource class, how many machines the pool may have at most; a class without an entry has no limit."""
    original_modes: bool
    """Whether the original action's `provision` and `release` still work with this pool."""
    runner_role_id: str = ""
    """The unique id of the role that instances have, `AROA...`, which the keys of their reports have; "" if unknown."""


def to_value(settings: Settings) -> dict[str, object]:
    """Return the value of the item."""
    version = {} if settings.template_version is None else {"templateVersion": settings.template_version}
    return {
        "repository": settings.repository,
        "server": settings.server,
        "classes": {
            name: {"cpu": each.cpu, "mmem": each.memory_mib, "queueUrl": each.queue_url}
            for name, each in settings.classes.items()
        },
        "subnetIds": settings.subnet_ids,
        "templateName": settings.template_name,
        "templateId": settings.template_id,
        **version,
        "idleTimeSec": settings.idle_time // SECOND,
        "maxRuntimeMin": settings.max_runtime // MINUTE,
        "tokenValidUntil": records.wire_time(settings.token_valid_until) if settings.token_valid_until else "",
        "maxInstances": settings.max_instances,
        "originalModes": settings.original_modes,
        **({"runnerRoleId": settings.runner_role_id} if settings.runner_role_id else {}),
    }


def from_item(item: Mapping[str, Any]) -> Settings | None:
    """Read the item; None if there is none or it names no template or time."""
    value = records.mapping(item, "value")
    idle, runtime = duration_in(value, "idleTimeSec", SECOND), duration_in(value, "maxRuntimeMin", MINUTE)
    name, identifier = records.text(value, "templateName"), records.text(value, "templateId")
    if not (idle and runtime and name and identifier):
        return None
    return Settings(
        repository=records.text(value, "repository") or "",
        server=records.text(value, "server") or "",
        classes=classes_in(records.mapping(value, "classes")),
        subnet_ids=texts_in(value.get("subnetIds")),
        template_name=name,
        template_id=identifier,
        idle_time=idle,
        max_runtime=runtime,
        token_valid_until=records.read_time(records.text(value, "tokenValidUntil") or ""),
        template_version=records.number(value, "templateVersion"),
        max_instances=_limits(records.mapping(value, "maxInstances")),
        original_modes=records.truth(value, "originalModes") is not False,
        runner_role_id=records.text(value, "runnerRoleId") or "",
    )


def classes_in(members: Mapping[str, Any]) -> dict[str, ClassSettings]:
    """Read resource classes, as METADATA has them too; one without its size or its queue is left out."""
    entries = {name: records.mapping(members, name) for name in members}
    read = {name: _class(each) for name, each in entries.items()}
    return {name: each for name, each in read.items() if each is not None}


def texts_in(wire: Any) -> tuple[str, ...]:
    """Read a list of strings; empty if it is of another type or has another member."""
    members = wire.get("L") if isinstance(wire, Mapping) else None
    if not isinstance(members, list):
        return ()
    read = tuple(records.text({"member": each}, "member") or "" for each in members)
    return read if all(read) else ()


def duration_in(value: Mapping[str, Any], name: str, unit: timedelta) -> timedelta:
    """Read a duration; none at all if it is absent, unreadable, negative or longer than any pool has."""
    number = records.number(value, name) or 0
    return number * unit if 0 < number <= _LONGEST // unit else timedelta()


def _limits(members: Mapping[str, Any]) -> dict[str, int]:
    """Read limits by resource class; one that is no number of machines is left out."""
    read = {name: records.number(members, name) for name in members}
    return {name: each for name, each in read.items() if each is not None and each >= 0}


def _class(value: Mapping[str, Any]) -> ClassSettings | None:
    cpu, memory, url = records.number(value, "cpu"), records.number(value, "mmem"), records.text(value, "queueUrl")
    return ClassSettings(cpu=cpu, memory_mib=memory, queue_url=url) if cpu and memory and url else None
