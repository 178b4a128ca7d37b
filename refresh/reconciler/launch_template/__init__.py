"""EC2: the launch template from whose `$Default` version provision launches every instance.

It is compared with what EC2 has, field by field, so an edit by hand is repaired. A new version is added before the
default moves to it, and nothing is deleted while it is the default, so a crash between the two calls leaves a template
that launches. What is wrong with a version AWS says once, as it is made: such a version is deleted at once, so that no
later run takes it for a good one, and each run asks again. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html
"""

from __future__ import annotations

import json
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, assert_never

from attrs import field, frozen

from refresh import errors, names, records
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
_FIRST_VERSION = 1


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
    faulty: dict[int, str] = field(factory=dict, init=False, eq=False)
    """Versions of which AWS said in this run that nothing can be launched from them, with its words."""
    good: set[int] = field(factory=set, init=False, eq=False)
    """Versions with which AWS found no fault in this run."""
    token: str = field(factory=partial(secrets.token_hex, 8), init=False, eq=False)
    """Of this run: with one that AWS has answered before, it would not judge anew."""

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
            dict(self.faulty),
            unproven=self._unproven(shown, recorded),
        )

    def _unproven(self, shown: Listing, recorded: Any) -> bool:
        known_as = records.text(records.mapping({"value": recorded}, "value"), "id")
        alone = [each.number for each in shown.versions] == [_FIRST_VERSION]
        return alone and known_as != shown.template_id and _FIRST_VERSION not in self.good

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
        if fault := _fault(self.ec2.create_launch_template(**request)):
            remedy = (
                "The template is there, and not recorded, so provision does not use it. Correct what AWS names; the "
                "next run adds a version and tries again."
            )
            # The template is there, so its creation has not failed; see `policy.plan`.
            self.faulty[_FIRST_VERSION] = str(errors.Rejected("ec2:CreateLaunchTemplate", *fault, remedy=remedy))
            return
        self.good.add(_FIRST_VERSION)

    def _create_version(self, change: CreateVersion) -> None:
        token = json.dumps([self.token, change.template_id, change.latest, change.fields])
        response = self.ec2.create_launch_template_version(
            LaunchTemplateId=change.template_id,
            LaunchTemplateData=change.data,
            # A repeated call gives the same version; content that returns after it was pruned gets a new one.
            ClientToken=content.digest(token),
        )
        if fault := _fault(response):
            number = response["LaunchTemplateVersion"]["VersionNumber"]
            self.faulty[number] = fault[1]
            remedy = "The default was left as it is. Correct what AWS names; the next run tries again."
            try:
                self._delete_versions(DeleteVersions(change.template_id, (number,)))
            except errors.ApiError as error:
                remedy += f" Delete version {number} before that, or it becomes the default: {error}"
            raise errors.Rejected("ec2:CreateLaunchTemplateVersion", *fault, remedy=remedy)

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
