"""What can be done to the record of the runner release."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from refresh.engine.change import Change, Difference
from refresh.reconciler.runner_release.releases import Release


@frozen
class RecordRelease(Change):
    """Record what GitHub offers."""

    noun: ClassVar[str] = "runner_release"
    verb: ClassVar[str] = "record"
    done: ClassVar[str] = "recorded"
    before: str | None
    """The recorded version."""
    release: Release
    first_seen: tuple[tuple[str, str], ...] = field(eq=False)

    @property
    def subject(self) -> str:
        return self.release.version

    @property
    def differences(self) -> tuple[Difference, ...]:
        if self.before == self.release.version:
            return ()
        return (Difference("version", self.before, self.release.version),)
