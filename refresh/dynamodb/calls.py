"""The calls with which METADATA items and the SETTINGS item are read and written, for every component that keeps one.

A run does not import this module: it asks DynamoDB for the items before the components are loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool.permissions import STATE_TABLE, Needs

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

CALLS: Calls = {
    "dynamodb:BatchGetItem": Needs("always: all METADATA items of the pool, and SETTINGS", STATE_TABLE),
    "dynamodb:GetItem": Needs(
        "a METADATA item or SETTINGS, after a write that was refused or not answered", STATE_TABLE
    ),
    "dynamodb:PutItem": Needs(
        "a METADATA item or SETTINGS differs: a parameter, the registration token", STATE_TABLE, writes=True
    ),
}
