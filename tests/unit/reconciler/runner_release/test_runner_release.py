"""The runner release: asked for now and then, read with suspicion, and pins that rot are told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.agent import user_data
from refresh.desired import Mode
from refresh.engine.change import Difference
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import names, records
from refresh.reconciler.runner_release import RunnerRelease, policy, releases
from refresh.reconciler.runner_release.actual import Actual
from refresh.reconciler.runner_release.changes import RecordRelease
from refresh.reconciler.runner_release.releases import Archive, Recorded, Release
from tests.fakes.desired import desired
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, StillClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.engine.report import ComponentReport

IDENTIFIER = names.RUNNER_RELEASE_IDENTIFIER
BASE = "https://github.com/actions/runner/releases/download"
SUM = "ab" * 32
SERVER = "https://ghes.example.com"


def _url(version: str, architecture: str) -> str:
    return f"{BASE}/v{version}/actions-runner-linux-{architecture}-{version}.tar.gz"


def _release(version: str = "2.335.1", checksum: str = SUM) -> Release:
    return Release(version, Archive(_url(version, "x64"), checksum), Archive(_url(version, "arm64"), checksum))


def _download(architecture: str, version: str = "2.335.1", **changes: Any) -> dict[str, object]:
    return {
        "os": "linux",
        "architecture": architecture,
        "download_url": _url(version, architecture),
        "filename": f"actions-runner-linux-{architecture}-{version}.tar.gz",
        "sha256_checksum": SUM,
        **changes,
    }


def _value(asked_ago: timedelta = timedelta(), version: str = "2.335.1", **changes: Any) -> dict[str, Any]:
    release = _release(version)
    return records.to_wire(
        {
            "version": version,
            "x64": {"url": release.x64.url, "sha256": SUM},
            "arm64": {"url": release.arm64.url, "sha256": SUM},
            "asked_at": records.wire_time(NOW - asked_ago),
            "firstSeen": {version: records.wire_time(NOW - asked_ago)},
            **changes,
        }
    )


RECORDED = Recorded(_release(), NOW, (("2.335.1", records.wire_time(NOW)),))


class _GitHub:
    """Lists downloads, or refuses."""

    def __init__(self, *downloads: dict[str, object], refusal: Exception | None = None) -> None:
        self.downloads = downloads or (_download("x64"), _download("arm64"))
        self.refusal = refusal
        self.calls = 0

    def runner_downloads(self) -> Sequence[dict[str, object]]:
        self.calls += 1
        if self.refusal:
            raise self.refusal
        return self.downloads


DOWN = errors.Unavailable("GitHub GET downloads", "503")


def _component(items: Items, github: _GitHub, **changes: Any) -> RunnerRelease:
    return RunnerRelease(desired(**changes), metadata(items), github, StillClock())


def _refresh(items: Items, github: _GitHub, **changes: Any) -> ComponentReport:
    component = _component(items, github, **changes)
    return converge(component, Run(mode=Mode.APPLY, clock=StillClock()), lambda: None).report


@pytest.mark.parametrize(
    ("ago", "asked"),
    [
        (timedelta(), 0),
        (timedelta(hours=5, minutes=59, seconds=59), 0),
        (timedelta(hours=6), 1),
        (timedelta(days=3), 1),
        (timedelta(seconds=-1), 1),
        (timedelta(days=-400), 1),
    ],
)
def test_github_is_asked_every_six_hours_or_when_the_clock_moved_backwards(ago: timedelta, asked: int) -> None:
    """A record of the future would else silence it for ever."""
    items, github = Items({IDENTIFIER: _value(ago)}), _GitHub()
    report = _refresh(items, github)
    assert (github.calls, len(items.puts), report.failed) == (asked, asked, False)


def test_the_answer_is_recorded_and_not_asked_for_again() -> None:
    """Version, archives, when it was asked, and since when the version is known."""
    items, github = Items(), _GitHub()
    report = _refresh(items, github)
    assert items.items[IDENTIFIER]["value"] == _value()
    assert (github.calls, list(map(str, report.done))) == (1, ["record runner release 2.335.1"])
    assert list(map(str, report.done[0].differences)) == ["version: (none) -> 2.335.1"]


def test_the_same_version_asked_for_again_is_no_difference() -> None:
    """Only the time of asking changes; since when it is known does not."""
    items = Items({IDENTIFIER: _value(timedelta(hours=7))})
    report = _refresh(items, _GitHub())
    assert report.done[0].differences == ()
    value = items.items[IDENTIFIER]["value"]["M"]
    assert (value["asked_at"]["S"], value["firstSeen"]["M"]["2.335.1"]["S"]) == (
        "2026-01-31T09:05:00Z",
        "2026-01-31T02:05:00Z",
    )


def test_github_s_failure_is_only_a_warning_while_a_release_is_recorded() -> None:
    """The recorded one is used."""
    items = Items({IDENTIFIER: _value(timedelta(days=2))})
    report = _refresh(items, _GitHub(refusal=DOWN))
    assert (report.failed, items.puts) == (False, [])
    assert "the recorded 2.335.1 of 2026-01-29T09:05:00Z is used" in report.warnings[0]
    assert (report.status, report.reason) == ("not checked", "GitHub did not answer (see the warning)")


def test_github_s_failure_without_a_record_fails() -> None:
    """There is no version to install."""
    github = _GitHub(refusal=DOWN)
    assert _refresh(Items(), github).error is DOWN
    assert github.calls == 1


NONE = _download("x64", os="osx")


@pytest.mark.parametrize(
    ("github", "warned"),
    [(_GitHub(NONE), []), (_GitHub(refusal=DOWN), ["the pinned 2.330.0 is installed from github.com."])],
)
def test_a_pin_needs_no_list(github: _GitHub, warned: list[str]) -> None:
    """It is GitHub's own archive, with the sums that were given; a server that offers none has nothing to say."""
    given = desired(runner_version="2.330.0", runner_checksums=(("x64", "d" * 64),), github_server_url=SERVER)
    component = RunnerRelease(given, metadata(Items()), github, StillClock())
    converged = converge(component, Run(mode=Mode.APPLY, clock=StillClock()), lambda: None)
    assert (converged.report.error, converged.report.planned) == (None, ())
    assert [told in warning for told, warning in zip(warned, converged.report.warnings, strict=True)] == [True] * len(
        warned
    )
    assert converged.actual is not None
    chosen = policy.effective(given, converged.actual)
    assert chosen == Release(
        "2.330.0", Archive(_url("2.330.0", "x64"), "d" * 64), Archive(_url("2.330.0", "arm64"), "")
    )


