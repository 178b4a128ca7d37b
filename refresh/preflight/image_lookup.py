"""EC2 and Systems Manager: the image, and the device name of its root volume.

A template that changes the root volume must use the image's device name; another name would add a second volume.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from refresh import errors
from refresh.desired import RESOLVE
from refresh.pool import records

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_ec2 import EC2Client

    from refresh.ports import ParameterStore

_IMAGE_ID = re.compile(r"ami-[0-9a-f]{8,17}")
_COMPARE = (
    "Check the input ami: the image must be in this region, shared with this account, and within its setting Allowed "
    "AMIs."
)
_PARAMETER = "Correct the parameter, or the input ami."


@frozen
class RootDevice:
    """The root volume of the image."""

    image: str
    name: str
    """For example `/dev/xvda` or `/dev/sda1`."""
    size_gib: int
    kept: tuple[str, ...] = ()
    """Devices of EBS volumes that are kept when an instance ends."""
    provisioned: bool = False
    """Whether the image sets IOPS or throughput, which a volume of another type inherits."""


@frozen
class Image:
    """An image that this account can see."""

    id: str
    state: str = "available"
    deprecated_at: datetime | None = None
    """When its owner deprecates it; None for never."""
    device_name: str = ""
    volume: Mapping[str, Any] | None = None
    """The EBS volume at its root device; None if it does not boot from EBS."""
    kept: tuple[str, ...] = ()
    """Devices whose EBS volumes are kept when an instance ends."""
    described: Mapping[str, Any] = field(factory=dict)
    """EC2's whole description."""

    def root_device(self) -> RootDevice:
        """Return the root volume; raises `Refused` if there is none."""
        volume = self.volume or {}
        if "VolumeSize" not in volume:
            raise errors.Refused(
                f"ami: {self.id} does not boot from an EBS volume, so root-volume-size and root-volume-type do not "
                "apply; remove them or choose another image."
            )
        return self.devices()

    def devices(self) -> RootDevice:
        """Return the root volume of any kind, and the devices that are kept."""
        volume = self.volume or {}
        provisioned = "Iops" in volume or "Throughput" in volume
        size = volume.get("VolumeSize", 0)
        return RootDevice(self.id, self.device_name, size, self.kept, provisioned=provisioned)


def look_up(ec2: EC2Client, parameters: Callable[[], ParameterStore], image: str) -> Image:
    """Read an image, or the image that a parameter names now; raises `NotFound` if there is none."""
    image_id = _resolved(parameters(), image.removeprefix(RESOLVE)) if image.startswith(RESOLVE) else image
    try:
        # By default EC2 hides other accounts' deprecated images, and our own disabled ones.
        images = ec2.describe_images(ImageIds=[image_id], IncludeDeprecated=True, IncludeDisabled=True)["Images"]
    except errors.NotFound as error:
        raise errors.NotFound(error.operation, error.code, error.message, remedy=_COMPARE) from None
    if not images:
        raise errors.NotFound("ec2:DescribeImages", "NoImage", f"{image_id} is not visible.", remedy=_COMPARE)
    found = images[0]
    name = found.get("RootDeviceName", "")
    volumes = {each.get("DeviceName"): each.get("Ebs", {}) for each in found.get("BlockDeviceMappings", [])}
    deprecated_at = records.read_moment(found.get("DeprecationTime"))
    kept = (str(device) for device, volume in volumes.items() if volume.get("DeleteOnTermination") is False)
    volume = dict(volumes.get(name, {}))
    return Image(image_id, found.get("State", ""), deprecated_at, name, volume, tuple(sorted(kept)), dict(found))


def _resolved(parameters: ParameterStore, name: str) -> str:
    found = parameters.get_parameters(Names=[name])["Parameters"]
    value = str(found[0].get("Value", "")) if found else ""
    if not _IMAGE_ID.fullmatch(value):
        # Its value is not shown: the input may name a parameter with a secret by mistake.
        problem = f"the parameter {name} does not hold an AMI id." if found else f"the parameter {name} does not exist."
        raise errors.NotFound("ssm:GetParameters", "NoImage", problem, remedy=_PARAMETER)
    return value
