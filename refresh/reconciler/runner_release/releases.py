"""Releases of the runner, as GitHub lists them and as they are recorded; pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import frozen

from refresh import errors
from refresh.agent import user_data
from refresh.desired import ARCHITECTURES
from refresh.pool import records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Neither is longer than what the size of the user data is tested with (tests/fakes/largest.py).
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}", re.ASCII)
_FILENAME = re.compile(rf"actions-runner-linux-({'|'.join(ARCHITECTURES)})-({_VERSION.pattern})\.tar\.gz", re.ASCII)
_URL = re.compile(rf"(?=.{{1,{user_data.LONGEST_URL}}}\Z)https?://[A-Za-z0-9._~:/?&=%+-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GITHUB = "https://github.com"
NOT_OFFERED = "NotOffered"
"""The error code if GitHub lists no release that can be installed."""
_PIN = (
    "Pin a version with actions-runner-version and its checksums with actions-runner-sha256. Instances then download "
    "it from github.com, or use the one in their image."
)


@frozen
class Archive:
    """The runner of one architecture: its URL and its SHA-256 (hexadecimal; "" if GitHub lists none)."""

    url: str
    sha256: str


@frozen
class Release:
    """A version of the runner, `n.n.n`, with an archive for each of `ARCHITECTURES`."""

    version: str
    x64: Archive
    arm64: Archive


@frozen
class Recorded:
    """The METADATA item: the newest release, when GitHub was asked, and when each version was first seen."""

    release: Release
    asked_at: datetime
    first_seen: tuple[tuple[str, str], ...] = ()


def read_downloads(downloads: Sequence[Mapping[str, object]]) -> tuple[Release, tuple[str, ...]]:
    """Read GitHub's list: the release, and warnings of what it lacks.

    Raises `Unavailable` if it does not have archives of one version for both architectures.
    """
    archives: dict[str, Archive] = {}
    versions: dict[str, str] = {}
    needs_token, unusable = False, ""
    for download in downloads:
        found = _FILENAME.fullmatch(str(download.get("filename", "")))
        if download.get("os") != "linux" or not found:
            continue
        architecture, version = found.groups()
        url = str(download.get("download_url", ""))
        if download.get("authorized_only") and not url.startswith(f"{_GITHUB}/"):
            needs_token, url = True, _on_github(version, architecture)
        if not _URL.fullmatch(url):
            unusable = (
                f"; an address exceeds {user_data.LONGEST_URL} characters or has others than letters, digits and "
                "._~:/?&=%+-"
            )
            continue
        checksum = str(download.get("sha256_checksum") or "").lower()
        archives[architecture] = Archive(url, checksum if _SHA256.fullmatch(checksum) else "")
        versions[architecture] = version
    if set(archives) != set(ARCHITECTURES) or len(set(versions.values())) != 1:
        raise errors.Unavailable(
            "GitHub runner downloads",
            NOT_OFFERED,
            f"expected Linux archives of one version for x64 and arm64, found {versions or 'none'}{unusable}.",
            remedy=_PIN,
        )
    notes = [_token_warning(versions["x64"])] if needs_token else []
    unverified = tuple(
        f"GitHub lists no SHA-256 for the runner {versions[architecture]} ({architecture}), so instances cannot verify "
        "it. To have it verified, pin it with actions-runner-version and actions-runner-sha256."
        for architecture in ARCHITECTURES
        if not archives[architecture].sha256
    )
    return Release(versions["x64"], archives["x64"], archives["arm64"]), (*notes, *unverified)


def on_github(version: str) -> Release:
    """Return a version with GitHub's own archives; their checksums are known from a list only."""
    return Release(version, *(Archive(_on_github(version, architecture), "") for architecture in ARCHITECTURES))


def _on_github(version: str, architecture: str) -> str:
    path = f"v{version}/actions-runner-linux-{architecture}-{version}.tar.gz"
    return f"{_GITHUB}/actions/runner/releases/download/{path}"


def _token_warning(version: str) -> str:
    return (
        f"the server requires a short-lived token for its archives of the runner {version}, so new instances download "
        "github.com's instead. If they cannot reach github.com, put this version into the image, in "
        "/opt/actions-runner: the agent uses it and downloads nothing."
    )


def read_recorded(item: Mapping[str, object]) -> Recorded | None:
    """Read the METADATA item; None if it is absent or not as this action writes it."""
    value = records.mapping(item, "value")
    asked_at = records.read_time(records.text(value, "asked_at") or "")
    version = records.text(value, "version") or ""
    archives = [
        Archive(records.text(archive, "url") or "", records.text(archive, "sha256") or "")
        for archive in (records.mapping(value, architecture) for architecture in ARCHITECTURES)
    ]
    sound = all(_URL.fullmatch(each.url) and (not each.sha256 or _SHA256.fullmatch(each.sha256)) for each in archives)
    if asked_at is None or not _VERSION.fullmatch(version) or not sound:
        return None
    first_seen = records.mapping(value, "firstSeen")
    seen = tuple((each, records.text(first_seen, each) or "") for each in first_seen if _VERSION.fullmatch(each))
    return Recorded(Release(version, *archives), asked_at, tuple(sorted(seen, key=lambda pair: parts(pair[0]))))


def recorded_value(recorded: Recorded) -> Mapping[str, object]:
    """Return the METADATA value of `runner_release`, as docs/table.md has it."""
    release = recorded.release
    return {
        "version": release.version,
        "x64": {"url": release.x64.url, "sha256": release.x64.sha256},
        "arm64": {"url": release.arm64.url, "sha256": release.arm64.sha256},
        "asked_at": records.wire_time(recorded.asked_at),
        "firstSeen": dict(recorded.first_seen),
    }


def trusted(release: Release, server_url: str) -> bool:
    """Whether all archives are on github.com or on the GitHub Enterprise Server of the run.

    Jobs may write to the table, and every new instance runs what is recorded.
    """
    for architecture, archive in zip(ARCHITECTURES, (release.x64, release.arm64), strict=True):
        on_server = server_url != _GITHUB and archive.url.startswith(f"{server_url}/")
        if archive.url != _on_github(release.version, architecture) and not on_server:
            return False
    return True


def parts(version: str) -> tuple[int, ...]:
    """Split a version into the numbers by which versions are ordered."""
    return tuple(map(int, version.split(".")))
