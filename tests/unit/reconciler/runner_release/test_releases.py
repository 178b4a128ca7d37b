"""Releases of the runner: read with suspicion from GitHub's list and from the record."""

from __future__ import annotations

from typing import Any

import pytest

from refresh import errors
from refresh.agent import user_data
from refresh.pool import records
from refresh.reconciler.runner_release import releases
from refresh.reconciler.runner_release.releases import Archive, Recorded, Release
from tests.fakes.serial import NOW

SUM = "ab" * 32
SERVER = "https://ghes.example.com"
LONGEST_VERSION, LONGEST = "9999.9999.9999", user_data.LONGEST_URL
LONGEST_SERVER = "https://".ljust(user_data.LONGEST_SERVER_URL, "h")
BOTH = ("x64", "arm64")


def _url(version: str, architecture: str) -> str:
    own = f"v{version}/actions-runner-linux-{architecture}-{version}.tar.gz"
    return f"https://github.com/actions/runner/releases/download/{own}"


def _release(version: str = "2.335.1", checksum: str = SUM) -> Release:
    return Release(version, *(Archive(_url(version, architecture), checksum) for architecture in BOTH))


def _download(architecture: str, version: str = "2.335.1", **changes: Any) -> dict[str, object]:
    return {
        "os": "linux",
        "architecture": architecture,
        "download_url": _url(version, architecture),
        "filename": f"actions-runner-linux-{architecture}-{version}.tar.gz",
        "sha256_checksum": SUM,
        **changes,
    }


def _own(server: str, version: str = "2.335.1", **changes: Any) -> list[dict[str, object]]:
    """List the archives as a GitHub Enterprise Server that keeps them itself."""
    path = "_services/pipelines/_apis/distributedtask/packagedownload/agent/linux"
    address = f"{server}/{path}-{{}}/{version}"
    return [_download(each, version, download_url=address.format(each), **changes) for each in BOTH]


def test_archives_that_need_a_token_are_replaced_by_githubs_with_a_warning() -> None:
    """Instances have no such token; the checksums stay, and an image with the runner in it needs no download."""
    release, (note,) = releases.read_downloads(_own(SERVER, authorized_only=True))
    assert release == _release()
    assert all(each in note for each in ("2.335.1", "github.com", "/opt/actions-runner"))


@pytest.mark.parametrize(
    "downloads",
    [
        [_download(each, authorized_only=True) for each in BOTH],
        [_download("x64"), _download("x64", "9.9.9", os="win"), _download("arm", "9.9.9"), {}, _download("arm64")],
    ],
)
def test_an_archive_on_github_needs_no_token_and_other_systems_are_ignored(downloads: list[dict[str, object]]) -> None:
    """GitHub lists its own archives with a token all the same."""
    assert releases.read_downloads(downloads) == (_release(), ())


@pytest.mark.shows("A56")
@pytest.mark.parametrize(
    ("checksum", "read"), [(None, ""), ("", ""), ("abc", ""), ("zz" * 32, ""), (7, ""), ("AB" * 32, SUM)]
)
def test_a_missing_checksum_is_a_warning(checksum: Any, read: str) -> None:
    """The release is used; what cannot be a checksum is none."""
    release, notes = releases.read_downloads([_download("x64", sha256_checksum=checksum), _download("arm64")])
    assert (release.x64.sha256, release.arm64.sha256) == (read, SUM)
    assert len(notes) == (not read)
    assert all(each in note for each in ("2.335.1", "x64", "actions-runner-sha256") for note in notes)


@pytest.mark.shows("A56")
@pytest.mark.parametrize(
    ("arm64", "named"),
    [
        ({"version": "2.334.0"}, "2.334.0"),
        ({"os": "osx"}, "x64"),
        ({"filename": "actions-runner-linux-arm64-2.335.1.tar.gz; rm -rf /"}, "x64"),
        ({"filename": "../actions-runner-linux-arm64-2.335.1.tar.gz"}, "x64"),
        ({"filename": "actions-runner-linux-arm64-2.335.1.tar.gz\n"}, "x64"),
        ({"filename": None}, "x64"),
        ({"version": "12345.0.0"}, "x64"),
        ({"download_url": "ftp://example.com/a"}, "156"),
        ({"download_url": "https://example.com/'$(id)'"}, "156"),
        ({"download_url": "https://example.com/a\nb"}, "156"),
        ({"download_url": "https://example.com/" + "a" * 481}, "156"),
        ({"download_url": None}, "156"),
    ],
)
def test_a_list_that_is_not_as_expected_is_refused_as_a_whole(arm64: dict[str, Any], named: str) -> None:
    """Nothing is made of a name or an address that it should not have; the way out is to pin a version."""
    with pytest.raises(errors.Unavailable) as refused:
        releases.read_downloads([_download("x64"), _download("arm64", **arm64)])
    assert refused.value.code == releases.NOT_OFFERED
    assert named in refused.value.message
    assert "actions-runner-version" in refused.value.remedy


def _value(**changes: Any) -> dict[str, Any]:
    archive = {"x64": {"url": _url("2.335.1", "x64"), "sha256": SUM}}
    value = {
        "version": "2.335.1",
        **archive,
        "arm64": {"url": _url("2.335.1", "arm64"), "sha256": ""},
        "asked_at": records.wire_time(NOW),
        "firstSeen": {"2.335.1": records.wire_time(NOW)},
        **changes,
    }
    return {"value": records.to_wire(value)}


@pytest.mark.shows("A13")
@pytest.mark.parametrize(
    "item",
    [
        {},
        {"value": {"S": "nonsense"}},
        _value(asked_at="yesterday"),
        _value(version="latest"),
        _value(x64="nonsense"),
        _value(x64={"url": "https://example.com/$(id)", "sha256": SUM}),
        _value(arm64={"url": _url("2.335.1", "arm64"), "sha256": "nonsense"}),
        _value(arm64={"url": "", "sha256": ""}),
    ],
)
def test_a_record_that_refresh_cannot_have_written_is_ignored(item: Any) -> None:
    """Instances write to the table too, and its addresses end up in their shell."""
    assert releases.read_recorded(item) is None


def test_a_record_is_read_with_its_versions_in_order() -> None:
    """A missing checksum and an unreadable time are kept as None; an invalid version is left out."""
    seen = {"2.335.1": 7, "2.99.0": "2026-01-01T00:00:00Z", "nonsense": "x"}
    expected = Release("2.335.1", _release().x64, Archive(_url("2.335.1", "arm64"), ""))
    times = (("2.99.0", "2026-01-01T00:00:00Z"), ("2.335.1", ""))
    assert releases.read_recorded(_value(firstSeen=seen)) == Recorded(expected, NOW, times)


@pytest.mark.parametrize(
    ("server", "downloads"),
    [
        (LONGEST_SERVER, _own(LONGEST_SERVER, LONGEST_VERSION)),
        (
            "https://x",
            [_download(each, LONGEST_VERSION, download_url="https://x/".ljust(LONGEST, "a")) for each in BOTH],
        ),
    ],
)
def test_the_longest_version_and_address_are_accepted_and_read_back(
    server: str, downloads: list[dict[str, object]]
) -> None:
    """Otherwise each run would ask again."""
    release, notes = releases.read_downloads(downloads)
    recorded = Recorded(release, NOW, ((LONGEST_VERSION, records.wire_time(NOW)),))
    assert releases.read_recorded({"value": records.to_wire(releases.recorded_value(recorded))}) == recorded
    assert (notes, releases.trusted(release, server)) == ((), True)
