"""The runner release: asked for every six hours, recorded, and what that means for a pinned version."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Difference
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import names, records
from refresh.reconciler.runner_release import RunnerRelease, policy, releases
from refresh.reconciler.runner_release.actual import Actual
from refresh.reconciler.runner_release.changes import RecordRelease
from refresh.reconciler.runner_release.releases import Recorded, Release
from tests.fakes.desired import desired
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, StillClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.engine.component import Converged

IDENTIFIER = names.RUNNER_RELEASE_IDENTIFIER
SERVER = "https://ghes.example.com"
SUM = "ab" * 32
DOWN = errors.Unavailable("GitHub GET downloads", "503")


def _release(version: str = "2.335.1", x64: str = SUM, arm64: str = SUM) -> Release:
    found = releases.on_github(version)
    return Release(version, evolve(found.x64, sha256=x64), evolve(found.arm64, sha256=arm64))


def _seen(**days: int) -> Recorded:
    """Give a record of versions that were first seen so many days ago, as `v2_330_0=31`."""
    seen = {name[1:].replace("_", "."): records.wire_time(NOW - timedelta(days=ago)) for name, ago in days.items()}
    return Recorded(_release(), NOW, tuple(seen.items()))


def _items(asked_ago: timedelta, release: Release | None = None) -> Items:
    asked_at = NOW - asked_ago
    recorded = Recorded(release or _release(), asked_at, (("2.335.1", records.wire_time(asked_at)),))
    return Items({IDENTIFIER: records.to_wire(releases.recorded_value(recorded))})


class _GitHub:
    """Lists the archives of a release, or refuses."""

    def __init__(self, release: Release | None = None, refusal: Exception | None = None) -> None:
        self.release = release or _release()
        self.refusal = refusal
        self.calls = 0

    def runner_downloads(self) -> Sequence[dict[str, object]]:
        self.calls += 1
        if self.refusal:
            raise self.refusal
        archives = (self.release.x64, self.release.arm64)
        return [
            {
                "os": "linux",
                "download_url": each.url,
                "filename": each.url.rpartition("/")[2],
                "sha256_checksum": each.sha256,
            }
            for each in archives
        ]


def _refresh(items: Items, github: _GitHub, **changes: object) -> Converged[Actual]:
    component = RunnerRelease(desired(**changes), metadata(items), github, StillClock())
    return converge(component, Run(mode=Mode.APPLY, clock=StillClock()), lambda: None)


@pytest.mark.parametrize(
    ("ago", "asked"),
    [
        (timedelta(), 0),
        (timedelta(hours=5, minutes=59, seconds=59), 0),
        (timedelta(hours=6), 1),
        (timedelta(seconds=-1), 1),
    ],
)
def test_github_is_asked_every_six_hours_or_when_the_clock_moved_backwards(ago: timedelta, asked: int) -> None:
    """A record from the future would otherwise be believed for ever."""
    items, github = _items(ago), _GitHub()
    report = _refresh(items, github).report
    assert (github.calls, len(items.puts), report.failed) == (asked, asked, False)


def test_githubs_answer_is_recorded_and_its_lacks_are_warned_of() -> None:
    items, github = Items(), _GitHub(_release(arm64=""))
    report = _refresh(items, github).report
    recorded = Recorded(_release(arm64=""), NOW, (("2.335.1", records.wire_time(NOW)),))
    assert releases.read_recorded(items.items[IDENTIFIER]) == recorded
    assert (github.calls, list(map(str, report.done)), report.pending) == (1, ["record runner release 2.335.1"], ())
    assert report.done[0].differences == (Difference("version", None, "2.335.1"),)
    assert len(report.warnings) == 1


def test_the_same_version_is_recorded_with_its_first_time_and_is_no_difference() -> None:
    items = _items(timedelta(hours=7))
    (change,) = _refresh(items, _GitHub()).report.done
    seen = (("2.335.1", records.wire_time(NOW - timedelta(hours=7))),)
    assert (change.differences, releases.read_recorded(items.items[IDENTIFIER])) == (
        (),
        Recorded(_release(), NOW, seen),
    )
    assert RecordRelease("2.334.0", _release(), ()).differences == (Difference("version", "2.334.0", "2.335.1"),)


def test_an_untrusted_record_is_replaced() -> None:
    """Instances write to the table too, and what is recorded runs on every new one."""
    foreign = evolve(_release(), x64=evolve(_release().x64, url="https://example.com/x64.tar.gz"))
    items = _items(timedelta(), foreign)
    assert not _refresh(items, _GitHub()).report.failed
    recorded = releases.read_recorded(items.items[IDENTIFIER])
    assert recorded
    assert recorded.release == _release()


def test_an_outage_of_github_is_a_warning_while_a_release_is_recorded() -> None:
    items = _items(timedelta(days=2))
    report = _refresh(items, _GitHub(refusal=DOWN)).report
    assert (report.failed, items.puts, report.status) == (False, [], "not checked")
    (warning,) = report.warnings
    assert all(each in warning for each in ("503", "2.335.1", "2026-01-29T09:05:00Z"))


def test_an_outage_of_github_without_a_record_or_a_pin_fails() -> None:
    """There is no version to install."""
    assert _refresh(Items(), _GitHub(refusal=DOWN)).report.error is DOWN


@pytest.mark.parametrize(
    ("refusal", "words"), [(errors.Unavailable("GitHub", releases.NOT_OFFERED), []), (DOWN, ["503"])]
)
def test_a_pinned_version_needs_no_list(refusal: errors.ApiError, words: list[str]) -> None:
    """It is GitHub's own archive, with the given checksums; a server without a list says nothing about it."""
    pin = {"runner_version": "2.330.0", "runner_checksums": (("x64", "d" * 64),), "github_server_url": SERVER}
    converged = _refresh(Items(), _GitHub(refusal=refusal), **pin)
    assert (converged.report.error, converged.report.planned) == (None, ())
    assert all(word in warning for word, warning in zip(words, converged.report.warnings, strict=True))
    assert converged.actual
    assert policy.effective(desired(**pin), converged.actual) == _release("2.330.0", "d" * 64, "")


