"""EC2: the launch template from whose `$Default` version provision launches every instance.

It is compared with what EC2 has, field by field, so an edit by hand is repaired. A new version is created before it
becomes the default, and the default is never deleted: a crash between two calls leaves a template that launches.

EC2 reports what is wrong with a version only in its answer to the call that creates it. So only a version that this run
created, and in which EC2 found no fault, becomes the default. A version that the run finds never does: the run that
created it may have ended before it read EC2's answer (docs/decisions/0018-the-default-is-judged-in-its-own-run.md).
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, assert_never

from attrs import field, frozen

from refresh.engine import tagging
from refresh.engine.component import attempt
from refresh.engine.registration import Item, Registration
from refresh.engine.tagging import TagResource
from refresh.pool import names
from refresh.pool.permissions import EC2, IMAGE_PARAMETER, LAUNCH_TEMPLATES, RUNNER_ROLE, Needs
from refresh.reconciler.launch_template import apply, observe, policy, predict
from refresh.reconciler.launch_template.actual import Actual, Verdicts
from refresh.reconciler.launch_template.changes import (
    CreateTemplate,
    CreateVersion,
    DeleteVersions,
    RecordTemplate,
    SetDefaultVersion,
    StoreScript,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import LaunchTemplateVersionTypeDef

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome, Plan
    from refresh.engine.shared_read import SharedRead
    from refresh.preflight.image_lookup import RootDevice
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.launch_template.changes import TemplateChange
    from refresh.reconciler.runner_release.releases import Release


@frozen
class LaunchTemplate:
    """Keeps the template as desired."""

    name: ClassVar[str] = "launch template"
    desired: DesiredState
    ec2: EC2Client
    metadata: MetadataItems
    versions: SharedRead[list[LaunchTemplateVersionTypeDef]]
    """Every version of the template."""
    release: Callable[[], Release]
    """Waits for the runner release; raises if none is known."""
    root_device: Callable[[], RootDevice | None]
    """Waits for the image's root device; None if the root volume stays as the image has it."""
    verdicts: Verdicts = field(factory=Verdicts, init=False, eq=False)

    def observe(self) -> Actual:
        """Read versions, record and tags, and wait for the runner release and the image."""
        recorded = self.metadata.read(names.LAUNCH_TEMPLATE_IDENTIFIER).get("value")
        tags = observe.tags(self.ec2, self.desired)
        listing = observe.listing(self.versions())
        return Actual(
            listing,
            recorded,
            self.release(),
            self.root_device(),
            tags,
            accepted=self.verdicts.accepted.get(listing.template_id),
            fault=self.verdicts.faults.get(listing.template_id, ""),
            stored=observe.stored(self.metadata, self.desired),
        )

    def plan(self, actual: Actual, now: datetime) -> Plan[TemplateChange]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`."""
        return policy.plan(self.desired, actual)

    def apply(self, changes: Sequence[TemplateChange]) -> Iterator[Outcome]:
        """Make the changes in order."""
        for change in changes:
            if not isinstance(change, StoreScript | RecordTemplate | TagResource):
                self.versions.invalidate()
            match change:
                case StoreScript(script=script):
                    yield attempt(change, self.metadata.write, script.identifier, script.text)
                case CreateTemplate():
                    yield attempt(change, apply.create, change, self.ec2, self.verdicts)
                case CreateVersion():
                    yield attempt(change, apply.create_version, change, self.ec2, self.verdicts)
                case SetDefaultVersion(template_id=template_id, version=version):
                    move = self.ec2.modify_launch_template
                    yield attempt(change, move, LaunchTemplateId=template_id, DefaultVersion=str(version))
                case RecordTemplate():
                    value = policy.record_value(self.desired, change)
                    yield attempt(change, self.metadata.write, names.LAUNCH_TEMPLATE_IDENTIFIER, value)
                case DeleteVersions():
                    yield attempt(change, apply.delete_versions, change, self.ec2)
                case TagResource(address=template_id, tags=tags):
                    yield attempt(change, self.ec2.create_tags, Resources=[template_id], Tags=tagging.written(tags))
                case _:
                    assert_never(change)

    def predict(self, actual: Actual, changes: Sequence[TemplateChange], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `predict.predict`."""
        return predict.predict(self.desired, actual, changes)


_LAUNCHING = {"ssm:GetParameters": IMAGE_PARAMETER, "iam:PassRole": RUNNER_ROLE}
"""Actions that AWS may ask of the author of a template, as of any caller who launches from it."""
COMPONENT: Registration[Dependencies] = Registration(
    name=LaunchTemplate.name,
    kept_in="EC2 `OWNER-REPO-ci-launch-template`",
    keeps="every field of the `$Default` version: image, profile, security groups, user data, IMDSv2; never deleted; "
    "the newest 10 versions are kept; a large script is an item of the table",
    changes="stores a large script, creates a version, makes it the default if EC2 reports no errors in it, deletes "
    "all but the newest ten",
    calls={
        "ec2:DescribeLaunchTemplateVersions": Needs("always", EC2),
        "ec2:DescribeLaunchTemplates": Needs("the launch template's tags", EC2, only_with="tags"),
        "ec2:CreateLaunchTemplate": Needs(
            "first run; the second action with `tags`, the third with `ami: resolve:ssm:...`; see "
            "[below](#iampassrole) for the last",
            LAUNCH_TEMPLATES,
            also={"ec2:CreateTags": LAUNCH_TEMPLATES, **_LAUNCHING},
            writes=True,
        ),
        "ec2:CreateLaunchTemplateVersion": Needs(
            "the template differs; the second and the third action as above",
            LAUNCH_TEMPLATES,
            also=_LAUNCHING,
            writes=True,
        ),
        "ec2:ModifyLaunchTemplate": Needs("moves the default to a new version", LAUNCH_TEMPLATES, writes=True),
        "ec2:DeleteLaunchTemplateVersions": Needs(
            "deletes all versions but the newest ten", LAUNCH_TEMPLATES, writes=True
        ),
        "ec2:CreateTags": Needs(
            "a tag of the launch template differs", LAUNCH_TEMPLATES, only_with="tags", writes=True
        ),
    },
    items=(
        Item(
            names.LAUNCH_TEMPLATE_IDENTIFIER,
            "M {name: S, ami: S, iamInstanceProfile: S, securityGroupIds: L of S, userDataHash: S, userData: S, "
            "userDataBase64: S, id: S, version: N, formerIds: L of S}",
            "what instances are launched from; both user data are empty, `id`, `version` and `formerIds` are ours",
            "`provision`: no `name`",
        ),
        Item(
            names.STORED_SCRIPTS,
            "S",
            "a large `pre-runner-script`; the digits are the first 16 of its SHA-256 in hexadecimal. Another script is "
            "another item, so instances of an older version of the template find theirs. None is ever deleted; each "
            "has as many bytes as its script",
            "the instances: no item, or another SHA-256 than the one in their user data",
        ),
    ),
    after=("state table", "runner release"),
    gates=lambda given: (given.preflight.launch_template,),
    build=lambda given: LaunchTemplate(
        given.desired,
        given.clients.ec2,
        given.prefetch.metadata,
        given.prefetch.versions,
        given.release,
        given.root_device,
    ),
)
