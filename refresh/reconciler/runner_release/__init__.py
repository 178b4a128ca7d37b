"""GitHub and DynamoDB: which release of the runner GitHub accepts today.

GitHub refuses to register runners below 2.329.0 and stops giving jobs to one that has not installed a newer release
within 30 days of its publication, so a version written down anywhere rots within a month. It is asked for at
https://docs.github.com/en/rest/actions/self-hosted-runners#list-runner-applications-for-a-repository and recorded.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from refresh import errors
from refresh.engine.change import Plan
from refresh.engine.component import attempt
from refresh.pool import names, records
from refresh.reconciler.runner_release import policy, releases
from refresh.reconciler.runner_release.policy import Actual, RecordRelease
from refresh.reconciler.runner_release.releases import (
    Recorded,
    read_downloads,
    read_recorded,
    trusted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome
    from refresh.ports import Clock, ReleaseSource

ASK_AGAIN_AFTER = timedelta(hours=6)


@frozen
class RunnerRelease:
    """Keeps the recorded release fresh."""

    name: ClassVar[str] = "runner release"
    desired: DesiredState
    metadata: MetadataItems
    github: ReleaseSource
    clock: Clock

    def observe(self) -> Actual:
        """Read the record, and ask GitHub where it is absent or older than `ASK_AGAIN_AFTER`.

        Raises GitHub's error where nothing is recorded and no version is pinned: there is nothing to install then.
        """
        recorded = read_recorded(self.metadata.read(names.RUNNER_RELEASE_IDENTIFIER))
        if recorded and not trusted(recorded.release, self.desired.github_server_url):
            recorded = None
        if recorded and timedelta() <= self.clock.now() - recorded.asked_at < ASK_AGAIN_AFTER:
            return Actual(recorded.release, recorded)
        try:
            offered, notes = read_downloads(self.github.runner_downloads())
        except errors.ApiError as error:
            if recorded:
                return Actual(recorded.release, recorded, refusal=str(error))
            if self.desired.runner_version is None:
                raise
            # A server that offers none has nothing to say about a pin.
            refusal = "" if error.code == releases.NOT_OFFERED else str(error)
            return Actual(releases.on_github(self.desired.runner_version), refusal=refusal)
        return Actual(offered, recorded, answered=True, notes=notes)

    def plan(self, actual: Actual, now: datetime) -> Plan[RecordRelease]:
        """See `policy.plan`."""
        return policy.plan(self.desired, actual, now)

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