def _own(architecture: str, version: str = "2.335.1", **changes: Any) -> dict[str, object]:
    """List an archive as a GitHub Enterprise Server that keeps it itself."""
    path = f"_services/pipelines/_apis/distributedtask/packagedownload/agent/linux-{architecture}/{version}"
    return _download(architecture, version, download_url=f"{SERVER}/{path}", **changes)


def test_archives_that_take_a_token_are_reported_and_taken_from_github() -> None:
    """An instance has no such token; the sums stay, and an image with the runner in it needs no download."""
    guarded = [_own(each, authorized_only=True) for each in ("x64", "arm64")]
    release, (note,) = releases.read_downloads(guarded)
    assert release == _release()
    assert note == (
        "the server offers its archives of the runner 2.335.1 only with a short-lived token, so new "
        "instances take github.com's instead. Where they cannot reach github.com, put the runner of this version into "
        "the image, in /opt/actions-runner: the agent uses it and downloads nothing."
    )
    items = Items()
    report = _refresh(items, _GitHub(*guarded), github_server_url=SERVER)
    assert (report.warnings, report.pending, report.failed) == ((note,), (), False)


def test_an_archive_on_github_itself_takes_no_token() -> None:
    """GitHub lists one all the same."""
    listed = [_download(each, authorized_only=True) for each in ("x64", "arm64")]
    assert releases.read_downloads(listed) == (_release(), ())


def test_archives_of_a_server_with_a_long_name_fit() -> None:
    """The longest name and version that are taken elsewhere."""
    host = "https://".ljust(user_data.LONGEST_SERVER_URL, "h")
    version = "9999.9999.9999"
    listed = [_own(each, version) for each in ("x64", "arm64")]
    for each in listed:
        each["download_url"] = str(each["download_url"]).replace(SERVER, host)
    release, notes = releases.read_downloads(listed)
    assert (release.version, notes) == (version, ())
    assert releases.trusted(release, host)


