"""EC2: the template's versions and its own tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.agent.user_data import StoredScript, stored_script
from refresh.engine import tagging
from refresh.pool import names, records
from refresh.reconciler.launch_template import content
from refresh.reconciler.launch_template.actual import Listing, Version
from refresh.reconciler.prefetch import template_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import LaunchTemplateVersionTypeDef

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems


def listing(versions: Sequence[LaunchTemplateVersionTypeDef]) -> Listing:
    """Turn EC2's versions into what is compared, the newest first."""
    read = (
        Version(
            each.get("VersionNumber", 0),
            each.get("DefaultVersion", False),
            content.comparable(each.get("LaunchTemplateData", {})),
        )
        for each in versions
    )
    return Listing(template_id(versions), tuple(sorted(read, key=lambda version: -version.number)))


def stored(metadata: MetadataItems, desired: DesiredState) -> StoredScript | None:
    """Read the desired script in its item; None without a text in it, or if the user data has the script."""
    script = stored_script(desired.pre_runner_script)
    text = records.text(metadata.read(script.identifier), "value") if script else None
    return None if text is None else StoredScript(text)


def tags(ec2: EC2Client, desired: DesiredState) -> tagging.Found:
    """Read the template's own tags, if any are desired."""

    def read() -> Mapping[str, str]:
        name = names.launch_template(desired.repository)
        found = ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"]
        return tagging.by_key(tag for template in found for tag in template.get("Tags", []))

    return tagging.look(desired.tags, read)
