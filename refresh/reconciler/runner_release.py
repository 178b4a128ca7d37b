"""GitHub and DynamoDB: which release of the runner GitHub accepts today.

GitHub refuses to register runners below 2.329.0 and stops giving jobs to one that has not installed a newer release
within 30 days of its publication, so a version written down anywhere rots within a month. It is asked for at
https://docs.github.com/en/rest/actions/self-hosted-runners#list-runner-applications-for-a-repository and recorded.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Protocol

from attrs import evolve, field, frozen

from refresh import errors, names, records
from refresh.reconciler.component import attempt
from refresh.report import Change, Difference, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from refresh.desired import DesiredState
    from refresh.reconciler.component import Clock
    from refresh.reconciler.metadata import Metadata
    from refresh.report import Outcome

ASK_AGAIN_AFTER = timedelta(hours=6)
OLDEST_ACCEPTED = (2, 329, 0)
OUTDATED_AFTER = timedelta(days=30)
ARCHITECTURES = ("x64", "arm64")
_VERSIONS_REMEMBERED = 20
# No longer than what the size of the user data was judged with (user_data.Settings.at_their_longest).
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}", re.ASCII)
_FILENAME = re.compile(rf"actions-runner-linux-(x64|arm64)-({_VERSION.pattern})\.tar\.gz", re.ASCII)
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?&=%+-]{1,492}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@frozen
class Archive:
    """Where the runner of one architecture is, and its SHA-256 (hexadecimal; "" when GitHub gave none)."""

    url: str
    sha256: str


@frozen
class RunnerRelease:
    """A version of the runner, `n.n.n`, with an archive for each of `ARCHITECTURES`."""

    version: str
    x64: Archive
    arm64: Archive


@frozen
class Recorded:
    """The METADATA item: the newest release, when GitHub was asked, and when each newer version was first seen."""

    release: RunnerRelease
    asked_at: datetime
    first_seen: tuple[tuple[str, str], ...] = ()


@frozen
class Actual:
    """The newest release that is known, what is recorded, and what GitHub answered if it was asked."""

    newest: RunnerRelease
    recorded: Recorded | None = None
    answered: bool = False
    """Whether `newest` is GitHub's answer of just now."""
    refusal: str = ""
    """Why GitHub did not answer."""
    notes: tuple[str, ...] = ()


class ReleaseSource(Protocol):
    """What this component needs of GitHub."""

    def runner_downloads(self) -> Sequence[Mapping[str, object]]:
        """List the runner applications: `os`, `architecture`, `download_url`, `filename`, `sha256_checksum`."""
        ...


@frozen
class RecordRelease(Change):
    """Record what GitHub offers."""

    noun: ClassVar[str] = "runner_release"
    verb: ClassVar[str] = "record"
    done: ClassVar[str] = "recorded"
    before: str | None
    release: RunnerRelease
    first_seen: tuple[tuple[str, str], ...] = field(eq=False)

    @property
    def subject(self) -> str:
        return self.release.version

    @property
    def differences(self) -> tuple[Difference, ...]:
        if self.before == self.release.version:
            return ()
        return (Difference("version", self.before, self.release.version),)


def plan(desired: DesiredState, actual: Actual, now: datetime) -> Plan[RecordRelease]:
    """Plan to record an answer of GitHub; warn of a pinned version that GitHub refuses or soon will."""
    warnings = list(actual.notes)
    if actual.refusal and actual.recorded:
        warnings.append(
            f"GitHub did not say which runner it accepts ({actual.refusal}); the recorded "
            f"{actual.recorded.release.version} of {records.wire_time(actual.recorded.asked_at)} is used."
        )
    first_seen = _first_seen(actual, now)
    if desired.runner_version:
        warnings += _pin_warnings(desired.runner_version, first_seen, now)
    if not actual.answered:
        return Plan((), tuple(warnings))
    before = actual.recorded.release.version if actual.recorded else None
    return Plan((RecordRelease(before, actual.newest, first_seen),), tuple(warnings))


def effective(desired: DesiredState, actual: Actual) -> RunnerRelease:
    """Choose what new instances install: the pinned version or the newest one known."""
    newest, pinned = actual.newest, desired.runner_version
    if pinned is None or pinned == newest.version:
        return newest
    return RunnerRelease(
        pinned, *(_repinned(archive, newest.version, pinned) for archive in (newest.x64, newest.arm64))
    )


