"""EC2: the launch template from whose `$Default` version provision launches every instance.

It is compared with what EC2 has, field by field, so an edit by hand is repaired. A new version is added before the
default moves to it, and nothing is deleted while it is the default, so a crash between the two calls leaves a template
that launches. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from attrs import evolve, field, frozen

from refresh import errors, names, records
from refresh.reconciler import launch_template_content as content
from refresh.reconciler.batches import batches
from refresh.reconciler.component import attempt
from refresh.report import Change, Difference, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import DescribeLaunchTemplateVersionsRequestTypeDef

    from refresh.desired import DesiredState
    from refresh.reconciler.metadata import Metadata
    from refresh.reconciler.runner_release import RunnerRelease
    from refresh.report import Outcome

VERSIONS_KEPT = 10
_PAGE = 200
_DELETED_PER_CALL = 200
_FORMER_IDS_KEPT = 20
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
    release: RunnerRelease


@frozen
class CreateTemplate(Change):
    """Create the template; its first version is the default."""

    noun: ClassVar[str] = "launch_template"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    sign: ClassVar[str] = "+"
    name: str
    fields: content.Fields
    payload: bytes = field(repr=False)

    @property
    def subject(self) -> str:
        return self.name

    @property
    def differences(self) -> tuple[Difference, ...]:
        return content.differences((), self.fields)


@frozen
class CreateVersion(Change):
    """Add a version; it launches nothing until the default is moved to it."""

    noun: ClassVar[str] = "template_version"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    sign: ClassVar[str] = "+"
    template_id: str
    latest: int
    before: content.Fields
    fields: content.Fields
    payload: bytes = field(repr=False)

    @property
    def subject(self) -> str:
        return f"of {self.template_id}"

    @property
    def note(self) -> str:
        return f"after version {self.latest}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return content.differences(self.before, self.fields)


@frozen
class SetDefaultVersion(Change):
    """Move `$Default` to a version that exists and is as desired."""

    noun: ClassVar[str] = "default_version"
    verb: ClassVar[str] = "set"
    done: ClassVar[str] = "set"
    template_id: str
    before: int | None
    version: int
    fields: tuple[Difference, ...] = field(default=(), eq=False)
    """What the one version has other than the other."""

    @property
    def subject(self) -> str:
        return f"of {self.template_id}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        before = None if self.before is None else str(self.before)
        return (Difference("default", before, str(self.version)), *self.fields)


@frozen
class RecordTemplate(Change):
    """Record the template for provision, with its id, its version and the ids it had before."""

    noun: ClassVar[str] = "template_record"
    verb: ClassVar[str] = "write"
    done: ClassVar[str] = "written"
    template_id: str
    version: int
    former_ids: tuple[str, ...]
    fields: content.Fields
    before: str | None = field(eq=False)

    @property
    def subject(self) -> str:
        return ""

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("template", self.before, f"{self.template_id} version {self.version}"),)


@frozen
class DeleteVersions(Change):
    """Prune old versions; EC2 keeps at most 10,000 of a template."""

    noun: ClassVar[str] = "template_versions"
    verb: ClassVar[str] = "delete"
    done: ClassVar[str] = "deleted"
    sign: ClassVar[str] = "-"
    template_id: str
    versions: tuple[int, ...]

    @property
    def subject(self) -> str:
        return f"{' '.join(map(str, self.versions))} of {self.template_id}"


TemplateChange = CreateTemplate | CreateVersion | SetDefaultVersion | RecordTemplate | DeleteVersions


def former_ids(recorded: Mapping[str, Any] | None, template_id: str) -> tuple[str, ...]:
    """List the ids that this pool's template had before `template_id`, the newest last."""
    value = records.mapping({"value": recorded}, "value")
    listed = value.get("formerIds", {}).get("L", [])
    known = [*(each.get("S", "") for each in listed), records.text(value, "id") or ""]
    return tuple(each for each in dict.fromkeys(known) if each and each != template_id)[-_FORMER_IDS_KEPT:]


def plan(desired: DesiredState, actual: Actual) -> Plan[TemplateChange]:
    """Plan the template one safe step at a time: version, then default, then record."""
    payload = content.desired_payload(desired, actual.release)
    fields = content.comparable(content.desired_data(desired, payload))
    listing = actual.listing
    if not listing.template_id:
        return Plan((CreateTemplate(names.launch_template(desired.repository), fields, payload),))
    default = listing.default
    if default is None or default.fields != fields:
        equal = next((version for version in listing.versions if version.fields == fields), None)
        if equal:
            number, present = (default.number, default.fields) if default else (None, ())
            differences = content.differences(present, equal.fields)
            return Plan((SetDefaultVersion(listing.template_id, number, equal.number, differences),))
        latest = max((version.number for version in listing.versions), default=0)
        before = default.fields if default else ()
        return Plan((CreateVersion(listing.template_id, latest, before, fields, payload),))
    record = RecordTemplate(
        listing.template_id,
        default.number,
        former_ids(actual.recorded, listing.template_id),
        fields,
        _recorded_summary(actual.recorded),
    )
    changes: list[TemplateChange] = []
    if actual.recorded != records.to_wire(record_value(desired, record)):
        changes.append(record)
    if old := _superfluous(listing):
        changes.append(DeleteVersions(listing.template_id, old))
    return Plan(tuple(changes))


