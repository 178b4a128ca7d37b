"""Artifacts without a record, and their instances."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from refresh.engine.change import Unchecked
from refresh.pool.ec2_instances import Ec2Instance


@frozen
class Artifact:
    """A HEARTBEAT or WS item without an instance record."""

    entity: str
    identifier: str
    updated_at: str


@frozen
class Actual:
    """Artifacts without a record, and their instances by id, as EC2 shows them."""

    artifacts: tuple[Artifact, ...] = ()
    instances: Mapping[str, Ec2Instance] = field(factory=dict)
    unchecked: Unchecked | None = None
    """Why they were not read; None if they were."""
