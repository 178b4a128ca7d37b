"""EC2: the launch template from whose `$Default` version provision launches every instance.

It is compared with what EC2 has, field by field, so an edit by hand is repaired. A new version is added before the
default moves to it, and nothing is deleted while it is the default, so a crash between the two calls leaves a template
that launches. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from attrs import field, frozen

from refresh import errors, names, records, user_data
from refresh.reconciler.component import attempt
from refresh.report import Change, Difference, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import (
        DescribeLaunchTemplateVersionsRequestTypeDef,
        RequestLaunchTemplateDataTypeDef,
    )

    from refresh.desired import DesiredState
    from refresh.reconciler.metadata import Metadata
    from refresh.reconciler.runner_release import RunnerRelease
    from refresh.report import Outcome

VERSIONS_KEPT = 10
_PAGE = 200
_DELETED_PER_CALL = 200
_FORMER_IDS_KEPT = 20

Fields = tuple[tuple[str, str], ...]
"""A template's data as (name, comparable text), sorted by name."""


@frozen
class Version:
    """One version of the template as EC2 has it."""

    number: int
    default: bool
    fields: Fields


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
    name: str
    fields: Fields
    payload: bytes = field(repr=False)

    @property
    def subject(self) -> str:
        return self.name

    @property
    def differences(self) -> tuple[Difference, ...]:
        return differences((), self.fields)


@frozen
class CreateVersion(Change):
    """Add a version; it launches nothing until the default is moved to it."""

    noun: ClassVar[str] = "template_version"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    template_id: str
    latest: int
    before: Fields
    fields: Fields
    payload: bytes = field(repr=False)

    @property
    def subject(self) -> str:
        return f"after version {self.latest} of {self.template_id}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return differences(self.before, self.fields)


@frozen
class SetDefaultVersion(Change):
    """Move `$Default` to a version that exists and is as desired."""

    noun: ClassVar[str] = "default_version"
    verb: ClassVar[str] = "set"
    done: ClassVar[str] = "set"
    template_id: str
    before: int | None
    version: int

    @property
    def subject(self) -> str:
        return f"of {self.template_id}"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("default", None if self.before is None else str(self.before), str(self.version)),)


@frozen
class RecordTemplate(Change):
    """Record the template for provision, with its id, its version and the ids it had before."""

    noun: ClassVar[str] = "template_record"
    verb: ClassVar[str] = "write"
    done: ClassVar[str] = "written"
    template_id: str
    version: int
    former_ids: tuple[str, ...]
    fields: Fields
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
    template_id: str
    versions: tuple[int, ...]

    @property
    def subject(self) -> str:
        return f"{' '.join(map(str, self.versions))} of {self.template_id}"


TemplateChange = CreateTemplate | CreateVersion | SetDefaultVersion | RecordTemplate | DeleteVersions


def desired_data(desired: DesiredState, payload: bytes) -> RequestLaunchTemplateDataTypeDef:
    """Give the whole content of the template.

    It fixes neither instance type nor subnet (provision chooses both), exposes tags to the instance (the agent reads
    its run id there) and, with a hop limit of 1, keeps the instance role out of job containers.
    """
    profile = desired.instance_profile
    return {
        "ImageId": desired.image,
        "IamInstanceProfile": {"Arn": profile} if profile.startswith("arn:") else {"Name": profile},
        "SecurityGroupIds": list(desired.security_group_ids),
        "UserData": base64.b64encode(payload).decode(),
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": desired.metadata_hop_limit,
            "InstanceMetadataTags": "enabled",
        },
    }


def desired_payload(desired: DesiredState, release: RunnerRelease) -> bytes:
    """Render the user data."""
    return user_data.render(
        user_data.Settings(
            region=desired.region,
            table=names.table(desired.repository),
            runner_version=release.version,
            runner_url_x64=release.x64.url,
            runner_sha256_x64=release.x64.sha256,
            runner_url_arm64=release.arm64.url,
            runner_sha256_arm64=release.arm64.sha256,
            pre_runner_script=desired.pre_runner_script,
        )
    )


