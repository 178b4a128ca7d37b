"""What can be done to the state table."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from refresh.desired import Tags
from refresh.engine.change import Change, Difference
from refresh.engine.tagging import TagResource
from refresh.pool import records


@frozen
class CreateTable(Change):
    """Create the table with the keys of docs/table.md."""

    noun: ClassVar[str] = "table"
    verb: ClassVar[str] = "create"
    done: ClassVar[str] = "created"
    sign: ClassVar[str] = "+"
    table: str
    tags: Tags = ()

    @property
    def subject(self) -> str:
        return self.table

    @property
    def differences(self) -> tuple[Difference, ...]:
        return tuple(Difference(f"tag {key}", None, value) for key, value in self.tags)


@frozen
class AwaitTable(Change):
    """Wait until a table that is being created, updated or deleted is ACTIVE (or gone)."""

    noun: ClassVar[str] = "table"
    verb: ClassVar[str] = "await"
    done: ClassVar[str] = "awaited"
    table: str
    status: str

    @property
    def subject(self) -> str:
        return f"{self.table} ({self.status})"


@frozen
class EnableTimeToLive(Change):
    """Let DynamoDB delete items by `expiresAt`."""

    noun: ClassVar[str] = "time_to_live"
    verb: ClassVar[str] = "enable"
    done: ClassVar[str] = "enabled"
    table: str

    @property
    def subject(self) -> str:
        return f"on {self.table} ({records.TIME_TO_LIVE_ATTRIBUTE})"


@frozen
class ClaimTable(Change):
    """Record that the table belongs to this repository on this server, unless it is claimed."""

    noun: ClassVar[str] = "table"
    verb: ClassVar[str] = "claim"
    done: ClassVar[str] = "claimed"
    sign: ClassVar[str] = "+"
    table: str
    repository: str
    server: str

    @property
    def subject(self) -> str:
        return f"{self.table} for {self.repository} on {self.server}"


TableChange = CreateTable | AwaitTable | EnableTimeToLive | ClaimTable | TagResource
