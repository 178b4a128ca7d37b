"""The state table as DynamoDB describes it."""

from __future__ import annotations

from attrs import frozen

from refresh.engine import tagging


@frozen
class TimeToLive:
    """The attribute by which DynamoDB deletes items; not read while the table is not ready or has another key."""

    status: str = "DISABLED"
    attribute: str = ""
    unread: str = ""
    """Why it could not be read."""


@frozen
class Claim:
    """The repository to which a table says it belongs."""

    repository: str
    server: str
    """The name of its GitHub server; "" in claims by versions that recorded none."""


@frozen(kw_only=True)
class Actual:
    """The table; `status` is None when there is none."""

    status: str | None = None
    keys: tuple[tuple[str, str, str], ...] = ()
    """(name, HASH or RANGE, type) of each key attribute."""
    deletion_protection: bool = False
    on_demand: bool = True
    time_to_live: TimeToLive = TimeToLive()
    claim: Claim | None = None
    """None when the table names no repository."""
    key: str = ""
    """The KMS key that encrypts it; "" for DynamoDB's own."""
    arn: str = ""
    restoring_to: str = ""
    """The time of the backup from which it is being restored; "" if it is not."""
    tags: tagging.Found = tagging.Found()  # noqa: RUF009 - it is frozen
