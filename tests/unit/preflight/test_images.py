"""What an image says of itself, judged by what runs on it."""

from __future__ import annotations

from typing import Any

import pytest

from refresh.desired import RootVolume
from refresh.preflight import images
from refresh.preflight.findings import Findings
from refresh.preflight.image_lookup import Image
from tests.fakes.desired import IMAGE, desired

USUAL = {
    "ImageType": "machine",
    "Architecture": "arm64",
    "VirtualizationType": "hvm",
    "RootDeviceType": "ebs",
    "EnaSupport": True,
    "BootMode": "uefi",
    "ImdsSupport": "v2.0",
    "ProductCodes": [{"ProductCodeType": "devpay"}],
}


def _judged(**described: Any) -> Findings:
    return images.judged(desired(), IMAGE, Image(IMAGE, device_name="/dev/sda1", described=described))


def test_a_current_image_has_no_findings() -> None:
    assert _judged(**USUAL) == Findings()


@pytest.mark.parametrize(
    ("described", "kind", "word"),
    [
        ({"ImageType": "kernel"}, "problems", "kernel"),
        ({"Platform": "windows"}, "problems", "Windows"),
        ({"Architecture": "i386"}, "problems", "i386"),
        ({"Architecture": "arm64_mac"}, "problems", "arm64_mac"),
        ({"ImageAllowed": False}, "warnings", "Allowed AMIs"),
        ({"VirtualizationType": "paravirtual"}, "warnings", "paravirtual"),
        ({"RootDeviceType": "instance-store"}, "warnings", "instance store"),
        ({"EnaSupport": False}, "warnings", "ENA"),
        ({"TpmSupport": "v2.0"}, "notes", "NitroTPM"),
        ({"ProductCodes": [{"ProductCodeType": "marketplace", "ProductCodeId": "abc"}]}, "notes", "Marketplace"),
    ],
)
def test_an_image_that_limits_launches_is_reported_by_how_much_it_does(
    described: dict[str, Any], kind: str, word: str
) -> None:
    """A problem where no runner works, a warning where few instance types do, a note where it depends."""
    found = _judged(**{**USUAL, **described})
    (text,) = (*found.problems, *found.warnings, *found.notes)
    assert (text,) == getattr(found, kind)
    assert text.startswith(f"ami: {IMAGE} ")
    assert word in text


@pytest.mark.parametrize(
    ("wanted", "devices", "kept"),
    [
        ({}, ["/dev/sda1", "/dev/sdb"], ["/dev/sda1", "/dev/sdb"]),
        ({"root_volume": RootVolume(50)}, ["/dev/sda1", "/dev/sdb"], ["/dev/sdb"]),
        ({"root_volume": RootVolume(50)}, ["/dev/sda1"], []),
        ({"delete_volumes_on_termination": True}, ["/dev/sda1", "/dev/sdb"], []),
    ],
)
def test_volumes_that_outlive_their_instance_are_a_warning_with_their_devices(
    wanted: dict[str, Any], devices: list[str], kept: list[str]
) -> None:
    """Each costs until it is deleted; an input deletes them, and the template's root volume replaces the image's."""
    found = images.judged(desired(**wanted), IMAGE, Image(IMAGE, device_name="/dev/sda1", kept=tuple(devices)))
    assert [device for device in devices for each in found.warnings if device in each] == kept
    assert all("delete-volumes-on-termination: true" in each for each in found.warnings)