@pytest.mark.parametrize(
    ("pinned", "told"),
    [("2.321.0", []), ("2.322.0", []), ("2.320.9", ["ghes.example.com offers 2.321.0 and may refuse older ones."])],
)
def test_a_pin_on_an_enterprise_server_is_judged_by_what_it_offers(pinned: str, told: list[str]) -> None:
    """Its versions are older than github.com's, and it gives jobs to them for longer than a month."""
    seen = (("2.321.0", records.wire_time(NOW - timedelta(days=300))),)
    actual = Actual(_release("2.321.0"), Recorded(_release("2.321.0"), NOW, seen))
    warnings = policy.plan(desired(runner_version=pinned, github_server_url=SERVER), actual, NOW).warnings
    assert all(words in warning for words, warning in zip(told, warnings, strict=True))
    tenant = policy.plan(desired(runner_version="2.320.9", github_server_url="https://octo.ghe.com"), actual, NOW)
    assert ["below 2.329.0" in warning for warning in tenant.warnings] == [True, False]


@pytest.mark.shows("A56")
@pytest.mark.parametrize("checksum", [None, "", "abc", "zz" * 32, 7])
def test_a_missing_checksum_is_a_warning(checksum: Any) -> None:
    """The release is used; what cannot be a sum is none."""
    release, notes = releases.read_downloads([_download("x64", sha256_checksum=checksum), _download("arm64")])
    assert (release.x64.sha256, release.arm64.sha256) == ("", SUM)
    (note,) = notes
    assert note == (
        "GitHub gave no SHA-256 for the runner 2.335.1 (x64); instances cannot verify it. "
        "Where that is not good enough, pin it with actions-runner-version and actions-runner-sha256."
    )


def test_a_missing_checksum_reaches_the_report() -> None:
    """The release is recorded all the same."""
    report = _refresh(Items(), _GitHub(_download("x64"), _download("arm64", sha256_checksum="")))
    assert (len(report.done), len(report.warnings), report.pending) == (1, 1, ())


def test_a_checksum_is_read_in_either_case() -> None:
    """It is compared in lower case."""
    release, _ = releases.read_downloads([_download("x64", sha256_checksum="AB" * 32), _download("arm64")])
    assert release == _release()


def test_other_systems_are_not_looked_at() -> None:
    """Windows, macOS and 32-bit archives may be of any version."""
    others = [_download("x64", "9.9.9", os="win"), _download("arm", "9.9.9"), {}]
    assert releases.read_downloads([_download("x64"), *others, _download("arm64")])[0] == _release()


@pytest.mark.shows("A56")
@pytest.mark.parametrize(
    "downloads",
    [
        [],
        [_download("x64")],
        [_download("x64"), _download("arm64", "2.334.0")],
        [_download("x64"), _download("arm64", filename="actions-runner-linux-arm64-2.335.1.tar.gz; rm -rf /")],
        [_download("x64"), _download("arm64", filename="../actions-runner-linux-arm64-2.335.1.tar.gz")],
        [_download("x64"), _download("arm64", filename="actions-runner-linux-arm64-2.335.1.tar.gz\n")],
        [_download("x64"), _download("arm64", filename=None)],
        [_download("x64", "12345.0.0"), _download("arm64", "12345.0.0")],
        [_download("x64"), _download("arm64", download_url="ftp://example.com/a")],
        [_download("x64"), _download("arm64", download_url="javascript:alert(1)")],
        [_download("x64"), _download("arm64", download_url="https://example.com/'$(id)'")],
        [_download("x64"), _download("arm64", download_url="https://example.com/a b")],
        [_download("x64"), _download("arm64", download_url="https://example.com/a\nb")],
        [_download("x64"), _download("arm64", download_url="https://example.com/" + "a" * 481)],
        [_download("x64"), _download("arm64", download_url=None)],
    ],
)
def test_a_list_that_is_not_as_expected_is_refused_as_a_whole(downloads: list[dict[str, object]]) -> None:
    """Missing, of several versions, or with a name or address that nothing should be made of."""
    with pytest.raises(errors.Unavailable):
        releases.read_downloads(downloads)


