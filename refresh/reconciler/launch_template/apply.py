"""EC2: create the template and its versions, keep EC2's verdict on each, and delete versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.engine import tagging
from refresh.pool.batches import batches
from refresh.reconciler.launch_template.changes import DeleteVersions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import CreateLaunchTemplateRequestTypeDef

    from refresh.reconciler.launch_template.actual import Verdicts
    from refresh.reconciler.launch_template.changes import CreateTemplate, CreateVersion

_DELETED_PER_CALL = 200
_FIRST_VERSION = 1
_CREATED_AT_MOST = 3
"""Versions that one change creates while EC2 answers only repeated requests."""


def create(change: CreateTemplate, ec2: EC2Client, verdicts: Verdicts) -> None:
    """Create the template with its first version."""
    request: CreateLaunchTemplateRequestTypeDef = {
        "LaunchTemplateName": change.name,
        "LaunchTemplateData": change.data,
    }
    # Organizations may deny the creation of untagged resources, so the tags are part of the request.
    if change.tags:
        tags = tagging.written(change.tags)
        request["TagSpecifications"] = [{"ResourceType": "launch-template", "Tags": tags}]
    response = ec2.create_launch_template(**request)
    template_id = response["LaunchTemplate"]["LaunchTemplateId"]
    if fault := fault_in(response):
        remedy = (
            "The template exists but is not recorded, so provision does not use it. Fix what AWS reports; the next "
            "run creates another version."
        )
        # The template exists, so its creation has not failed: `policy.plan` reports the fault.
        verdicts.faults[template_id] = str(errors.Rejected("ec2:CreateLaunchTemplate", *fault, remedy=remedy))
    elif not _repeated(response):
        verdicts.accepted[template_id] = _FIRST_VERSION


def create_version(change: CreateVersion, ec2: EC2Client, verdicts: Verdicts) -> None:
    """Create a version, and delete it again if EC2 finds fault with it."""
    operation = "ec2:CreateLaunchTemplateVersion"
    for _ in range(_CREATED_AT_MOST):
        # botocore adds a new client token to each call.
        response = ec2.create_launch_template_version(
            LaunchTemplateId=change.template_id, LaunchTemplateData=change.data
        )
        number = response["LaunchTemplateVersion"]["VersionNumber"]
        if fault := fault_in(response):
            remedy = "The default version was not changed. Fix what AWS reports; the next run tries again."
            try:
                delete_versions(DeleteVersions(change.template_id, (number,)), ec2)
            except errors.ApiError as error:
                remedy += f" Version {number} could not be deleted, and will not become the default: {error}"
            raise errors.Rejected(operation, *fault, remedy=remedy)
        if not _repeated(response):
            verdicts.accepted[change.template_id] = number
            return
    raise errors.Unavailable(
        operation,
        "AnswerLost",
        "EC2 answered only retries, and the answer to a retry may omit errors in the version",
        remedy="The default version was not changed. The next run tries again.",
    )


def delete_versions(change: DeleteVersions, ec2: EC2Client) -> None:
    """Delete versions, in batches of EC2's limit."""
    for batch in batches(map(str, change.versions), _DELETED_PER_CALL):
        response = ec2.delete_launch_template_versions(LaunchTemplateId=change.template_id, Versions=batch)
        for refused in response.get("UnsuccessfullyDeletedLaunchTemplateVersions", []):
            problem = refused.get("ResponseError", {})
            raise errors.Rejected(
                "ec2:DeleteLaunchTemplateVersions",
                str(problem.get("Code", "Unknown")),
                f"version {refused.get('VersionNumber')}: {problem.get('Message', '')}",
            )


def fault_in(response: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return code and message of what AWS found wrong with a version that it created; None for nothing.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ValidationWarning.html
    """
    found = response.get("Warning", {}).get("Errors", [])
    if not found:
        return None
    words = "; ".join(f"{each.get('Code', 'Unknown')}: {each.get('Message', '')}" for each in found[1:])
    first = str(found[0].get("Message", ""))
    return str(found[0].get("Code", "Unknown")), f"{first} {words}".strip()


def _repeated(response: Mapping[str, Any]) -> bool:
    """Whether the client repeated the request: EC2 documents no warnings in the answer to a repeat."""
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts"))