def read_downloads(downloads: Sequence[Mapping[str, object]]) -> tuple[RunnerRelease, tuple[str, ...]]:
    """Read GitHub's list: the release and what is missing in it.

    Raises `Unavailable` if it does not name an archive of one version for both architectures.
    """
    archives: dict[str, Archive] = {}
    versions: dict[str, str] = {}
    for download in downloads:
        found = _FILENAME.fullmatch(str(download.get("filename", "")))
        url = str(download.get("download_url", ""))
        if download.get("os") != "linux" or not found or not _URL.fullmatch(url):
            continue
        architecture, version = found.groups()
        checksum = str(download.get("sha256_checksum") or "").lower()
        archives[architecture] = Archive(url, checksum if _SHA256.fullmatch(checksum) else "")
        versions[architecture] = version
    if set(archives) != set(ARCHITECTURES) or len(set(versions.values())) != 1:
        raise errors.Unavailable(
            "GitHub runner downloads",
            "Unexpected",
            f"linux archives of one version for x64 and arm64 are expected; it lists {versions or 'none'}.",
        )
    notes = tuple(
        f"GitHub gave no SHA-256 for the runner {versions[architecture]} ({architecture}); instances cannot verify it."
        for architecture in ARCHITECTURES
        if not archives[architecture].sha256
    )
    return RunnerRelease(versions["x64"], archives["x64"], archives["arm64"]), notes


def read_recorded(item: Mapping[str, object]) -> Recorded | None:
    """Read the METADATA item; None when it is absent or not as written by this action."""
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
    return Recorded(RunnerRelease(version, *archives), asked_at, tuple(sorted(seen, key=lambda pair: _parts(pair[0]))))


@frozen
class ReleaseOfRunner:
    """Keeps the recorded release fresh."""

    name: ClassVar[str] = "runner release"
    desired: DesiredState
    metadata: Metadata
    github: ReleaseSource
    clock: Clock

    def observe(self) -> Actual:
        """Read the record, and ask GitHub where it is absent or older than `ASK_AGAIN_AFTER`.

        Raises GitHub's error where nothing is recorded: nobody knows then what to install.
        """
        recorded = read_recorded(self.metadata.read(names.RUNNER_RELEASE_IDENTIFIER))
        if recorded and timedelta() <= self.clock.now() - recorded.asked_at < ASK_AGAIN_AFTER:
            return Actual(recorded.release, recorded)
        try:
            offered, notes = read_downloads(self.github.runner_downloads())
        except errors.ApiError as error:
            if recorded is None:
                raise
            return Actual(recorded.release, recorded, refusal=str(error))
        return Actual(offered, recorded, answered=True, notes=notes)

    def plan(self, actual: Actual, now: datetime) -> Plan[RecordRelease]:
        """See the module's `plan`."""
        return plan(self.desired, actual, now)

    def predict(self, actual: Actual, changes: Sequence[RecordRelease], now: datetime) -> Actual:
        """Tell what will be known once these changes are made."""
        for change in changes:
            actual = Actual(change.release, Recorded(change.release, now, change.first_seen))
        return actual

    def apply(self, changes: Sequence[RecordRelease]) -> Iterator[Outcome]:
        """Record the release."""
        for change in changes:
            yield attempt(change, self.metadata.write, names.RUNNER_RELEASE_IDENTIFIER, self._value(change))

    def _value(self, change: RecordRelease) -> Mapping[str, object]:
        release = change.release
        return {
            "version": release.version,
            "x64": {"url": release.x64.url, "sha256": release.x64.sha256},
            "arm64": {"url": release.arm64.url, "sha256": release.arm64.sha256},
            "asked_at": records.wire_time(self.clock.now()),
            "firstSeen": dict(change.first_seen),
        }


def _first_seen(actual: Actual, now: datetime) -> tuple[tuple[str, str], ...]:
    """Remember when each version was first offered, the newest ones only."""
    seen = dict(actual.recorded.first_seen) if actual.recorded else {}
    if actual.answered:
        seen.setdefault(actual.newest.version, records.wire_time(now))
    return tuple(sorted(seen.items(), key=lambda pair: _parts(pair[0]))[-_VERSIONS_REMEMBERED:])


def _pin_warnings(pinned: str, first_seen: tuple[tuple[str, str], ...], now: datetime) -> Iterator[str]:
    remedy = "Set actions-runner-version to 'latest'."
    if _parts(pinned) < OLDEST_ACCEPTED:
        oldest = ".".join(map(str, OLDEST_ACCEPTED))
        yield f"actions-runner-version {pinned}: GitHub refuses to register runners below {oldest}. {remedy}"
    for version, seen in first_seen:
        seen_at = records.read_time(seen)
        if _parts(version) > _parts(pinned) and seen_at and now - seen_at > OUTDATED_AFTER:
            yield (
                f"actions-runner-version {pinned}: {version} is out since {seen} or earlier, and GitHub gives no "
                f"jobs to a runner that is more than 30 days behind. {remedy}"
            )
            return


def _repinned(archive: Archive, newest: str, pinned: str) -> Archive:
    return evolve(archive, url=archive.url.replace(newest, pinned), sha256="")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
