"""EC2: the launch template from whose `$Default` version provision launches every instance.

It is compared with what EC2 has, field by field, so an edit by hand is repaired. A new version is added before the
default moves to it, and nothing is deleted while it is the default, so a crash between the two calls leaves a template
that launches. EC2 reports what is wrong with a version only in its answer to the call that creates it. So the default
moves only to a version that this run created and EC2 found no fault with, never to one that it finds: whoever created
that one may have died with EC2's answer (docs/decisions/0018-the-default-is-judged-in-its-own-run.md). https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from attrs import field, frozen

from refresh import errors
from refresh.engine import tagging
from refresh.engine.change import Plan
from refresh.engine.component import attempt
from refresh.engine.tagging import TagResource
from refresh.pool import names
from refresh.pool.batches import batches
from refresh.reconciler.launch_template import content, policy
from refresh.reconciler.launch_template.changes import (
    CreateTemplate,
    CreateVersion,
    DeleteVersions,
    RecordTemplate,
    SetDefaultVersion,
    TemplateChange,
)
from refresh.reconciler.launch_template.policy import Actual, Listing, Version
from refresh.reconciler.prefetch import template_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import CreateLaunchTemplateRequestTypeDef, LaunchTemplateVersionTypeDef

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome
    from refresh.engine.shared_read import SharedRead
    from refresh.preflight.image_lookup import RootDevice
    from refresh.reconciler.runner_release.releases import Release

_DELETED_PER_CALL = 200
_FIRST_VERSION = 1
_CREATED_AT_MOST = 3
"""Versions that one change creates while each answer is that to a repeated request."""


def listing(versions: Sequence[LaunchTemplateVersionTypeDef]) -> Listing:
    """Read versions as EC2 gives them into what is compared, the newest first."""
    read = (
        Version(
            each.get("VersionNumber", 0),
            each.get("DefaultVersion", False),
            content.comparable(each.get("LaunchTemplateData", {})),
        )
        for each in versions
    )
    return Listing(template_id(versions), tuple(sorted(read, key=lambda version: -version.number)))


@frozen
class LaunchTemplate:
    """Keeps the template as desired."""

    name: ClassVar[str] = "launch template"
    desired: DesiredState
    ec2: EC2Client
    metadata: MetadataItems
    versions: SharedRead[list[LaunchTemplateVersionTypeDef]]
    """Reads every version of the template."""
    release: Callable[[], Release]
    """Waits for the runner release; raises where there is none."""
    root_device: Callable[[], RootDevice | None]
    """Waits for the image's root device; None where the root volume is left as the image has it."""
    good: dict[str, int] = field(factory=dict, init=False, eq=False)
    """The version that this run created and EC2 found no fault with, by the template's id."""
    faults: dict[str, str] = field(factory=dict, init=False, eq=False)
    """What EC2 found wrong with a template that this run created, by its id."""

    def observe(self) -> Actual:
        """Read every version, the record and the template's tags, and wait for the runner release and the image."""
        recorded = self.metadata.read(names.LAUNCH_TEMPLATE_IDENTIFIER).get("value")
        tags = tagging.look(self.desired.tags, self._tags)
        shown = listing(self.versions())
        return Actual(
            shown,
            recorded,
            self.release(),
            self.root_device(),
            tags,
            good=self.good.get(shown.template_id),
            fault=self.faults.get(shown.template_id, ""),
        )

    def plan(self, actual: Actual, now: datetime) -> Plan[TemplateChange]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`."""
        return policy.plan(self.desired, actual)

    def predict(self, actual: Actual, changes: Sequence[TemplateChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `policy.predict`."""
        return policy.predict(self.desired, actual, changes)

    def apply(self, changes: Sequence[TemplateChange]) -> Iterator[Outcome]:
        """Make the changes in order."""
        for change in changes:
            if not isinstance(change, RecordTemplate | TagResource):
                self.versions.invalidate()
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
                    value = policy.record_value(self.desired, change)
                    yield attempt(change, self.metadata.write, names.LAUNCH_TEMPLATE_IDENTIFIER, value)
                case DeleteVersions():
                    yield attempt(change, self._delete_versions, change)
                case TagResource(address=template_id, tags=tags):
                    yield attempt(change, self.ec2.create_tags, Resources=[template_id], Tags=tagging.written(tags))
                case _:
                    assert_never(change)

    def _tags(self) -> Mapping[str, str]:
        """Read the template's own tags."""
        name = names.launch_template(self.desired.repository)
        found = self.ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"]
        return tagging.by_key(tag for template in found for tag in template.get("Tags", []))

    def _create(self, change: CreateTemplate) -> None:
        request: CreateLaunchTemplateRequestTypeDef = {
            "LaunchTemplateName": change.name,
            "LaunchTemplateData": change.data,
        }
        # Tagged as it is made: organisations deny to make what is untagged.
        if change.tags:
            tags = tagging.written(change.tags)
            request["TagSpecifications"] = [{"ResourceType": "launch-template", "Tags": tags}]
        response = self.ec2.create_launch_template(**request)
        template_id = response["LaunchTemplate"]["LaunchTemplateId"]
        if fault := _fault(response):
            remedy = (
                "The template is there, and not recorded, so provision does not use it. Correct what AWS names; the "
                "next run adds a version and tries again."
            )
            # The template is there, so its creation has not failed; see `policy.plan`.
            self.faults[template_id] = str(errors.Rejected("ec2:CreateLaunchTemplate", *fault, remedy=remedy))
        elif not _repeated(response):
            self.good[template_id] = _FIRST_VERSION

    def _create_version(self, change: CreateVersion) -> None:
        operation = "ec2:CreateLaunchTemplateVersion"
        for _ in range(_CREATED_AT_MOST):
            # Each call has a client token of its own, which botocore adds.
            response = self.ec2.create_launch_template_version(
                LaunchTemplateId=change.template_id, LaunchTemplateData=change.data
            )
            number = response["LaunchTemplateVersion"]["VersionNumber"]
            if fault := _fault(response):
                remedy = "The default was left as it is. Correct what AWS names; the next run tries again."
                try:
                    self._delete_versions(DeleteVersions(change.template_id, (number,)))
                except errors.ApiError as error:
                    remedy += f" Version {number} could not be deleted, and does not become the default: {error}"
                raise errors.Rejected(operation, *fault, remedy=remedy)
            if not _repeated(response):
                self.good[change.template_id] = number
                return
        raise errors.Unavailable(
            operation,
            "AnswerLost",
            "EC2 answered only repeated requests, and may leave out of such an answer what is wrong with the version",
            remedy="The default was left as it is. The next run tries again.",
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


def _fault(response: Mapping[str, Any]) -> tuple[str, str] | None:
    """Read what AWS says is wrong with a version that it has made, as a code and words; None where nothing is.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ValidationWarning.html
    """
    found = response.get("Warning", {}).get("Errors", [])
    if not found:
        return None
    words = "; ".join(f"{each.get('Code', 'Unknown')}: {each.get('Message', '')}" for each in found[1:])
    first = str(found[0].get("Message", ""))
    return str(found[0].get("Code", "Unknown")), f"{first} {words}".strip()


def _repeated(response: Mapping[str, Any]) -> bool:
    """Whether the client sent the request again; EC2 documents no warnings for a repeat of one that succeeded."""
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts"))