def test_whatever_is_accepted_from_github_is_read_back_from_the_record() -> None:
    """Else each run would ask again: the longest version, the longest address."""
    longest = "9999.9999.9999"
    url = "https://example.com/".ljust(user_data.LONGEST_URL, "a")
    downloads = [_download(each, longest, download_url=url) for each in ("x64", "arm64")]
    items, github = Items(), _GitHub(*downloads)
    report = _refresh(items, github, github_server_url="https://example.com")
    assert (github.calls, report.pending, report.failed) == (1, (), False)
    assert releases.read_recorded(items.items[IDENTIFIER]) is not None


@pytest.mark.shows("A13")
@pytest.mark.parametrize(
    "item",
    [
        {},
        {"value": {"S": "nonsense"}},
        {"value": _value(asked_at="yesterday")},
        {"value": _value(version="latest")},
        {"value": _value(x64="nonsense")},
        {"value": _value(x64={"url": "https://example.com/$(id)", "sha256": SUM})},
        {"value": _value(arm64={"url": _url("2.335.1", "arm64"), "sha256": "nonsense"})},
        {"value": _value(arm64={"url": "", "sha256": ""})},
    ],
)
def test_a_record_that_we_cannot_have_written_is_no_record(item: Any) -> None:
    """Instances write to the table too, and its addresses end up in their shell."""
    assert releases.read_recorded(item) is None


def test_a_record_is_read_as_it_was_written() -> None:
    """Its versions in order; nonsense among them is left out."""
    seen = {"2.335.1": records.wire_time(NOW), "2.99.0": "2026-01-01T00:00:00Z", "nonsense": "x"}
    assert releases.read_recorded({"value": _value(firstSeen=seen)}) == Recorded(
        _release(), NOW, (("2.99.0", "2026-01-01T00:00:00Z"), ("2.335.1", records.wire_time(NOW)))
    )


def test_a_record_without_checksums_is_a_record() -> None:
    """GitHub Enterprise Server gives none."""
    value = _value(x64={"url": _url("2.335.1", "x64"), "sha256": ""})
    recorded = releases.read_recorded({"value": value})
    assert recorded is not None
    assert recorded.release.x64.sha256 == ""


def test_the_newest_release_is_installed_unless_one_is_pinned() -> None:
    """GitHub's answer before the record."""
    assert policy.effective(desired(), Actual(_release(), RECORDED)) == _release()
    assert policy.effective(desired(), Actual(_release("2.336.0"), RECORDED, answered=True)) == _release("2.336.0")


def test_a_pin_on_the_newest_keeps_its_checksum() -> None:
    """It is the very same archive."""
    assert policy.effective(desired(runner_version="2.335.1"), Actual(_release(), RECORDED)) == _release()


def test_another_pin_has_its_own_archive_and_never_the_newest_s_checksum() -> None:
    """GitHub tells the sum of the newest only."""
    assert policy.effective(desired(runner_version="2.330.0"), Actual(_release(), RECORDED)) == _release("2.330.0", "")


def test_a_pin_has_the_checksums_that_were_given() -> None:
    """For the architectures that they were given for, and before what GitHub says of the very same version."""
    given = desired(runner_version="2.330.0", runner_checksums=(("arm64", "c" * 64),))
    chosen = policy.effective(given, Actual(_release(), RECORDED))
    assert (chosen.x64.sha256, chosen.arm64.sha256) == ("", "c" * 64)
    same = policy.effective(evolve(given, runner_version="2.335.1"), Actual(_release(), RECORDED))
    assert (same.x64.sha256, same.arm64.sha256) == (SUM, "c" * 64)


def _seen(**days: int) -> Recorded:
    seen = {
        each.replace("_", ".").lstrip("v"): records.wire_time(NOW - timedelta(days=ago)) for each, ago in days.items()
    }
    return Recorded(_release(), NOW, tuple(seen.items()))


