"""GitHub and DynamoDB: which release of the runner GitHub accepts today.

GitHub refuses to register runners below 2.329.0 and stops giving jobs to one that has not installed a newer release
within 30 days of its publication, so a version written down anywhere is outdated within a month. GitHub is asked for it
and its answer recorded:
https://docs.github.com/en/rest/actions/self-hosted-runners#list-runner-applications-for-a-repository
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from refresh.engine.component import attempt
from refresh.engine.registration import Item, Registration
from refresh.pool import names
from refresh.reconciler.runner_release import observe, policy, releases
from refresh.reconciler.runner_release.actual import Actual
from refresh.reconciler.runner_release.releases import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome, Plan
    from refresh.ports import Clock, ReleaseSource
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.runner_release.changes import RecordRelease


@frozen
class RunnerRelease:
    """Keeps the recorded release fresh."""

    name: ClassVar[str] = "runner release"
    desired: DesiredState
    metadata: MetadataItems
    github: ReleaseSource
    clock: Clock

    def observe(self) -> Actual:
        """See `observe.observe`."""
        return observe.observe(self.desired, self.metadata, self.github, self.clock)

    def plan(self, actual: Actual, now: datetime) -> Plan[RecordRelease]:
        """See `policy.plan`."""
        return policy.plan(self.desired, actual, now)

    def apply(self, changes: Sequence[RecordRelease]) -> Iterator[Outcome]:
        """Record the release."""
        for change in changes:
            value = releases.recorded_value(Recorded(change.release, self.clock.now(), change.first_seen))
            yield attempt(change, self.metadata.write, names.RUNNER_RELEASE_IDENTIFIER, value)

    def predict(self, actual: Actual, changes: Sequence[RecordRelease], now: datetime) -> Actual:
        """Return what is known after these changes."""
        for change in changes:
            actual = Actual(change.release, Recorded(change.release, now, change.first_seen))
        return actual


COMPONENT: Registration[Dependencies] = Registration(
    name=RunnerRelease.name,
    kept_in="an item of the table",
    keeps="the runner that GitHub accepts today, with its checksums",
    changes="records it with its checksums",
    checked="every run; GitHub is called again after six hours",
    items=(
        Item(
            names.RUNNER_RELEASE_IDENTIFIER,
            "M {version: S, x64: M {url: S, sha256: S}, arm64: M {url: S, sha256: S}, asked_at: S, "
            "firstSeen: M {<version>: S}}",
            "the runner that GitHub accepts, and when each version was first seen",
            "refresh alone",
        ),
    ),
    after=("state table",),
    build=lambda given: RunnerRelease(given.desired, given.prefetch.metadata, given.clients.github, given.clock),
)