def comparable(data: Mapping[str, Any]) -> Fields:
    """Flatten template data so that equal templates are equal texts, whatever EC2 adds to its answer.

    Security groups are a set, user data is compared decoded, and what EC2 fills in by itself is left out. Every other
    field that is present counts: an instance type added by hand breaks provision's choice.
    """
    fields: dict[str, str] = {}
    for name, value in data.items():
        match name:
            case "SecurityGroupIds":
                fields[name] = " ".join(sorted(set(value)))
            case "UserData":
                fields[name] = _decoded(value)
            case "MetadataOptions":
                fields.update({f"{name}.{option}": str(each) for option, each in value.items() if option != "State"})
            case "IamInstanceProfile":
                fields.update({f"{name}.{kind}": str(each) for kind, each in value.items()})
            case _ if value not in ({}, [], None):
                fields[name] = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    if fields.get("MetadataOptions.HttpProtocolIpv6") == "disabled":
        del fields["MetadataOptions.HttpProtocolIpv6"]
    return tuple(sorted(fields.items()))


def differences(before: Fields, after: Fields) -> tuple[Difference, ...]:
    """List the fields that differ; user data as its size and hash."""
    old, new = dict(before), dict(after)
    return tuple(
        Difference(name, _summary(name, old.get(name)), _summary(name, new.get(name)))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def former_ids(recorded: Mapping[str, Any] | None, template_id: str) -> tuple[str, ...]:
    """List the ids that this pool's template had before `template_id`, the newest last."""
    value = records.mapping({"value": recorded}, "value")
    listed = value.get("formerIds", {}).get("L", [])
    known = [*(each.get("S", "") for each in listed), records.text(value, "id") or ""]
    return tuple(each for each in dict.fromkeys(known) if each and each != template_id)[-_FORMER_IDS_KEPT:]


def plan(desired: DesiredState, actual: Actual) -> Plan[TemplateChange]:
    """Plan the template one safe step at a time: version, then default, then record."""
    payload = desired_payload(desired, actual.release)
    fields = comparable(desired_data(desired, payload))
    listing = actual.listing
    if not listing.template_id:
        return Plan((CreateTemplate(names.launch_template(desired.repository), fields, payload),))
    default = listing.default
    if default is None or default.fields != fields:
        equal = next((version for version in listing.versions if version.fields == fields), None)
        if equal:
            return Plan((SetDefaultVersion(listing.template_id, default.number if default else None, equal.number),))
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


def record_value(desired: DesiredState, change: RecordTemplate) -> Mapping[str, object]:
    """Give the METADATA value (contract: `launch_template`); user data itself is never stored."""
    return {
        "name": names.launch_template(desired.repository),
        "ami": desired.image,
        "iamInstanceProfile": desired.instance_profile,
        "securityGroupIds": desired.security_group_ids,
        "userDataHash": _hash(dict(change.fields)["UserData"]),
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
                    comparable(each.get("LaunchTemplateData", {})),
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
            LaunchTemplateName=change.name, LaunchTemplateData=desired_data(self.desired, change.payload)
        )

    def _create_version(self, change: CreateVersion) -> None:
        content = json.dumps([change.template_id, change.latest, change.fields])
        self.ec2.create_launch_template_version(
            LaunchTemplateId=change.template_id,
            LaunchTemplateData=desired_data(self.desired, change.payload),
            # A repeated call gives the same version; content that returns after it was pruned gets a new one.
            ClientToken=_hash(content),
        )

    def _delete_versions(self, change: DeleteVersions) -> None:
        for start in range(0, len(change.versions), _DELETED_PER_CALL):
            batch = [str(number) for number in change.versions[start : start + _DELETED_PER_CALL]]
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


def _decoded(value: str) -> str:
    """Decode user data; what is no base64 or no text is compared as it is."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value


def _summary(name: str, value: str | None) -> str | None:
    if value is None or name != "UserData":
        return value
    return f"{len(value.encode())} bytes, sha256 {_hash(value)[:12]}"


def _recorded_summary(recorded: Mapping[str, Any] | None) -> str | None:
    value = records.mapping({"value": recorded}, "value")
    if not value:
        return None
    return f"{records.text(value, 'id') or records.text(value, 'name')} version {records.number(value, 'version')}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