@pytest.mark.parametrize(
    ("pinned", "recorded", "told"),
    [
        ("2.328.9", RECORDED, ["below 2.329.0"]),
        ("2.328.9", _seen(v2_330_0=31), ["below 2.329.0", "2.330.0 is out since"]),
        ("2.329.0", RECORDED, []),
        ("10.0.0", _seen(v2_330_0=31), []),
        ("2.334.0", _seen(v2_335_1=30), []),
        ("2.334.0", _seen(v2_335_1=31), ["2.335.1 is out since"]),
        ("2.334.0", _seen(v2_335_0=31, v2_335_1=2), ["2.335.0 is out since"]),
        ("2.334.0", _seen(v2_335_0=2, v2_335_1=31), ["2.335.1 is out since"]),
        ("2.334.0", _seen(v2_333_0=300, v2_334_0=200, v2_335_1=2), []),
        ("2.335.1", _seen(v2_335_1=300), []),
        ("2.334.0", Recorded(_release(), NOW, (("2.335.1", "nonsense"),)), []),
        (None, _seen(v2_335_1=300), []),
    ],
)
def test_a_pin_that_github_refuses_or_soon_will_is_told(
    pinned: str | None, recorded: Recorded, told: list[str]
) -> None:
    """By the first newer version known for more than 30 days, even if newer ones came since."""
    warnings = policy.plan(desired(runner_version=pinned), Actual(recorded.release, recorded), NOW).warnings
    assert len(warnings) == len(told)
    assert all(words in warning for words, warning in zip(told, warnings, strict=True))


def test_only_the_newest_twenty_versions_are_remembered() -> None:
    """The item does not grow for ever; versions are ordered as numbers."""
    seen = tuple((f"2.{number}.0", "2026-01-01T00:00:00Z") for number in range(90, 115))
    actual = Actual(_release("2.115.0"), Recorded(_release("2.114.0"), NOW, seen), answered=True)
    (change,) = policy.plan(desired(), actual, NOW).changes
    assert [version for version, _ in change.first_seen] == [f"2.{number}.0" for number in range(96, 116)]


def test_two_plans_of_one_run_are_the_same_change() -> None:
    """An acknowledged record is not written twice because a second went by."""
    assert RecordRelease(None, _release(), ()) == RecordRelease(None, _release(), (("2.335.1", "x"),))


def test_a_pin_is_warned_of_with_what_to_do() -> None:
    """Word for word, after what GitHub's answer gave to note."""
    actual = Actual(_release(), _seen(v2_330_0=31), notes=("noted.",))
    since = records.wire_time(NOW - timedelta(days=31))
    assert policy.plan(desired(runner_version="2.328.9"), actual, NOW).warnings == (
        "noted.",
        (
            "actions-runner-version 2.328.9: GitHub refuses to register runners below 2.329.0. Set "
            "actions-runner-version to 'latest'."
        ),
        (
            f"actions-runner-version 2.328.9: 2.330.0 is out since {since} or earlier, and GitHub gives no jobs to a "
            "runner that is more than 30 days behind. Set actions-runner-version to 'latest'."
        ),
    )


def test_a_pin_has_the_checksum_of_each_architecture() -> None:
    """Each its own."""
    given = desired(runner_version="2.330.0", runner_checksums=(("x64", "d" * 64), ("arm64", "c" * 64)))
    chosen = policy.effective(given, Actual(_release(), RECORDED))
    assert (chosen.x64.sha256, chosen.arm64.sha256) == ("d" * 64, "c" * 64)


def test_a_newer_version_is_shown_with_the_one_before() -> None:
    """As the log and the summary show it."""
    assert RecordRelease("2.334.0", _release(), ()).differences == (Difference("version", "2.334.0", "2.335.1"),)


@pytest.mark.parametrize(
    ("downloads", "listed"),
    [
        ([], "none"),
        (
            [_download("x64", download_url="https://example.com/" + "a" * 200)],
            "none; an address is not one of at most 156 letters, digits and ._~:/?&=%+-",
        ),
        ([_download("x64"), _download("arm64", "2.334.0")], "{'x64': '2.335.1', 'arm64': '2.334.0'}"),
    ],
)
def test_a_list_that_is_refused_is_told(downloads: list[dict[str, object]], listed: str) -> None:
    """What GitHub gave and what it should have given."""
    with pytest.raises(errors.Unavailable) as caught:
        releases.read_downloads(downloads)
    assert (caught.value.operation, caught.value.code) == ("GitHub runner downloads", releases.NOT_OFFERED)
    assert caught.value.message == (f"linux archives of one version for x64 and arm64 are expected; it lists {listed}.")
    assert "the next run continues" not in str(caught.value)
    assert "Name a version with actions-runner-version" in str(caught.value)


def test_a_time_that_cannot_be_read_is_none() -> None:
    """The version is known all the same."""
    recorded = releases.read_recorded({"value": _value(firstSeen={"2.335.1": 7})})
    assert recorded is not None
    assert recorded.first_seen == (("2.335.1", ""),)
