"""Which heartbeats and signals are deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from refresh.engine.change import Plan
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.reconciler.orphaned_artifacts.actual import Actual, Artifact
from refresh.reconciler.orphaned_artifacts.changes import DeleteArtifact
from refresh.reconciler.orphaned_artifacts.policy import plan
from tests.fakes.serial import NOW

ID = "i-0123456789abcdef0"
YOUNG, OLD = (records.wire_time(NOW - timedelta(hours=1, seconds=seconds)) for seconds in (0, 1))


@pytest.mark.parametrize(
    ("written", "state", "deleted"),
    [
        (OLD, None, True),
        *((OLD, state, state in {Ec2State.TERMINATED, Ec2State.UNKNOWN}) for state in Ec2State),
        (YOUNG, None, False),
        ("soon", None, False),
        ("", None, False),
    ],
)
def test_an_artifact_is_deleted_when_it_is_old_and_its_instance_is_gone(
    written: str, state: Ec2State | None, *, deleted: bool
) -> None:
    artifact = Artifact(records.HEARTBEAT, ID, written)
    instances = {ID: Ec2Instance(ID, state)} if state else {}
    assert plan(Actual((artifact,), instances), NOW) == Plan((DeleteArtifact(artifact),) if deleted else ())


def test_a_deletion_names_the_artifact_and_its_age() -> None:
    change = DeleteArtifact(Artifact(records.HEARTBEAT, ID, OLD))
    assert str(change) == f"delete artifact HEARTBEAT of {ID}"
    assert OLD in change.note
