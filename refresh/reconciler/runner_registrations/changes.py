"""The one change: remove a registration."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from refresh.engine.change import Change


@frozen
class RemoveRegistration(Change):
    """Remove a registration whose instance has ended."""

    noun: ClassVar[str] = "runner_registration"
    verb: ClassVar[str] = "remove"
    done: ClassVar[str] = "removed"
    sign: ClassVar[str] = "-"
    id: int
    name: str

    @property
    def subject(self) -> str:
        return self.name
