"""DynamoDB: the SETTINGS item as `provision` and `release` read it, refused if it is not that of their pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import errors
from refresh.pool import names, records, settings

if TYPE_CHECKING:
    from refresh.desired import PoolAccess

KEY = (records.SETTINGS, names.SETTINGS_IDENTIFIER)
"""Entity and identifier of the item."""


def read(desired: PoolAccess, item: records.Item, action: str) -> settings.Settings:
    """Read the item; raises `Refused` if there is none, or if the pool belongs to another repository."""
    pool = settings.from_item(item)
    if pool is None:
        raise errors.Refused(
            f"the table {names.table(desired.repository)} has no settings for {action}. Run the pool's refresh "
            f"workflow with a version of org/refresh-action that has {action}."
        )
    _require_owner(desired, pool)
    return pool


def no_table(desired: PoolAccess) -> errors.Refused:
    """Return the refusal for a pool without a table."""
    return errors.Refused(
        f"there is no table {names.table(desired.repository)} in {desired.region}: check repository and aws-region, "
        "and that the refresh workflow has run there."
    )


def _require_owner(desired: PoolAccess, pool: settings.Settings) -> None:
    """Refuse the table of another repository: `a-b/c` and `a/b-c` have tables of the same name."""
    wanted, found = (str(desired.repository), desired.github_server), (pool.repository, pool.server)
    if wanted != found:
        raise errors.Refused(
            f"the table {names.table(desired.repository)} is that of {found[0]} on {found[1]}, not of {wanted[0]} on "
            f"{wanted[1]}: check repository, or use another account or region."
        )
