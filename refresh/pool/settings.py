"""The SETTINGS item: what `provision` and `release` need to know of the pool, written by refresh; no secret.

Their roles cannot read METADATA, where the registration token is. The form is that of docs/table.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from refresh.pool import records


@frozen(kw_only=True)
class ClassSettings:
    """A resource class: its size and the queue for the original's `provision`."""

    cpu: int
    memory_mib: int
    queue_url: str


@frozen(kw_only=True)
class Settings:
    """The pool as its doors see it."""

    classes: Mapping[str, ClassSettings]
    """By name."""
    subnet_ids: tuple[str, ...]
    template_name: str
    template_id: str
    idle_time: timedelta
    max_runtime: timedelta
    token_valid_until: datetime | None
    """Until when an instance can register; None if the pool has no registration token."""
    original_modes: bool
    """Whether the original action's `provision` and `release` still work with this pool."""


def to_value(settings: Settings) -> dict[str, object]:
    """Return the value of the item."""
    return {
        "classes": {
            name: {"cpu": each.cpu, "mmem": each.memory_mib, "queueUrl": each.queue_url}
            for name, each in settings.classes.items()
        },
        "subnetIds": settings.subnet_ids,
        "templateName": settings.template_name,
        "templateId": settings.template_id,
        "idleTimeSec": int(settings.idle_time.total_seconds()),
        "maxRuntimeMin": int(settings.max_runtime.total_seconds() // 60),
        "tokenValidUntil": records.wire_time(settings.token_valid_until) if settings.token_valid_until else "",
        "originalModes": settings.original_modes,
    }


def from_item(item: Mapping[str, Any]) -> Settings | None:
    """Read the item; None if there is none or its form is another."""
    value = records.mapping(item, "value")
    idle, runtime = records.number(value, "idleTimeSec"), records.number(value, "maxRuntimeMin")
    name, identifier = records.text(value, "templateName"), records.text(value, "templateId")
    if not idle or not runtime or not name or not identifier:
        return None
    return Settings(
        classes={name: _class(each) for name, each in _members(value, "classes") if records.text(each, "queueUrl")},
        subnet_ids=tuple(each.get("S", "") for each in value.get("subnetIds", {}).get("L", [])),
        template_name=name,
        template_id=identifier,
        idle_time=timedelta(seconds=idle),
        max_runtime=timedelta(minutes=runtime),
        token_valid_until=records.read_time(records.text(value, "tokenValidUntil") or ""),
        original_modes=value.get("originalModes", {}).get("BOOL") is not False,
    )


def _members(value: Mapping[str, Any], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(key, records.mapping({"value": each}, "value")) for key, each in records.mapping(value, name).items()]


def _class(value: Mapping[str, Any]) -> ClassSettings:
    return ClassSettings(
        cpu=records.number(value, "cpu") or 0,
        memory_mib=records.number(value, "mmem") or 0,
        queue_url=records.text(value, "queueUrl") or "",
    )
