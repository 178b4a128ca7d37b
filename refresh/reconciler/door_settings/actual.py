"""What the table and IAM hold of the pool, and what the SETTINGS item says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class RunnerRole:
    """The role that the pool's instances get."""

    id: str = ""
    """The unique id, `AROA...`; "" if it is unknown."""
    unknown_because: str = ""
    """The input, the problem and the remedy."""


@frozen
class Actual:
    """The METADATA values that are repeated, and the stored value; both in DynamoDB's low-level form."""

    recorded: Mapping[str, Any] = field(factory=dict)
    """By identifier, without the registration token; an item that is not stored is left out."""
    token_expires_at: str = ""
    """The stored registration token's expiry as it is written; "" without a token."""
    stored: Mapping[str, Any] | None = None
    """The value of the SETTINGS item."""
    role: RunnerRole = RunnerRole()
