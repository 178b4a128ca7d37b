"""The image's root device: read once, and refused where a root volume means nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from refresh import errors
from refresh.reconciler.launch_template import root_device
from refresh.reconciler.launch_template.root_device import RootDevice

IMAGE = "ami-0123456789abcdef0"
DEVICE = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}


def _look_up(*images: dict[str, Any]) -> RootDevice:
    ec2: Any = SimpleNamespace(describe_images=lambda **_: {"Images": list(images)})
    return root_device.look_up(ec2, None, IMAGE)


def test_the_root_device_is_the_one_that_the_image_names() -> None:
    """An image may have others, in any order."""
    others = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 500}}, {"DeviceName": "/dev/sdc", "VirtualName": "e0"}
    found = _look_up({"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [*others, DEVICE]})
    assert found == RootDevice(IMAGE, "/dev/xvda", 8)


@pytest.mark.parametrize("more", [{"Iops": 3000}, {"Throughput": 125}, {"Iops": 20000, "VolumeType": "io1"}])
def test_what_the_image_asks_of_its_volume_is_noticed(more: dict[str, Any]) -> None:
    """A volume of another type inherits it."""
    volume = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, **more}}
    assert _look_up({"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [volume]}).provisioned


@pytest.mark.parametrize(
    "image",
    [
        {},
        {"RootDeviceName": "/dev/xvda"},
        {"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "VirtualName": "e0"}]},
        {"RootDeviceName": "/dev/sda1", "BlockDeviceMappings": [DEVICE]},
    ],
)
def test_an_image_that_boots_from_something_else_is_refused(image: dict[str, Any]) -> None:
    """A mapping would add a volume that nobody uses."""
    with pytest.raises(errors.Refused, match="does not boot from an EBS volume"):
        _look_up(image)


def test_an_image_that_is_not_to_be_seen_is_told() -> None:
    """One that its owner took back, for instance."""
    with pytest.raises(errors.NotFound, match="Compare the input ami"):
        _look_up()
