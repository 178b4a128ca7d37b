"""The image: read once, whoever names it, and refused where a root volume means nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from refresh import errors
from refresh.preflight import image_lookup
from refresh.preflight.image_lookup import Image, RootDevice
from tests.fakes.desired import IMAGE

DEVICE = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}


def _look_up(*images: dict[str, Any]) -> Image:
    ec2: Any = SimpleNamespace(describe_images=lambda **_: {"Images": list(images)})
    return image_lookup.look_up(ec2, _no_parameters, IMAGE)


def _no_parameters() -> Any:
    raise AssertionError("an id needs no parameter")


def test_the_root_device_is_the_one_that_the_image_names() -> None:
    """An image may have others, in any order."""
    others = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 500}}, {"DeviceName": "/dev/sdc", "VirtualName": "e0"}
    found = _look_up({"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [*others, DEVICE]})
    assert found.root_device() == RootDevice(IMAGE, "/dev/xvda", 8)


@pytest.mark.parametrize("more", [{"Iops": 3000}, {"Throughput": 125}, {"Iops": 20000, "VolumeType": "io1"}])
def test_what_the_image_asks_of_its_volume_is_noticed(more: dict[str, Any]) -> None:
    """A volume of another type inherits it."""
    volume = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, **more}}
    assert _look_up({"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [volume]}).root_device().provisioned


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"RootDeviceName": "/dev/xvda"},
        {"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "VirtualName": "e0"}]},
        {"RootDeviceName": "/dev/sda1", "BlockDeviceMappings": [DEVICE]},
    ],
)
def test_an_image_that_boots_from_something_else_is_refused(described: dict[str, Any]) -> None:
    """A mapping would add a volume that nobody uses."""
    with pytest.raises(errors.Refused, match="does not boot from an EBS volume"):
        _look_up(described).root_device()


def test_an_image_that_is_not_to_be_seen_is_told() -> None:
    """One that its owner took back, for instance."""
    with pytest.raises(errors.NotFound, match="Compare the input ami"):
        _look_up()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("2026-01-31T09:05:00.000Z", datetime(2026, 1, 31, 9, 5, tzinfo=UTC)),
        ("", None),
        ("soon", None),
        ("2026-01-31T09:05:00", None),
    ],
)
def test_when_an_image_is_deprecated_is_read_as_ec2_tells_it(told: str, expected: datetime | None) -> None:
    """What cannot be read is not told."""
    assert _look_up({"State": "available", "DeprecationTime": told}).deprecated_at == expected


def test_images_are_seen_also_when_they_are_deprecated_or_disabled() -> None:
    """EC2 hides the first from all but their owner who do not ask, the second from the owner too."""
    asked: dict[str, Any] = {}

    def describe_images(**request: Any) -> dict[str, Any]:
        asked.update(request)
        return {"Images": [{"State": "disabled"}]}

    ec2: Any = SimpleNamespace(describe_images=describe_images)
    assert image_lookup.look_up(ec2, _no_parameters, IMAGE).state == "disabled"
    assert asked == {"ImageIds": [IMAGE], "IncludeDeprecated": True, "IncludeDisabled": True}


def test_devices_whose_volumes_are_kept_are_known_of_any_image() -> None:
    """Also of one that boots from something else."""
    kept = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 500, "DeleteOnTermination": False}}
    ends = {"DeviceName": "/dev/sdc", "Ebs": {"VolumeSize": 500, "DeleteOnTermination": True}}
    found = _look_up({"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [kept, ends]})
    assert found.devices() == RootDevice(IMAGE, "/dev/xvda", 0, ("/dev/sdb",))
