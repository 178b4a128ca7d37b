"""The parameters as the table has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class Actual:
    """The stored values."""

    values: Mapping[str, Any] = field(factory=dict)
    """In DynamoDB's low-level form, by identifier; a parameter that is not stored is left out."""
