"""What the SETTINGS item must say, and when it is written; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.engine.change import Plan
from refresh.pool import names, records
from refresh.pool.settings import (
    MINUTE,
    ROLE_ID,
    SECOND,
    Settings,
    classes_in,
    duration_in,
    from_item,
    texts_in,
    to_value,
)
from refresh.reconciler.door_settings.changes import WriteSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.desired import DesiredState
    from refresh.reconciler.door_settings.actual import Actual

_UNKNOWN = Settings(
    repository="",
    server="",
    classes={},
    subnet_ids=(),
    template_name="",
    template_id="",
    idle_time=timedelta(),
    max_runtime=timedelta(),
    token_valid_until=None,
    original_modes=True,
)
"""Stands for SETTINGS before it is first written."""


def plan(desired: DesiredState, actual: Actual) -> Plan[WriteSettings]:
    """Plan a write if the stored form differs.

    Raises `Blocked` if the table does not record enough of the pool, and `Refused` if provision could not see what any
    instance reports.
    """
    wanted = projected(desired, actual)
    kept, unknown = wanted.runner_role_id, actual.role.unknown_because
    if not kept and not desired.original_modes:
        raise errors.Refused(
            "not written: provision could see no report of an instance, because the id of the runners' role is "
            f"unknown. {unknown}"
        )
    written = () if actual.stored == records.to_wire(to_value(wanted)) else (WriteSettings(actual.stored, wanted),)
    if not unknown:
        return Plan(written)
    if kept:
        return Plan(written, notes=(f"the id of the runners' role stays {kept}, since it was not read. {unknown}",))
    warning = (
        "the id of the runners' role is unknown, so provision believes heartbeats and signals that every instance of "
        f"the pool can write for the others. {unknown}"
    )
    return Plan(written, warnings=(warning,))


def projected(desired: DesiredState, actual: Actual) -> Settings:
    """Return what the METADATA items say; what they lack stays as SETTINGS has it.

    Raises `Blocked` if a required part is in neither.
    """
    recorded, known = actual.recorded, from_item({"value": actual.stored or {}}) or _UNKNOWN
    template = records.mapping(recorded, names.LAUNCH_TEMPLATE_IDENTIFIER)
    template_name, template_id = records.text(template, "name"), records.text(template, "id")
    version = records.number(template, "version")
    if not template_name or not template_id:
        template_name, template_id, version = known.template_name, known.template_id, known.template_version
    settings = Settings(
        repository=str(desired.repository),
        server=desired.github_server,
        classes=classes_in(records.mapping(recorded, names.RESOURCE_CLASS_CONFIG_IDENTIFIER)) or known.classes,
        subnet_ids=texts_in(recorded.get(names.SUBNET_IDS_IDENTIFIER)) or known.subnet_ids,
        template_name=template_name,
        template_id=template_id,
        idle_time=duration_in(recorded, names.IDLE_TIME_IDENTIFIER, SECOND) or known.idle_time,
        max_runtime=duration_in(recorded, names.MAX_RUNTIME_IDENTIFIER, MINUTE) or known.max_runtime,
        token_valid_until=records.read_time(actual.token_expires_at),
        template_version=version,
        max_instances=dict(desired.max_instances),
        original_modes=desired.original_modes,
        runner_role_id=actual.role.id or (known.runner_role_id if ROLE_ID.fullmatch(known.runner_role_id) else ""),
    )
    parts = {
        names.LAUNCH_TEMPLATE_IDENTIFIER: settings.template_id,
        names.RESOURCE_CLASS_CONFIG_IDENTIFIER: settings.classes,
        names.SUBNET_IDS_IDENTIFIER: settings.subnet_ids,
        names.IDLE_TIME_IDENTIFIER: settings.idle_time,
        names.MAX_RUNTIME_IDENTIFIER: settings.max_runtime,
    }
    if missing := [identifier for identifier, part in parts.items() if not part]:
        raise errors.Blocked(f"the table has no usable {', '.join(missing)} (see the errors above)")
    return settings


def unchanged(before: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the condition that the stored value still is the one that was compared."""
    names_used = {"ExpressionAttributeNames": {"#value": "value"}}
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(#value)", **names_used}
    return {
        "ConditionExpression": "#value = :before",
        **names_used,
        "ExpressionAttributeValues": {":before": before},
    }
