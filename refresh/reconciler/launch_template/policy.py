"""Which version has to launch, what is recorded of it and which versions may go; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, assert_never

from attrs import evolve, frozen

from refresh import errors
from refresh.engine import tagging
from refresh.engine.change import Plan
from refresh.engine.tagging import TagResource
from refresh.pool import names, ownership, records
from refresh.preflight.image_lookup import RootDevice
from refresh.reconciler.launch_template import content
from refresh.reconciler.launch_template.changes import (
    CreateTemplate,
    CreateVersion,
    DeleteVersions,
    RecordTemplate,
    SetDefaultVersion,
    TemplateChange,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.desired import DesiredState
    from refresh.reconciler.runner_release.releases import Release

VERSIONS_KEPT = 10
_NEW_ID = "(its new id)"
"""Stands for an id that EC2 has yet to give, where it is told what will follow."""


@frozen
class Version:
    """One version of the template as EC2 has it."""

    number: int
    default: bool
    fields: content.Fields


@frozen
class Listing:
    """Every version of the template, the newest first; no id and no versions while there is no template."""

    template_id: str = ""
    versions: tuple[Version, ...] = ()

    @property
    def default(self) -> Version | None:
        """The version that launches."""
        return next((version for version in self.versions if version.default), None)


@frozen
class Actual:
    """The template in EC2, its METADATA value as stored, and the runner release that it has to name."""

    listing: Listing
    recorded: Mapping[str, Any] | None
    release: Release
    root_device: RootDevice | None = None
    """None where the root volume is left as the image has it."""
    tags: tagging.Found = tagging.Found()  # noqa: RUF009 - it is frozen
    """Those of the template itself."""
    good: int | None = None
    """The version that this run created and EC2 found no fault with: the only one that may become the default."""
    fault: str = ""
    """What EC2 found wrong with the template, where this run created it; its first version is its default at once."""

    @property
    def proven(self) -> bool:
        """Whether EC2 is known to have found no fault with content that is as desired, or with an earlier default.

        A template is recorded only after that, and its default moves only to versions of which that is known.
        """
        recorded = records.text(records.mapping({"value": self.recorded}, "value"), "id")
        return self.good is not None or recorded == self.listing.template_id


def plan(desired: DesiredState, actual: Actual) -> Plan[TemplateChange]:
    """Plan the template one safe step at a time: version, then default, then record; its tags at any time."""
    _require_bootable(desired, actual.root_device)
    changes = _step(desired, actual)
    if not actual.listing.template_id:
        return Plan(changes)
    resource = f"launch template {names.launch_template(desired.repository)}"
    tags = tagging.due(resource, actual.listing.template_id, desired.tags, actual.tags)
    faults = (actual.fault,) if actual.fault else ()
    return Plan((*tags, *changes), refusals=(*faults, *tagging.refusals(resource, actual.tags)))


def _step(desired: DesiredState, actual: Actual) -> tuple[TemplateChange, ...]:
    """List the next changes to what launches and to its record."""
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
        if actual.good is not None:
            differences = content.differences(before, fields)
            if actual.good == number:
                raise errors.DidNotConverge(
                    f"launch template: EC2 shows version {number} other than it was sent "
                    f"({', '.join(each.name for each in differences)}). Report it with this line at {errors.ISSUES}."
                )
            return (SetDefaultVersion(listing.template_id, number, actual.good, differences),)
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


def predict(desired: DesiredState, actual: Actual, changes: Sequence[TemplateChange]) -> Actual:
    """Tell which versions and what record there will be once these changes are made."""
    for change in changes:
        listing = actual.listing
        match change:
            case CreateTemplate():
                listing = Listing(_NEW_ID, (Version(1, default=True, fields=change.fields),))
                actual = evolve(actual, tags=tagging.Found(change.tags), good=1)
            case TagResource(tags=tags):
                actual = evolve(actual, tags=actual.tags.after(tags))
            case CreateVersion():
                added = Version(change.latest + 1, default=False, fields=change.fields)
                actual = evolve(actual, good=added.number)
                listing = evolve(listing, versions=(added, *listing.versions))
            case SetDefaultVersion(version=version):
                versions = (evolve(each, default=each.number == version) for each in listing.versions)
                listing = evolve(listing, versions=tuple(versions))
            case RecordTemplate():
                actual = evolve(actual, recorded=records.to_wire(record_value(desired, change)))
            case DeleteVersions(versions=gone):
                versions = (each for each in listing.versions if each.number not in gone)
                listing = evolve(listing, versions=tuple(versions))
            case _:
                assert_never(change)
        actual = evolve(actual, listing=listing)
    return actual


def record_value(desired: DesiredState, change: RecordTemplate) -> Mapping[str, object]:
    """Give the METADATA value of `launch_template`, as docs/table.md has it; user data itself is never stored."""
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
    """Refuse a volume that the image does not fit on, or whose type lacks what the image asks for."""
    if desired.root_volume is None or root_device is None:
        return
    size, problem = desired.root_volume.size_gib, ""
    if size and size < root_device.size_gib:
        problem = (
            f"root-volume-size: {size} GiB, but {root_device.image} needs {root_device.size_gib} GiB; write a larger "
            "size, or leave it out"
        )
    elif desired.root_volume.type == "gp2" and root_device.provisioned:
        problem = f"root-volume-type: gp2 has no IOPS or throughput to set, as {root_device.image} does; write gp3"
    if problem:
        raise errors.Refused(f"{problem}. No instance could be launched, so the template was left as it is.")


def _superfluous(listing: Listing) -> tuple[int, ...]:
    return tuple(version.number for version in listing.versions[VERSIONS_KEPT:] if not version.default)


def _recorded_summary(recorded: Mapping[str, Any] | None) -> str | None:
    value = records.mapping({"value": recorded}, "value")
    if not value:
        return None
    return f"{records.text(value, 'id') or records.text(value, 'name')} version {records.number(value, 'version')}"
