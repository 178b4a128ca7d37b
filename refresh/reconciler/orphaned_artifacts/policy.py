"""Which artifacts are deleted: old ones whose instance is gone; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from refresh.engine.change import Plan
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2State
from refresh.reconciler.orphaned_artifacts.changes import DeleteArtifact

if TYPE_CHECKING:
    from refresh.reconciler.orphaned_artifacts.actual import Actual, Artifact

OLDEST_KEPT = timedelta(hours=1)
"""Living instances write a heartbeat every five seconds, and provision records what it launched within minutes."""


def plan(actual: Actual, now: datetime) -> Plan[DeleteArtifact]:
    """Plan to delete every artifact that is old and whose instance is gone."""
    due = (each for each in actual.artifacts if _old(each, now) and _gone(each, actual))
    return Plan(tuple(map(DeleteArtifact, due)), unchecked=actual.unchecked)


def _old(artifact: Artifact, now: datetime) -> bool:
    written = records.read_time(artifact.updated_at)
    return written is not None and now - written > OLDEST_KEPT


def _gone(artifact: Artifact, actual: Actual) -> bool:
    """Whether EC2 has terminated the instance or does not know it; one that shuts down still writes."""
    instance = actual.instances.get(artifact.identifier)
    return instance is None or instance.state in {Ec2State.TERMINATED, Ec2State.UNKNOWN}
