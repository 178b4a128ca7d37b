"""Parsers of the inputs about the runner that an instance installs: version, checksums, user and scope."""

from __future__ import annotations

import re

from refresh.desired import ARCHITECTURES, RunnerScope
from refresh.inputs.parsers import Problem

_VERSION = re.compile(r"[vV]?([0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4})")
_CHECKSUM = re.compile(rf"({'|'.join(ARCHITECTURES)})=([0-9a-fA-F]{{64}})")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


def runner_version(value: str) -> str | None:
    """Parse `latest` (None) or `n.n.n`."""
    if value.lower() == "latest":
        return None
    if found := _VERSION.fullmatch(value):
        return found[1]
    raise Problem("latest or N.N.N expected", "write latest, unless you must pin a version")


def runner_checksums(value: str) -> tuple[tuple[str, str], ...]:
    """Parse `x64=<hex>,arm64=<hex>`, one or both of them."""
    found: dict[str, str] = {}
    for each in filter(None, re.split(r"[\s,]+", value)):
        match = _CHECKSUM.fullmatch(each)
        if not match or match[1] in found:
            raise Problem(
                "SHA-256 checksums expected, one per architecture", "write x64=<64 hex digits>,arm64=<64 hex digits>"
            )
        found[match[1]] = match[2].lower()
    return tuple(sorted(found.items()))


def runner_user(value: str) -> str:
    """Parse the name of a Linux user."""
    if _USER.fullmatch(value):
        return value
    raise Problem("not a Linux user name", "use at most 32 of a-z 0-9 _ -, starting with a letter or _")


def runner_scope(value: str) -> RunnerScope:
    """Parse the scope in which instances register as runners."""
    try:
        return RunnerScope(value.lower())
    except ValueError:
        raise Problem(
            "repository or organization expected",
            "write organization only for runners that all repositories of the owner can use",
        ) from None
