"""The program that makes an EC2 instance a runner: shell files that are constant, behind one header of quoted values.

Nothing is interpolated into shell. The user's script travels as base64 and arrives byte for byte.
"""

from __future__ import annotations

import base64
import shlex
from importlib import resources
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE_LIMIT = 16384
"""Bytes before base64: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html"""

_LONGEST_VERSION = "9999.9999.9999"
_LONGEST_URL = "https://" + "x" * 492
_LONGEST_SHA256 = "f" * 64


@frozen(kw_only=True)
class Settings:
    """The values of the header."""

    region: str
    table: str
    runner_version: str
    runner_url_x64: str
    runner_sha256_x64: str
    runner_url_arm64: str
    runner_sha256_arm64: str
    pre_runner_script: str

    @classmethod
    def at_their_longest(cls, region: str, table: str, pre_runner_script: str) -> Settings:
        """Give the settings with what GitHub will say at its longest, to judge the size before any call."""
        return cls(
            region=region,
            table=table,
            runner_version=_LONGEST_VERSION,
            runner_url_x64=_LONGEST_URL,
            runner_sha256_x64=_LONGEST_SHA256,
            runner_url_arm64=_LONGEST_URL,
            runner_sha256_arm64=_LONGEST_SHA256,
            pre_runner_script=pre_runner_script,
        )


def render(settings: Settings) -> bytes:
    """Render the user data: the same settings give the same bytes."""
    header = "".join(f"readonly {name}={shlex.quote(value)}\n" for name, value in _header(settings).items())
    return f"#!/usr/bin/env bash\n{header}{_shell('agent.sh')}".encode()


def _header(settings: Settings) -> Mapping[str, str]:
    return {
        "AWS_REGION": settings.region,
        "TABLE_NAME": settings.table,
        "RUNNER_VERSION": settings.runner_version,
        "RUNNER_URL_X64": settings.runner_url_x64,
        "RUNNER_SHA256_X64": settings.runner_sha256_x64,
        "RUNNER_URL_ARM64": settings.runner_url_arm64,
        "RUNNER_SHA256_ARM64": settings.runner_sha256_arm64,
        "PRE_RUNNER_SCRIPT_BASE64": base64.b64encode(settings.pre_runner_script.encode()).decode(),
    }


def _shell(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