def predict(desired: DesiredState, actual: Actual, changes: Sequence[TemplateChange]) -> Actual:
    """Tell which versions and what record there will be once these changes are made."""
    for change in changes:
        listing = actual.listing
        match change:
            case CreateTemplate():
                listing = Listing(_NEW_ID, (Version(1, default=True, fields=change.fields),))
            case CreateVersion():
                added = Version(change.latest + 1, default=False, fields=change.fields)
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
    """Give the METADATA value (contract: `launch_template`); user data itself is never stored."""
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


def list_versions(ec2: EC2Client, name: str) -> Listing:
    """Read all versions of the template in one listing: it serves the comparison and the pruning."""
    versions: list[Version] = []
    template_id = ""
    request: DescribeLaunchTemplateVersionsRequestTypeDef = {"LaunchTemplateName": name, "MaxResults": _PAGE}
    while True:
        try:
            page = ec2.describe_launch_template_versions(**request)
        except errors.NotFound:
            return Listing()
        for each in page["LaunchTemplateVersions"]:
            template_id = each.get("LaunchTemplateId", template_id)
            versions.append(
                Version(
                    each.get("VersionNumber", 0),
                    each.get("DefaultVersion", False),
                    content.comparable(each.get("LaunchTemplateData", {})),
                )
            )
        if not page.get("NextToken"):
            return Listing(template_id, tuple(sorted(versions, key=lambda version: -version.number)))
        request["NextToken"] = page["NextToken"]


@frozen
class LaunchTemplate:
    """Keeps the template as desired."""

    name: ClassVar[str] = "launch template"
    desired: DesiredState
    ec2: EC2Client
    metadata: Metadata
    listing: Callable[[], Listing]
    """Reads the listing; the first call gives the one that was begun at the start of the run."""
    release: Callable[[], RunnerRelease]
    """Waits for the runner release; raises where there is none."""

    def observe(self) -> Actual:
        """Read every version and the record, and wait for the runner release."""
        recorded = self.metadata.read(names.LAUNCH_TEMPLATE_IDENTIFIER).get("value")
        return Actual(self.listing(), recorded, self.release())

    def plan(self, actual: Actual, now: datetime) -> Plan[TemplateChange]:  # noqa: ARG002 - the protocol's shape
        """See the module's `plan`."""
        return plan(self.desired, actual)

    def predict(self, actual: Actual, changes: Sequence[TemplateChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See the module's `predict`."""
        return predict(self.desired, actual, changes)

    def apply(self, changes: Sequence[TemplateChange]) -> Iterator[Outcome]:
        """Make the changes in order."""
        for change in changes:
            match change:
                case CreateTemplate():
                    yield attempt(change, self._create, change)
                case CreateVersion():
                    yield attempt(change, self._create_version, change)
                case SetDefaultVersion():
                    yield attempt(
                        change,
                        self.ec2.modify_launch_template,
                        LaunchTemplateId=change.template_id,
                        DefaultVersion=str(change.version),
                    )
                case RecordTemplate():
                    value = record_value(self.desired, change)
                    yield attempt(change, self.metadata.write, names.LAUNCH_TEMPLATE_IDENTIFIER, value)
                case DeleteVersions():
                    yield attempt(change, self._delete_versions, change)
                case _:
                    assert_never(change)

    def _create(self, change: CreateTemplate) -> None:
        # Without a client token: the name is unique, so a repeated call cannot make a second one.
        self.ec2.create_launch_template(
            LaunchTemplateName=change.name, LaunchTemplateData=content.desired_data(self.desired, change.payload)
        )

    def _create_version(self, change: CreateVersion) -> None:
        token = json.dumps([change.template_id, change.latest, change.fields])
        self.ec2.create_launch_template_version(
            LaunchTemplateId=change.template_id,
            LaunchTemplateData=content.desired_data(self.desired, change.payload),
            # A repeated call gives the same version; content that returns after it was pruned gets a new one.
            ClientToken=content.digest(token),
        )

    def _delete_versions(self, change: DeleteVersions) -> None:
        for batch in batches(map(str, change.versions), _DELETED_PER_CALL):
            response = self.ec2.delete_launch_template_versions(LaunchTemplateId=change.template_id, Versions=batch)
            for refused in response.get("UnsuccessfullyDeletedLaunchTemplateVersions", []):
                problem = refused.get("ResponseError", {})
                raise errors.Rejected(
                    "ec2:DeleteLaunchTemplateVersions",
                    str(problem.get("Code", "Unknown")),
                    f"version {refused.get('VersionNumber')}: {problem.get('Message', '')}",
                )


def _superfluous(listing: Listing) -> tuple[int, ...]:
    return tuple(version.number for version in listing.versions[VERSIONS_KEPT:] if not version.default)


def _recorded_summary(recorded: Mapping[str, Any] | None) -> str | None:
    value = records.mapping({"value": recorded}, "value")
    if not value:
        return None
    return f"{records.text(value, 'id') or records.text(value, 'name')} version {records.number(value, 'version')}"
