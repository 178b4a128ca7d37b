"""The calls that the clients make by themselves; a run does not import this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool.permissions import Needs

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

CALLS: Calls = {
    "sts:AssumeRoleWithWebIdentity": Needs(
        "the role's trust policy allows it, no other policy is needed", only_with="role-to-assume"
    ),
}
