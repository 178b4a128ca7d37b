"""What SETTINGS repeats: METADATA items, in mode plan as other components will write them, and the instances' role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.desired import REGISTRATION_TOKEN_LIFE
from refresh.pool import names, records
from refresh.pool.settings import ROLE_ID
from refresh.preflight import policy as preflight_policy
from refresh.reconciler.door_settings.actual import Actual, RunnerRole
from refresh.reconciler.launch_template import policy as template_policy
from refresh.reconciler.launch_template.changes import RecordTemplate
from refresh.reconciler.parameters.changes import WriteParameter
from refresh.reconciler.registration_token.changes import ReplaceToken
from refresh.reconciler.resource_pools import policy as pools_policy
from refresh.reconciler.resource_pools.changes import RecordPools

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.report import ComponentReport
    from refresh.preflight.policy import Read
    from refresh.preflight.profile_lookup import Profile

REPEATED = (
    names.LAUNCH_TEMPLATE_IDENTIFIER,
    names.RESOURCE_CLASS_CONFIG_IDENTIFIER,
    names.SUBNET_IDS_IDENTIFIER,
    names.IDLE_TIME_IDENTIFIER,
    names.MAX_RUNTIME_IDENTIFIER,
)
_TOKEN = names.REGISTRATION_TOKEN_IDENTIFIER


def observe(metadata: MetadataItems, due: Mapping[str, Any], role: RunnerRole) -> Actual:
    """Read the items; a value in `due` stands for the stored one. Of the token only its expiry is kept."""
    values = {identifier: due.get(identifier, metadata.read(identifier).get("value")) for identifier in REPEATED}
    token = records.mapping({"value": due[_TOKEN]} if _TOKEN in due else metadata.read(_TOKEN), "value")
    usable = _TOKEN in due or records.text(token, "token")
    return Actual(
        {identifier: value for identifier, value in values.items() if value is not None},
        (records.text(token, "expires_at") or "") if usable else "",
        metadata.read(names.SETTINGS_IDENTIFIER, records.SETTINGS).get("value"),
        role,
    )


def runner_role(desired: DesiredState, found: Read[Profile]) -> RunnerRole:
    """Return the role in the instance profile, or why it is unknown."""
    if isinstance(found, errors.ApiError):
        return RunnerRole(unknown_because=f"iam-instance-profile: {found}")
    if wrong := preflight_policy.without_role(desired, found):
        return RunnerRole(unknown_because=wrong)
    if not ROLE_ID.fullmatch(found.role_id):
        problem = f"IAM gave {found.roles[0]}, the role in {desired.instance_profile}, no id of the form AROA..."
        return RunnerRole(unknown_because=f"iam-instance-profile: {problem}; the next run asks again.")
    return RunnerRole(found.role_id)


def due(desired: DesiredState, reports: Iterable[ComponentReport], now: datetime) -> dict[str, Any]:
    """Return the METADATA values that planned changes will write, by identifier; none in mode apply.

    A component that ended with an error would not make its changes.
    """
    values: dict[str, Any] = {}
    planning = (report for report in reports if report.planning and report.error is None)
    for change in (each for report in planning for each in (*report.planned, *report.following)):
        match change:
            case RecordTemplate():
                value = template_policy.record_value(desired, change)
                values[names.LAUNCH_TEMPLATE_IDENTIFIER] = records.to_wire(value)
            case RecordPools(pools=pools):
                values[names.RESOURCE_CLASS_CONFIG_IDENTIFIER] = records.to_wire(pools_policy.config(pools))
            case WriteParameter(identifier=identifier, value=parameter):
                values[identifier] = records.to_wire(parameter)
            case ReplaceToken():
                expires_at = records.wire_time(now + REGISTRATION_TOKEN_LIFE)
                values[_TOKEN] = records.to_wire({"expires_at": expires_at})
            case _:
                pass
    return values
