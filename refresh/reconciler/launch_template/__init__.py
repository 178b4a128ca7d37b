"""EC2: the launch template from whose `$Default` version provision launches every instance.

It is compared with what EC2 has, field by field, so an edit by hand is repaired. A new version is added before the
default moves to it, and nothing is deleted while it is the default, so a crash between the two calls leaves a template
that launches. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar, assert_never

from attrs import frozen

from refresh import errors, names
from refresh.reconciler import tagging
from refresh.reconciler.batches import batches
from refresh.reconciler.component import attempt
from refresh.reconciler.first_look import template_id
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
from refresh.reconciler.tagging import TagResource
from refresh.report import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import CreateLaunchTemplateRequestTypeDef, LaunchTemplateVersionTypeDef

    from refresh.desired import DesiredState
    from refresh.reconciler.early import Early
    from refresh.reconciler.launch_template.image import RootDevice
    from refresh.reconciler.metadata import Metadata
    from refresh.reconciler.runner_release.releases import Release
    from refresh.report import Outcome

_DELETED_PER_CALL = 200


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
    metadata: Metadata
    versions: Early[list[LaunchTemplateVersionTypeDef]]
    """Reads every version of the template."""
    release: Callable[[], Release]
    """Waits for the runner release; raises where there is none."""
    root_device: Callable[[], RootDevice | None]
    """Waits for the image's root device; None where the root volume is left as the image has it."""

    def observe(self) -> Actual:
        """Read every version, the record and the template's tags, and wait for the runner release and the image."""
        recorded = self.metadata.read(names.LAUNCH_TEMPLATE_IDENTIFIER).get("value")
        tags = tagging.look(self.desired.tags, self._tags)
        return Actual(listing(self.versions()), recorded, self.release(), self.root_device(), tags)

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
                self.versions.outdated()
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
        # Without a client token: the name is unique, so a repeated call cannot make a second one.
        request: CreateLaunchTemplateRequestTypeDef = {
            "LaunchTemplateName": change.name,
            "LaunchTemplateData": change.data,
        }
        # Tagged as it is made: organisations deny to make what is untagged.
        if change.tags:
            tags = tagging.written(change.tags)
            request["TagSpecifications"] = [{"ResourceType": "launch-template", "Tags": tags}]
        self.ec2.create_launch_template(**request)

    def _create_version(self, change: CreateVersion) -> None:
        token = json.dumps([change.template_id, change.latest, change.fields])
        self.ec2.create_launch_template_version(
            LaunchTemplateId=change.template_id,
            LaunchTemplateData=change.data,
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
