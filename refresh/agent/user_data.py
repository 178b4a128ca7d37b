"""The program that makes an EC2 instance a runner: constant shell files after a header of quoted values.

Nothing is interpolated into shell. The user's script is encoded in base64 and arrives byte for byte.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import io
import re
import shlex
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.errors import RefreshError

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE_LIMIT = 16384
"""Bytes before base64: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html"""
PARTS = ("log.sh", "metadata.sh", "table.sh", "lifetime.sh", "runner.sh", "agent.sh", "boot.sh")
"""The shell files in order."""
LONGEST_SERVER_URL = 64
"""Characters of the URL of a GitHub server."""
LONGEST_URL = LONGEST_SERVER_URL + 92
"""Characters of the URL of a runner archive. On a GitHub Enterprise Server the path has 92:

`/_services/pipelines/_apis/distributedtask/packagedownload/agent/linux-arm64/` and a version.
"""

_LONGEST_REGISTRATION_URL = LONGEST_SERVER_URL + len("/") + 39 + len("/") + 100
_LONGEST_VERSION = "9999.9999.9999"
_LONGEST_USER = "u" * 32
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_UNPACKED = 1024 * SIZE_LIMIT
_COMMENT_OR_BLANK = re.compile(r"^\s*(#.*)?\n", re.MULTILINE)
_INDENTATION = re.compile(r"^ +", re.MULTILINE)


class TooLarge(RefreshError):
    """The user data exceeds EC2's limit even when it is compressed."""

    def __init__(self, size: int, packed: int) -> None:
        super().__init__(
            f"the user data has {size} bytes and {packed} when compressed, {packed - SIZE_LIMIT} above the limit of "
            f"{SIZE_LIMIT}; shorten pre-runner-script or have it fetch the rest"
        )


@frozen(kw_only=True)
class Settings:
    """The values of the header."""

    region: str
    table: str
    registration_url: str
    runner_user: str
    runner_version: str
    runner_url_x64: str
    runner_sha256_x64: str
    runner_url_arm64: str
    runner_sha256_arm64: str
    pre_runner_script: str

    @classmethod
    def at_their_longest(cls, region: str, table: str, pre_runner_script: str) -> Settings:
        """Return settings whose other values are as long as any and incompressible, to check the size in advance."""
        return cls(
            region=region,
            table=table,
            registration_url=_noise("https://", _LONGEST_REGISTRATION_URL),
            runner_user=_LONGEST_USER,
            runner_version=_LONGEST_VERSION,
            runner_url_x64=_noise("https://x", LONGEST_URL),
            runner_sha256_x64=_noise("", 64),
            runner_url_arm64=_noise("https://a", LONGEST_URL),
            runner_sha256_arm64=_noise("0", 64),
            pre_runner_script=pre_runner_script,
        )


def render(settings: Settings) -> bytes:
    """Render the user data: the same settings give the same bytes, compressed only if they exceed the limit.

    cloud-init unpacks them. Raises `TooLarge` if they exceed it even when compressed.
    """
    plain = _plain(settings)
    if len(plain) <= SIZE_LIMIT:
        return plain
    packed = _packed(plain)
    if len(packed) > SIZE_LIMIT:
        raise TooLarge(len(plain), len(packed))
    return packed


def unpack(payload: bytes) -> bytes:
    """Return user data as cloud-init sees it; invalid gzip and unreasonable sizes are returned as they are."""
    if not payload.startswith(_GZIP_MAGIC):
        return payload
    decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = decompressor.decompress(payload, _MOST_UNPACKED)
    except zlib.error:
        return payload
    return content if decompressor.eof else payload


def _plain(settings: Settings) -> bytes:
    header = "".join(f"readonly {name}={shlex.quote(value)}\n" for name, value in _header(settings).items())
    return f"#!/usr/bin/env bash\n{header}{''.join(map(_shell, PARTS))}".encode()


def _packed(plain: bytes) -> bytes:
    """Compress without a name and a time, which would be drift in every run."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as file:
        file.write(plain)
    return packed.getvalue()


def _header(settings: Settings) -> Mapping[str, str]:
    return {
        "AWS_REGION": settings.region,
        "TABLE_NAME": settings.table,
        "REGISTRATION_URL": settings.registration_url,
        "RUNNER_USER": settings.runner_user,
        "RUNNER_VERSION": settings.runner_version,
        "RUNNER_URL_X64": settings.runner_url_x64,
        "RUNNER_SHA256_X64": settings.runner_sha256_x64,
        "RUNNER_URL_ARM64": settings.runner_url_arm64,
        "RUNNER_SHA256_ARM64": settings.runner_sha256_arm64,
        "PRE_RUNNER_SCRIPT_BASE64": base64.b64encode(settings.pre_runner_script.encode()).decode(),
    }


@functools.cache
def _shell(name: str) -> str:
    """Read a shell file once, without comments and indentation, which saves a third of EC2's limit."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return _INDENTATION.sub("", _COMMENT_OR_BLANK.sub("", text))


def _noise(prefix: str, length: int) -> str:
    digits = "".join(hashlib.sha256(f"{prefix}{number}".encode()).hexdigest() for number in range(length // 64 + 1))
    return (prefix + digits)[:length]
