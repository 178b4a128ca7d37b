"""The content of the launch template, in the form that is sent and in the form that is compared; pure."""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from refresh.agent import user_data
from refresh.engine import tagging
from refresh.engine.change import Difference
from refresh.pool import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ec2.literals import VolumeTypeType
    from types_boto3_ec2.type_defs import LaunchTemplateEbsBlockDeviceRequestTypeDef, RequestLaunchTemplateDataTypeDef

    from refresh.agent.user_data import StoredScript
    from refresh.desired import DesiredState
    from refresh.preflight.image_lookup import RootDevice
    from refresh.reconciler.runner_release.releases import Release

_USER_DATA = "UserData"

Fields = tuple[tuple[str, str], ...]
"""A template's data as (name, comparable text), sorted by name."""


def desired_data(
    desired: DesiredState, release: Release, root_device: RootDevice | None
) -> RequestLaunchTemplateDataTypeDef:
    """Return the whole content of the template.

    It sets neither instance type nor subnet, because provision chooses both. It exposes tags to the instance, where the
    agent reads its run id. A hop limit of 1 keeps job containers from the instance's role.
    """
    profile = desired.instance_profile
    data: RequestLaunchTemplateDataTypeDef = {
        "ImageId": desired.image,
        "IamInstanceProfile": {"Arn": profile} if profile.startswith("arn:") else {"Name": profile},
        "SecurityGroupIds": list(desired.security_group_ids),
        "UserData": base64.b64encode(desired_payload(desired, release)).decode(),
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": desired.metadata_hop_limit,
            "InstanceMetadataTags": "enabled",
        },
    }
    volumes: dict[str, LaunchTemplateEbsBlockDeviceRequestTypeDef] = {}
    if desired.delete_volumes_on_termination and root_device:
        # A launch takes everything else from the image.
        volumes = {name: {"DeleteOnTermination": True} for name in root_device.kept}
    if desired.root_volume and root_device:
        volume: LaunchTemplateEbsBlockDeviceRequestTypeDef = {"Encrypted": True, "DeleteOnTermination": True}
        if desired.root_volume.size_gib:
            volume["VolumeSize"] = desired.root_volume.size_gib
        if desired.root_volume.type:
            volume["VolumeType"] = cast("VolumeTypeType", desired.root_volume.type)
        volumes[root_device.name] = volume
    if volumes:
        data["BlockDeviceMappings"] = [{"DeviceName": name, "Ebs": volume} for name, volume in volumes.items()]
    if desired.tags:
        tags = tagging.written(desired.tags)
        data["TagSpecifications"] = [
            {"ResourceType": "instance", "Tags": tags},
            {"ResourceType": "volume", "Tags": tags},
        ]
    return data


def script_summary(script: StoredScript) -> str:
    """Describe a script without its words."""
    return f"{len(script.text.encode())} bytes, sha256 {script.sha256[:12]}"


def desired_payload(desired: DesiredState, release: Release) -> bytes:
    """Return the user data."""
    return user_data.render(
        user_data.Settings(
            region=desired.region,
            table=names.table(desired.repository),
            registration_url=desired.registration_url,
            runner_user=desired.runner_user,
            runner_version=release.version,
            runner_url_x64=release.x64.url,
            runner_sha256_x64=release.x64.sha256,
            runner_url_arm64=release.arm64.url,
            runner_sha256_arm64=release.arm64.sha256,
            pre_runner_script=desired.pre_runner_script,
            original_modes=desired.original_modes,
        )
    )


def comparable(data: Mapping[str, Any]) -> Fields:
    """Flatten template data into texts that are equal for equal templates, whatever EC2 adds to its answer.

    Security groups are a set, user data is compared decoded, and what EC2 adds is left out. Every other field counts:
    an instance type added by hand would override provision's choice.
    """
    fields: dict[str, str] = {}
    for name, value in data.items():
        fields |= _flattened(name, value)
    if fields.get("MetadataOptions.HttpProtocolIpv6") == "disabled":
        del fields["MetadataOptions.HttpProtocolIpv6"]
    return tuple(sorted(fields.items()))


def _flattened(name: str, value: Any) -> dict[str, str]:  # noqa: PLR0911 - one return for each kind of field
    match name:
        case "SecurityGroupIds":
            return {name: " ".join(sorted(set(value)))}
        case "UserData":
            return {name: _decoded(value)}
        case "MetadataOptions":
            return {f"{name}.{option}": str(each) for option, each in value.items() if option != "State"}
        case "IamInstanceProfile":
            return {f"{name}.{kind}": str(each) for kind, each in value.items()}
        case "BlockDeviceMappings":
            devices = (_device(f"{name}.{device.get('DeviceName')}", device) for device in value)
            return {field: each for device in devices for field, each in device.items()}
        case "TagSpecifications":
            return {
                f"{name}.{each.get('ResourceType')}.{key}": text
                for each in value
                for key, text in tagging.by_key(each.get("Tags", [])).items()
            }
        case _ if value in ({}, [], None):
            return {}
        case _:
            return {name: value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)}


def _device(name: str, device: Mapping[str, Any]) -> dict[str, str]:
    """Flatten a block device with all its fields and those of its volume."""
    volume = {f"{name}.{option}": str(each) for option, each in device.get("Ebs", {}).items()}
    others = {f"{name}.{option}": str(each) for option, each in device.items() if option not in ("DeviceName", "Ebs")}
    return {**volume, **others}


def differences(before: Fields, after: Fields) -> tuple[Difference, ...]:
    """List the fields that differ; user data with its size and hash, and a unified diff."""
    old, new = dict(before), dict(after)
    return tuple(
        Difference(
            name,
            _summary(name, old.get(name)),
            _summary(name, new.get(name)),
            _diff(name, old.get(name), new.get(name)),
        )
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _decoded(value: str) -> str:
    """Decode and unpack user data; if it is not base64 or not text, it is compared as it is."""
    try:
        return user_data.unpack(base64.b64decode(value, validate=True)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value


def _diff(name: str, before: str | None, after: str | None) -> tuple[str, ...]:
    if name != _USER_DATA or before is None or after is None:
        return ()
    return tuple(
        difflib.unified_diff(before.splitlines(), after.splitlines(), "user data now", "user data wanted", lineterm="")
    )


def _summary(name: str, value: str | None) -> str | None:
    if value is None or name != _USER_DATA:
        return value
    return f"{len(value.encode())} bytes, sha256 {digest(value)[:12]}"
