"""The one change: delete an artifact."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from refresh.engine.change import Change
from refresh.reconciler.orphaned_artifacts.actual import Artifact


@frozen
class DeleteArtifact(Change):
    """Delete an artifact, unless it was written again since it was read."""

    noun: ClassVar[str] = "artifact"
    verb: ClassVar[str] = "delete"
    done: ClassVar[str] = "deleted"
    sign: ClassVar[str] = "-"
    artifact: Artifact

    @property
    def subject(self) -> str:
        return f"{self.artifact.entity} of {self.artifact.identifier}"

    @property
    def note(self) -> str:
        return f"orphaned, last written {self.artifact.updated_at}"
