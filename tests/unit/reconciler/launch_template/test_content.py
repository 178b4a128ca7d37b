"""What the launch template holds, and how it is compared."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from refresh.agent import user_data
from refresh.desired import RootVolume
from refresh.engine.change import Difference
from refresh.preflight.image_lookup import RootDevice
from refresh.reconciler.launch_template import content
from refresh.reconciler.runner_release.releases import Archive, Release
from tests.fakes.desired import IMAGE, OTHER_IMAGE, desired
from tests.fakes.serial import NOW

if TYPE_CHECKING:
    from refresh.desired import DesiredState

RELEASE = Release("2.335.1", Archive("https://x/x64.tar.gz", "a" * 64), Archive("https://x/arm64.tar.gz", "b" * 64))
ROOT_DEVICE = RootDevice(IMAGE, "/dev/xvda", 8, kept=("/dev/xvda", "/dev/sdb"))
ENDING = {"DeleteOnTermination": True}
ROOT = {"Encrypted": True, **ENDING}
ARN = "arn:aws:iam::123456789012:instance-profile/runners"


def _data(wanted: DesiredState | None = None, **changed: Any) -> dict[str, Any]:
    data = dict(content.desired_data(wanted or desired(), RELEASE, None))
    return {name: value for name, value in {**data, **changed}.items() if value is not None}


def _encoded(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


RIGHT = content.comparable(_data())


@pytest.mark.shows("A22")
def test_the_template_has_no_type_and_no_subnet_and_requires_imdsv2_with_one_hop() -> None:
    """Provision chooses type and subnet; a shutdown terminates."""
    data = _data(desired(metadata_hop_limit=2))
    program = user_data.unpack(base64.b64decode(data.pop("UserData"))).decode()
    assert data == {
        "ImageId": IMAGE,
        "IamInstanceProfile": {"Name": "runner-profile"},
        "SecurityGroupIds": ["sg-1", "sg-2"],
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 2,
            "InstanceMetadataTags": "enabled",
        },
    }
    assert desired().metadata_hop_limit == 1
    for line in (
        "TABLE_NAME=octo-widgets-ci-table",
        "AWS_REGION=eu-west-1",
        "RUNNER_VERSION=2.335.1",
        f"RUNNER_SHA256_X64={'a' * 64}",
        f"RUNNER_SHA256_ARM64={'b' * 64}",
        "ORIGINAL_MODES=true",
    ):
        assert f"\nexport {line}\n" in program
    without = content.desired_payload(desired(original_modes=False), RELEASE)
    assert b"\nexport ORIGINAL_MODES=false\n" in user_data.unpack(without)


@pytest.mark.shows("B26")
def test_an_instance_profile_is_sent_as_a_name_or_an_arn() -> None:
    assert _data(desired(instance_profile=ARN))["IamInstanceProfile"] == {"Arn": ARN}


@pytest.mark.parametrize(
    ("wanted", "volumes"),
    [
        ({}, None),
        ({"root_volume": RootVolume(50, "gp3")}, {"/dev/xvda": {**ROOT, "VolumeSize": 50, "VolumeType": "gp3"}}),
        ({"root_volume": RootVolume(50, None)}, {"/dev/xvda": {**ROOT, "VolumeSize": 50}}),
        ({"root_volume": RootVolume(None, "gp2")}, {"/dev/xvda": {**ROOT, "VolumeType": "gp2"}}),
        ({"delete_volumes_on_termination": True}, {"/dev/xvda": ENDING, "/dev/sdb": ENDING}),
        (
            {"delete_volumes_on_termination": True, "root_volume": RootVolume(50)},
            {"/dev/xvda": {**ROOT, "VolumeSize": 50}, "/dev/sdb": ENDING},
        ),
    ],
)
def test_volumes_are_changed_only_as_asked(wanted: dict[str, Any], volumes: dict[str, Any] | None) -> None:
    """A root volume is encrypted and ends with its instance; what is left out is the image's own."""
    data = content.desired_data(desired(**wanted), RELEASE, ROOT_DEVICE)
    mappings = [{"DeviceName": name, "Ebs": volume} for name, volume in (volumes or {}).items()]
    assert data.get("BlockDeviceMappings", []) == mappings
    assert "BlockDeviceMappings" not in _data(desired(**wanted))


