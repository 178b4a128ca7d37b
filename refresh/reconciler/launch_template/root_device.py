"""EC2 and Systems Manager: under which name the image has its root volume, and how large it is.

A template that changes the root volume has to call it as the image does; under another name it would add a second one.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from refresh import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ec2 import EC2Client

_RESOLVE = "resolve:ssm:"
_IMAGE_ID = re.compile(r"ami-[0-9a-f]{8,17}")
_COMPARE = "Compare the input ami with the images of this region and account."


class ParameterStore(Protocol):
    """What is needed of Systems Manager."""

    def get_parameters(self, *, Names: list[str]) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        """Give `Parameters` with their `Value`; a name that is none is in `InvalidParameters`."""
        ...


@frozen
class RootDevice:
    """The root volume as the image has it."""

    image: str
    name: str
    """`/dev/xvda`, `/dev/sda1` or another."""
    size_gib: int
    provisioned: bool = False
    """Whether the image sets IOPS or throughput of its own, which a volume of another type inherits."""


def look_up(ec2: EC2Client, parameters: ParameterStore | None, image: str) -> RootDevice:
    """Read the root device of an image, or of the image that a parameter names now.

    Raises `NotFound` where there is no such image or parameter, and `Refused` for one that boots from no EBS volume.
    """
    image_id = _resolved(parameters, image) if parameters else image
    try:
        found = ec2.describe_images(ImageIds=[image_id])["Images"]
    except errors.NotFound as error:
        raise errors.NotFound(error.operation, error.code, error.message, remedy=_COMPARE) from None
    if not found:
        raise errors.NotFound("ec2:DescribeImages", "NoImage", f"{image_id} is not to be seen.", remedy=_COMPARE)
    name = found[0].get("RootDeviceName", "")
    volumes = {each.get("DeviceName"): each.get("Ebs", {}) for each in found[0].get("BlockDeviceMappings", [])}
    volume = volumes.get(name, {})
    if "VolumeSize" not in volume:
        raise errors.Refused(
            f"ami: {image_id} does not boot from an EBS volume, so root-volume-size and root-volume-type mean nothing "
            "to it; leave them out or choose another image."
        )
    return RootDevice(image_id, name, volume["VolumeSize"], provisioned="Iops" in volume or "Throughput" in volume)


def _resolved(parameters: ParameterStore, image: str) -> str:
    name = image.removeprefix(_RESOLVE)
    found = parameters.get_parameters(Names=[name])["Parameters"]
    value = str(found[0].get("Value", "")) if found else ""
    if not _IMAGE_ID.fullmatch(value):
        problem = (
            f"the parameter {name} holds {value[:40]!r}, no AMI id." if found else f"there is no parameter {name}."
        )
        raise errors.NotFound("ssm:GetParameters", "NoImage", problem, remedy=_COMPARE)
    return value
