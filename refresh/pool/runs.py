"""The RUN item: what `provision` was asked for, by the label that it provided; it expires after 30 days.

Written by `provision`, read by `release`; the form is that of docs/table.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from refresh.pool import records

REUSE = "reuse"
VALUE = {
    "resourceClass": "S",
    "usageClass": "S",
    "count": "N",
    "instanceTypes": "L of S",
    "maxRuntimeMin": "N",
    REUSE: "BOOL",
    "attempt": "N",
    "link": "S",
    "result": "S",
}
"""The members of its value, with their types as docs/table.md writes them."""


@frozen(kw_only=True)
class ProvisionedRun:
    """What `release` needs to know of a RUN item."""

    label: str
    reuse: bool = True
    """Whether its machines may serve other runs afterwards."""


def from_item(item: Mapping[str, Any]) -> ProvisionedRun:
    """Read a RUN item; machines may serve other runs unless it says that they may not."""
    reuse = records.truth(records.mapping(item, "value"), REUSE) is not False
    return ProvisionedRun(label=records.identifier_of(item), reuse=reuse)
