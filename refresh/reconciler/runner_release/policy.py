"""Which release new instances install, and which pinned versions GitHub refuses; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import evolve

from refresh.engine.change import Plan, Unchecked
from refresh.pool import records
from refresh.reconciler.runner_release.changes import RecordRelease
from refresh.reconciler.runner_release.releases import Archive, Release, parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.reconciler.runner_release.actual import Actual

OLDEST_ACCEPTED = (2, 329, 0)
OUTDATED_AFTER = timedelta(days=30)
_VERSIONS_REMEMBERED = 20
_LATEST = "Set actions-runner-version to 'latest'."


def plan(desired: DesiredState, actual: Actual, now: datetime) -> Plan[RecordRelease]:
    """Plan to record GitHub's answer; warn of a pinned version that GitHub refuses or soon will."""
    warnings = list(actual.notes)
    if actual.refusal and actual.recorded:
        warnings.append(
            f"GitHub did not return its runner releases ({actual.refusal}); using "
            f"{actual.recorded.release.version}, recorded at {records.wire_time(actual.recorded.asked_at)}."
        )
    elif actual.refusal:
        warnings.append(
            f"GitHub did not return its runner releases ({actual.refusal}); the pinned {desired.runner_version} is "
            "installed from github.com."
        )
    first_seen = _first_seen(actual, now)
    if desired.runner_version and desired.on_enterprise_server:
        warnings += _enterprise_pin_warnings(desired, desired.runner_version, actual.newest.version)
    elif desired.runner_version:
        warnings += _pin_warnings(desired.runner_version, first_seen, now)
    if not actual.answered:
        unchecked = Unchecked("GitHub did not answer (see the warning)") if actual.refusal else None
        return Plan((), tuple(warnings), unchecked=unchecked)
    before = actual.recorded.release.version if actual.recorded else None
    return Plan((RecordRelease(before, actual.newest, first_seen),), tuple(warnings))


def effective(desired: DesiredState, actual: Actual) -> Release:
    """Return what new instances install: the pinned version or the newest known one."""
    newest, pinned = actual.newest, desired.runner_version
    if pinned is None:
        return newest
    checksums = dict(desired.runner_checksums)
    return Release(
        pinned,
        _repinned(newest.x64, newest.version, pinned, checksums.get("x64")),
        _repinned(newest.arm64, newest.version, pinned, checksums.get("arm64")),
    )


def _first_seen(actual: Actual, now: datetime) -> tuple[tuple[str, str], ...]:
    """Return when each of the newest versions was first offered."""
    seen = dict(actual.recorded.first_seen) if actual.recorded else {}
    if actual.answered:
        seen.setdefault(actual.newest.version, records.wire_time(now))
    return tuple(sorted(seen.items(), key=lambda pair: parts(pair[0]))[-_VERSIONS_REMEMBERED:])


def _enterprise_pin_warnings(desired: DesiredState, pinned: str, offered: str) -> Iterator[str]:
    """Compare a pinned version with what the server offers, since github.com's versions do not apply to it."""
    if parts(pinned) < parts(offered):
        yield (
            f"actions-runner-version {pinned}: {desired.github_server} offers {offered} and may refuse older versions. "
            f"{_LATEST}"
        )


def _pin_warnings(pinned: str, first_seen: tuple[tuple[str, str], ...], now: datetime) -> Iterator[str]:
    if parts(pinned) < OLDEST_ACCEPTED:
        oldest = ".".join(map(str, OLDEST_ACCEPTED))
        yield f"actions-runner-version {pinned}: GitHub refuses to register runners below {oldest}. {_LATEST}"
    for version, seen in first_seen:
        seen_at = records.read_time(seen)
        if parts(version) > parts(pinned) and seen_at and now - seen_at > OUTDATED_AFTER:
            yield (
                f"actions-runner-version {pinned}: {version} was released on or before {seen}, and GitHub gives no "
                f"jobs to a runner that is more than 30 days behind. {_LATEST}"
            )
            return


def _repinned(archive: Archive, newest: str, pinned: str, checksum: str | None) -> Archive:
    """Return the pinned version's archive; GitHub lists the checksum of the newest version only."""
    known = archive.sha256 if pinned == newest else ""
    return evolve(archive, url=archive.url.replace(newest, pinned), sha256=checksum or known)
