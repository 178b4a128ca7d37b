"""Which version must be the default, what is recorded about it and which versions are deleted; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.agent.user_data import stored_script
from refresh.engine import tagging
from refresh.engine.change import Plan
from refresh.pool import names, ownership, records
from refresh.reconciler.launch_template import content
from refresh.reconciler.launch_template.changes import (
    CreateTemplate,
    CreateVersion,
    DeleteVersions,
    RecordTemplate,
    SetDefaultVersion,
    StoreScript,
    TemplateChange,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.desired import DesiredState
    from refresh.preflight.image_lookup import RootDevice
    from refresh.reconciler.launch_template.actual import Actual, Listing

VERSIONS_KEPT = 10
TAKEN_OVER = (
    "original-modes: false, but the archived action has kept this pool until now. Its provision and release fail on "
    "instances that are launched from now on. Remove the input until all workflows have moved (docs/migrating.md)."
)


def plan(desired: DesiredState, actual: Actual) -> Plan[TemplateChange]:
    """Plan the template in safe steps: the script, the version, the default, the record; tags at any time."""
    _require_bootable(desired, actual.root_device)
    script = stored_script(desired.pre_runner_script)
    changes = _next_step(desired, actual)
    if script and script != actual.stored:
        # Instances of a version that names a script which is not stored would fail.
        changes = (StoreScript(script, actual.stored),)
    if not actual.listing.template_id:
        return Plan(changes)
    resource = f"launch template {names.launch_template(desired.repository)}"
    tags = tagging.due(resource, actual.listing.template_id, desired.tags, actual.tags)
    faults = (actual.fault,) if actual.fault else ()
    return Plan(
        (*tags, *changes),
        refusals=(*faults, *tagging.refusals(resource, actual.tags)),
        warnings=() if desired.original_modes or not actual.of_the_original else (TAKEN_OVER,),
    )


def _next_step(desired: DesiredState, actual: Actual) -> tuple[TemplateChange, ...]:
    """Return the next changes to versions, default and record."""
    data = content.desired_data(desired, actual.release, actual.root_device)
    fields = content.comparable(data)
    listing = actual.listing
    if not listing.template_id:
        return (CreateTemplate(names.launch_template(desired.repository), fields, data, desired.tags),)
    if actual.fault:
        return ()
    default = listing.default
    if default is None or default.fields != fields or not actual.proven:
        number, before = (default.number, default.fields) if default else (None, ())
        if actual.accepted is not None:
            differences = content.differences(before, fields)
            if actual.accepted == number:
                raise errors.DidNotConverge(
                    f"launch template: version {number} in EC2 differs from what was sent "
                    f"({', '.join(each.name for each in differences)}). Report it with this line at {errors.ISSUES}."
                )
            return (SetDefaultVersion(listing.template_id, number, actual.accepted, differences),)
        latest = max((version.number for version in listing.versions), default=0)
        return (CreateVersion(listing.template_id, latest, before, fields, data),)
    record = RecordTemplate(
        listing.template_id,
        default.number,
        ownership.former_ids(actual.recorded, listing.template_id),
        fields,
        _recorded_summary(actual.recorded),
    )
    changes: list[TemplateChange] = []
    if actual.recorded != records.to_wire(record_value(desired, record)):
        changes.append(record)
    if old := _superfluous(listing):
        changes.append(DeleteVersions(listing.template_id, old))
    return tuple(changes)


def record_value(desired: DesiredState, change: RecordTemplate) -> Mapping[str, object]:
    """Return the METADATA value of `launch_template`, as docs/table.md has it; user data itself is never stored."""
    return {
        "name": names.launch_template(desired.repository),
        "ami": desired.image,
        "iamInstanceProfile": desired.instance_profile,
        "securityGroupIds": desired.security_group_ids,
        "userDataHash": content.digest(dict(change.fields)["UserData"]),
        "userData": "",
        "userDataBase64": "",
        "id": change.template_id,
        "version": change.version,
        "formerIds": change.former_ids,
    }


def _require_bootable(desired: DesiredState, root_device: RootDevice | None) -> None:
    """Refuse a root volume that is smaller than the image, or whose type lacks what the image sets."""
    if desired.root_volume is None or root_device is None:
        return
    size, problem = desired.root_volume.size_gib, ""
    if size and size < root_device.size_gib:
        problem = (
            f"root-volume-size: {size} GiB, but {root_device.image} needs {root_device.size_gib} GiB; set a larger "
            "size, or leave it out"
        )
    elif desired.root_volume.type == "gp2" and root_device.provisioned:
        problem = f"root-volume-type: {root_device.image} sets IOPS or throughput, which gp2 does not have; use gp3"
    if problem:
        raise errors.Refused(f"{problem}. No instance could be launched, so the template was not changed.")


def _superfluous(listing: Listing) -> tuple[int, ...]:
    return tuple(version.number for version in listing.versions[VERSIONS_KEPT:] if not version.default)


def _recorded_summary(recorded: Mapping[str, Any] | None) -> str | None:
    value = records.mapping({"value": recorded}, "value")
    if not value:
        return None
    return f"{records.text(value, 'id') or records.text(value, 'name')} version {records.number(value, 'version')}"
