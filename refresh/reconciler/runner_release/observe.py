"""DynamoDB and GitHub: the recorded release, and GitHub's answer if the record is too old."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from refresh import errors
from refresh.pool import names
from refresh.reconciler.runner_release import releases
from refresh.reconciler.runner_release.actual import Actual

if TYPE_CHECKING:
    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.ports import Clock, ReleaseSource

ASK_AGAIN_AFTER = timedelta(hours=6)


def observe(desired: DesiredState, metadata: MetadataItems, github: ReleaseSource, clock: Clock) -> Actual:
    """Read the record, and ask GitHub if there is none or it is older than `ASK_AGAIN_AFTER`.

    Raises GitHub's error if nothing is recorded and no version is pinned: there is nothing to install then.
    """
    recorded = releases.read_recorded(metadata.read(names.RUNNER_RELEASE_IDENTIFIER))
    if recorded and not releases.trusted(recorded.release, desired.github_server_url):
        recorded = None
    if recorded and timedelta() <= clock.now() - recorded.asked_at < ASK_AGAIN_AFTER:
        return Actual(recorded.release, recorded)
    try:
        offered, notes = releases.read_downloads(github.runner_downloads())
    except errors.ApiError as error:
        if recorded:
            return Actual(recorded.release, recorded, refusal=str(error))
        if desired.runner_version is None:
            raise
        # A server without a list of releases says nothing about the pinned one.
        refusal = "" if error.code == releases.NOT_OFFERED else str(error)
        return Actual(releases.on_github(desired.runner_version), refusal=refusal)
    return Actual(offered, recorded, answered=True, notes=notes)
