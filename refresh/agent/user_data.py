"""The program that makes an EC2 instance a runner: a header of quoted values, a constant wrapper and the agent.

Nothing is interpolated into shell. The user's script is the last value, as JSON, and arrives byte for byte. It must not
be near the top: cloud-init takes a text with `mime-version:` in its first 4,096 bytes for a MIME message, see
https://github.com/canonical/cloud-init/blob/main/cloudinit/user_data.py.

A large script is stored in the table, and the header has its SHA-256 instead.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import json
import re
import shlex
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import names

if TYPE_CHECKING:
    from collections.abc import Mapping

SIZE_LIMIT = 16384
"""Bytes before base64: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html"""
PROGRAM = "program.txt"
"""The agent as one Python program, which `make generated` writes, after a line that says so."""
END_OF_PROGRAM = "END_OF_AGENT"
"""A line that the program does not have."""
LONGEST_SERVER_URL = 64
"""Characters of the URL of a GitHub server."""
LONGEST_URL = LONGEST_SERVER_URL + 92
"""Characters of the URL of a runner archive. On a GitHub Enterprise Server the path has 92:

`/_services/pipelines/_apis/distributedtask/packagedownload/agent/linux-arm64/` and a version.
"""
LONGEST_SCRIPT = 600
"""Bytes in JSON of a script in the user data. They fit whatever the other values are and however well zlib compresses.

How well differs between machines: a limit for what is compressed would move a script in some runs and back in others.
"""

_GZIP_MAGIC = b"\x1f\x8b"
_SCRIPT = "PRE_RUNNER_SCRIPT"
_MOST_UNPACKED = 1024 * SIZE_LIMIT
_COMMENT_OR_BLANK = re.compile(r"^\s*(#.*)?\n", re.MULTILINE)
_INDENTATION = re.compile(r"^ +", re.MULTILINE)


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
    original_modes: bool


@frozen
class StoredScript:
    """A script that an instance reads in the table, where it is a METADATA item."""

    text: str

    @property
    def sha256(self) -> str:
        """Its SHA-256 in hexadecimal, by which the user data names it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def identifier(self) -> str:
        """The identifier of its item. Another script has another one, so an older instance still finds its own."""
        return names.stored_script(self.sha256)


def stored_script(script: str) -> StoredScript | None:
    """Return a script that the table must have; None for one that the user data has."""
    return StoredScript(script) if len(_as_json(script)) > LONGEST_SCRIPT else None


def render(settings: Settings) -> bytes:
    """Render the user data, compressed: the same settings give the same bytes. cloud-init unpacks them."""
    return _packed(rendered(settings))


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


def rendered(settings: Settings) -> bytes:
    """Render the user data as `unpack` returns it."""
    stored = stored_script(settings.pre_runner_script)
    values = {**_header(settings), f"{_SCRIPT}_SHA256": stored.sha256 if stored else ""}
    header = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    program = f"program() {{\ncat <<'{END_OF_PROGRAM}'\n{_program()}{END_OF_PROGRAM}\n}}\n"
    script = f"export {_SCRIPT}='{_as_json('' if stored else settings.pre_runner_script)}'\n"
    return f'#!/usr/bin/env bash\n{header}{_wrapper()}{program}{script}main "$@"\n'.encode()


def _as_json(script: str) -> str:
    """Write the script as JSON in ASCII without a single quote, so that it can be quoted, and compresses well."""
    return json.dumps(script).replace("'", r"\u0027")


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
        "ORIGINAL_MODES": "true" if settings.original_modes else "false",
    }


@functools.cache
def _wrapper() -> str:
    """Read the wrapper once, without comments and indentation."""
    text = Path(__file__).with_name("wrapper.sh").read_text(encoding="utf-8")
    return _INDENTATION.sub("", _COMMENT_OR_BLANK.sub("", text))


@functools.cache
def _program() -> str:
    """Read the agent once."""
    return Path(__file__).with_name(PROGRAM).read_text(encoding="utf-8").partition("\n")[2]