def test_instances_and_volumes_get_the_owners_tags() -> None:
    tags = [{"Key": "team", "Value": "ci"}]
    assert _data(desired(tags=(("team", "ci"),)))["TagSpecifications"] == [
        {"ResourceType": "instance", "Tags": tags},
        {"ResourceType": "volume", "Tags": tags},
    ]


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"ImageId": OTHER_IMAGE}, "ImageId"),
        ({"IamInstanceProfile": {"Name": "other"}}, "IamInstanceProfile.Name"),
        ({"IamInstanceProfile": None}, "IamInstanceProfile.Name"),
        ({"SecurityGroupIds": ["sg-1", "sg-2", "sg-3"]}, "SecurityGroupIds"),
        ({"SecurityGroupIds": ["sg-1", "sg-1"]}, "SecurityGroupIds"),
        ({"UserData": _encoded(b"#!/bin/sh\n")}, "UserData"),
        ({"UserData": _encoded(b"\xff\xfe")}, "UserData"),
        ({"UserData": None}, "UserData"),
        ({"InstanceInitiatedShutdownBehavior": "stop"}, "InstanceInitiatedShutdownBehavior"),
        ({"InstanceType": "t3.micro"}, "InstanceType"),
        ({"NetworkInterfaces": [{"DeviceIndex": 0}]}, "NetworkInterfaces"),
        ({"MetadataOptions": {"HttpTokens": "optional"}}, "MetadataOptions.HttpTokens"),
        ({"EbsOptimized": True}, "EbsOptimized"),
    ],
)
def test_every_edited_field_is_a_difference_and_named(changed: dict[str, Any], name: str) -> None:
    edited = content.comparable(_data(**changed))
    assert name in {each.name for each in content.differences(edited, RIGHT)}


def test_what_ec2_adds_to_its_answer_is_no_difference() -> None:
    """Its defaults, another order of groups, a state of its own, empty lists."""
    data = _data()
    answer = {
        **data,
        "SecurityGroupIds": ["sg-2", "sg-1", "sg-2"],
        "MetadataOptions": {**data["MetadataOptions"], "State": "pending", "HttpProtocolIpv6": "disabled"},
        "BlockDeviceMappings": [],
        "NetworkInterfaces": [],
        "CpuOptions": {},
    }
    assert content.comparable(answer) == RIGHT


@pytest.mark.shows("A22")
def test_ipv6_access_to_the_metadata_service_is_a_difference() -> None:
    options = {**_data()["MetadataOptions"], "HttpProtocolIpv6": "enabled"}
    assert content.comparable(_data(MetadataOptions=options)) != RIGHT


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (
            {
                "BlockDeviceMappings": [
                    {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 50, "Encrypted": True}, "NoDevice": ""},
                    {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"},
                ]
            },
            {
                "BlockDeviceMappings./dev/xvda.Encrypted": "True",
                "BlockDeviceMappings./dev/xvda.NoDevice": "",
                "BlockDeviceMappings./dev/xvda.VolumeSize": "50",
                "BlockDeviceMappings./dev/xvdb.VirtualName": "ephemeral0",
            },
        ),
        (
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team"}, {}]}]},
            {"TagSpecifications.instance.": "", "TagSpecifications.instance.team": ""},
        ),
        ({"TagSpecifications": [{"ResourceType": "instance"}]}, {}),
        (
            {"SpotOptions": [{"b": NOW, "a": 1}], "KeyName": "x"},
            {"KeyName": "x", "SpotOptions": '[{"a": 1, "b": "2026-01-31 09:05:00+00:00"}]'},
        ),
        ({"UserData": "ZW No bwo="}, {"UserData": "ZW No bwo="}),
    ],
)
def test_odd_fields_are_compared_too(data: dict[str, Any], fields: dict[str, str]) -> None:
    """Devices, tags without a value, fields that no rule names, and user data that is almost base64."""
    assert content.comparable(data) == tuple(fields.items())


def test_user_data_is_shown_by_size_hash_and_diff() -> None:
    """It is up to 16 KB of shell."""
    (difference,) = content.differences((("UserData", "a\n"),), (("UserData", "b\n"),))
    assert difference == Difference(
        "UserData",
        f"2 bytes, sha256 {content.digest('a' + chr(10))[:12]}",
        f"2 bytes, sha256 {content.digest('b' + chr(10))[:12]}",
        ("--- user data now", "+++ user data wanted", "@@ -1 +1 @@", "-a", "+b"),
    )
    (difference,) = content.differences((), (("UserData", "b\n"),))
    assert (difference.before, difference.diff) == (None, ())
