"""The image as EC2 describes it, and its root volume."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.preflight import image_lookup
from refresh.preflight.image_lookup import Image, RootDevice
from tests.fakes.desired import IMAGE
from tests.fakes.serial import NOW

if TYPE_CHECKING:
    from datetime import datetime

DEVICE = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}


def _look_up(asked: dict[str, Any] | None = None, **described: Any) -> Image:
    def describe_images(**request: Any) -> dict[str, Any]:
        (asked if asked is not None else {}).update(request)
        return {"Images": [described] if described else []}

    ec2: Any = SimpleNamespace(describe_images=describe_images)
    return image_lookup.look_up(ec2, _no_parameters, IMAGE)


def _no_parameters() -> Any:
    raise AssertionError("an id needs no parameter")


def test_the_root_device_is_the_one_that_the_image_names() -> None:
    others = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 500}}, {"DeviceName": "/dev/sdc", "VirtualName": "e0"}
    found = _look_up(RootDeviceName="/dev/xvda", BlockDeviceMappings=[*others, DEVICE])
    assert found.root_device() == RootDevice(IMAGE, "/dev/xvda", 8)


@pytest.mark.parametrize("more", [{"Iops": 3000}, {"Throughput": 125}, {"Iops": 20000, "VolumeType": "io1"}])
def test_iops_and_throughput_of_the_image_are_noticed(more: dict[str, Any]) -> None:
    """A volume of another type inherits them."""
    volume = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, **more}}
    assert _look_up(RootDeviceName="/dev/xvda", BlockDeviceMappings=[volume]).root_device().provisioned


@pytest.mark.parametrize(
    "described",
    [
        {"State": "available"},
        {"RootDeviceName": "/dev/xvda"},
        {"RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "VirtualName": "e0"}]},
        {"RootDeviceName": "/dev/sda1", "BlockDeviceMappings": [DEVICE]},
    ],
)
def test_an_image_that_does_not_boot_from_ebs_has_no_root_volume_to_change(described: dict[str, Any]) -> None:
    """A mapping would add an unused volume."""
    with pytest.raises(errors.Refused, match=rf"ami: {IMAGE} .*root-volume-size"):
        _look_up(**described).root_device()


def test_an_image_that_ec2_does_not_show_is_not_found() -> None:
    with pytest.raises(errors.NotFound, match=IMAGE):
        _look_up()


@pytest.mark.parametrize(
    ("shown", "expected"),
    [("2026-01-31T09:05:00.000Z", NOW), ("", None), ("soon", None), ("2026-01-31T09:05:00", None)],
)
def test_an_unreadable_deprecation_time_counts_as_none(shown: str, expected: datetime | None) -> None:
    assert _look_up(State="available", DeprecationTime=shown).deprecated_at == expected


def test_deprecated_and_disabled_images_are_requested_too() -> None:
    """EC2 hides the former from all but their owner by default, the latter from the owner as well."""
    asked: dict[str, Any] = {}
    assert _look_up(asked, State="disabled").state == "disabled"
    assert asked == {"ImageIds": [IMAGE], "IncludeDeprecated": True, "IncludeDisabled": True}


def test_devices_whose_volumes_are_kept_are_listed_for_any_image() -> None:
    kept, ends = (
        {"DeviceName": name, "Ebs": {"VolumeSize": 500, "DeleteOnTermination": ended}}
        for name, ended in (("/dev/sdb", False), ("/dev/sdc", True))
    )
    found = _look_up(RootDeviceName="/dev/xvda", BlockDeviceMappings=[kept, ends])
    assert found.devices() == RootDevice(IMAGE, "/dev/xvda", 0, ("/dev/sdb",))