@pytest.mark.parametrize(
    ("pin", "checksums", "newest", "installed"),
    [
        (None, {}, "2.336.0", _release("2.336.0")),
        ("2.335.1", {}, "2.335.1", _release()),
        ("2.330.0", {}, "2.335.1", _release("2.330.0", "", "")),
        ("2.330.0", {"arm64": "c" * 64}, "2.335.1", _release("2.330.0", "", "c" * 64)),
        ("2.330.0", {"x64": "d" * 64, "arm64": "c" * 64}, "2.335.1", _release("2.330.0", "d" * 64, "c" * 64)),
        ("2.335.1", {"arm64": "c" * 64}, "2.335.1", _release(arm64="c" * 64)),
    ],
)
def test_the_newest_release_or_the_pinned_one_with_its_own_checksums_is_installed(
    pin: str | None, checksums: dict[str, str], newest: str, installed: Release
) -> None:
    """GitHub lists the checksums of the newest only; given ones come first."""
    wanted = desired(runner_version=pin, runner_checksums=tuple(checksums.items()))
    assert policy.effective(wanted, Actual(_release(newest), _seen(), answered=True)) == installed


OLDEST = "2.329.0"


@pytest.mark.parametrize(
    ("pinned", "recorded", "warned"),
    [
        ("2.328.9", _seen(), [OLDEST]),
        ("2.328.9", _seen(v2_330_0=31), [OLDEST, "2.330.0"]),
        ("2.329.0", _seen(), []),
        ("10.0.0", _seen(v2_330_0=31), []),
        ("2.334.0", _seen(v2_335_1=30), []),
        ("2.334.0", _seen(v2_335_1=31), ["2.335.1"]),
        ("2.334.0", _seen(v2_335_0=31, v2_335_1=2), ["2.335.0"]),
        ("2.334.0", _seen(v2_335_0=2, v2_335_1=31), ["2.335.1"]),
        ("2.334.0", _seen(v2_333_0=300, v2_334_0=200, v2_335_1=2), []),
        ("2.335.1", _seen(v2_335_1=300), []),
        ("2.334.0", Recorded(_release(), NOW, (("2.335.1", "nonsense"),)), []),
        (None, _seen(v2_335_1=300), []),
    ],
)
def test_a_pin_that_github_refuses_or_soon_will_is_warned_of(
    pinned: str | None, recorded: Recorded, warned: list[str]
) -> None:
    """By the first newer version known for more than 30 days, even if newer ones came since."""
    plan = policy.plan(desired(runner_version=pinned), Actual(recorded.release, recorded, notes=("noted.",)), NOW)
    assert plan.warnings[0] == "noted."
    for word, warning in zip(warned, plan.warnings[1:], strict=True):
        assert all(each in warning for each in (word, f"actions-runner-version {pinned}", "latest"))


@pytest.mark.parametrize(
    ("pinned", "server", "warned"),
    [
        ("2.321.0", SERVER, []),
        ("2.322.0", SERVER, []),
        ("2.320.9", SERVER, ["ghes.example.com"]),
        ("2.320.9", "https://octo.ghe.com", ["2.329.0", "2.321.0"]),
    ],
)
def test_a_pin_on_an_enterprise_server_is_judged_by_what_it_offers(pinned: str, server: str, warned: list[str]) -> None:
    """Its versions are older than github.com's, and it gives jobs to them for longer than a month."""
    recorded = evolve(_seen(v2_321_0=300), release=_release("2.321.0"))
    actual = Actual(recorded.release, recorded)
    warnings = policy.plan(desired(runner_version=pinned, github_server_url=server), actual, NOW).warnings
    assert all(word in warning for word, warning in zip(warned, warnings, strict=True))


def test_only_the_newest_twenty_versions_are_remembered() -> None:
    """Versions are ordered as numbers."""
    seen = tuple((f"2.{number}.0", "2026-01-01T00:00:00Z") for number in range(90, 115))
    actual = Actual(_release("2.115.0"), Recorded(_release("2.114.0"), NOW, seen), answered=True)
    (change,) = policy.plan(desired(), actual, NOW).changes
    assert [version for version, _ in change.first_seen] == [f"2.{number}.0" for number in range(96, 116)]
    assert change == evolve(change, first_seen=()), "a later look at which more time has passed plans the same"
