"""What the SETTINGS item must say, and when it is written; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.engine.change import Plan
from refresh.pool import names, records
from refresh.pool.settings import Settings, classes_in, texts_in, to_value
from refresh.reconciler.door_settings.changes import WriteSettings
from refresh.text import enumerated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.desired import DesiredState
    from refresh.reconciler.door_settings.actual import Actual


def plan(desired: DesiredState, actual: Actual) -> Plan[WriteSettings]:
    """Plan a write if the stored form differs; raises `Blocked` if the table does not record enough of the pool."""
    wanted = projected(actual, original_modes=desired.original_modes)
    if actual.stored == records.to_wire(to_value(wanted)):
        return Plan()
    return Plan((WriteSettings(actual.stored, wanted),))


def projected(actual: Actual, *, original_modes: bool) -> Settings:
    """Return what the METADATA items say; raises `Blocked` if one that nobody can do without is not usable."""
    recorded = actual.recorded
    template = records.mapping(recorded, names.LAUNCH_TEMPLATE_IDENTIFIER)
    name, identifier = records.text(template, "name") or "", records.text(template, "id") or ""
    classes = classes_in(records.mapping(recorded, names.RESOURCE_CLASS_CONFIG_IDENTIFIER))
    subnets = texts_in(recorded.get(names.SUBNET_IDS_IDENTIFIER))
    idle = max(records.number(recorded, names.IDLE_TIME_IDENTIFIER) or 0, 0)
    runtime = max(records.number(recorded, names.MAX_RUNTIME_IDENTIFIER) or 0, 0)
    usable: dict[str, object] = {
        names.LAUNCH_TEMPLATE_IDENTIFIER: name and identifier,
        names.RESOURCE_CLASS_CONFIG_IDENTIFIER: classes,
        names.SUBNET_IDS_IDENTIFIER: subnets,
        names.IDLE_TIME_IDENTIFIER: idle,
        names.MAX_RUNTIME_IDENTIFIER: runtime,
    }
    if missing := [each for each, value in usable.items() if not value]:
        raise errors.Blocked(f"the table has no usable {enumerated(missing)} (see the errors above)")
    return Settings(
        classes=classes,
        subnet_ids=subnets,
        template_name=name,
        template_id=identifier,
        idle_time=timedelta(seconds=idle),
        max_runtime=timedelta(minutes=runtime),
        token_valid_until=records.read_time(actual.token_expires_at),
        original_modes=original_modes,
    )


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
