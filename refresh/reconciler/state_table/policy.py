"""What the state table must be, and to which repository it must belong; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import errors
from refresh.engine import tagging
from refresh.engine.change import Plan
from refresh.pool import names, records
from refresh.reconciler.state_table.actual import Claim
from refresh.reconciler.state_table.changes import AwaitTable, ClaimTable, CreateTable, EnableTimeToLive, TableChange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from refresh.desired import DesiredState
    from refresh.reconciler.state_table.actual import Actual

KEY_SCHEMA = (("PK", "HASH", "S"), ("SK", "RANGE", "S"))
_ARCHIVED = (
    "DynamoDB archived the table after seven days without the key. Restore the backup that it made then, under the "
    "same name and with a usable key."
)
_LASTING_STATUSES = {
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": (
        "Enable the key, cancel its deletion, or allow DynamoDB and this role kms:Decrypt in its policy. After seven "
        "days DynamoDB archives the table."
    ),
    "ARCHIVING": _ARCHIVED,
    "ARCHIVED": _ARCHIVED,
}
"""Statuses that do not end by themselves, with their remedies.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
"""
_USABLE_TIME_TO_LIVE = ("ENABLED", "ENABLING")


def plan(desired: DesiredState, actual: Actual) -> Plan[TableChange]:
    """Plan the table; one with another key schema or another owner is refused and never changed."""
    table, repository = names.table(desired.repository), str(desired.repository)
    if actual.status is None:
        return Plan((CreateTable(table, desired.tags),))
    if actual.keys != KEY_SCHEMA:
        raise errors.Refused(
            f"table {table}: its key is {_schema(actual.keys)}, not {_schema(KEY_SCHEMA)}, so it belongs to another "
            "application. Nothing was changed. Use another account or region, or delete the table if you own it."
        )
    _require_our_claim(desired, actual.claim)
    if actual.restoring_to:
        raise errors.Refused(
            f"table {table}: it is being restored to {actual.restoring_to}, which takes minutes or hours. Nothing was "
            'changed. Once it is ACTIVE, continue with "When the table was lost" in docs/operations.md.'
        )
    if remedy := _LASTING_STATUSES.get(actual.status, ""):
        key = f"its KMS key {actual.key}" if actual.key else "the KMS key that encrypts it"
        raise errors.Refused(f"table {table} ({actual.status}): DynamoDB cannot use {key}. {remedy}")
    if actual.status != "ACTIVE":
        return Plan((AwaitTable(table, actual.status),))
    changes: list[TableChange] = []
    if actual.claim is None or not actual.claim.server:
        changes.append(ClaimTable(table, repository, desired.github_server))
    time_to_live = actual.time_to_live
    if not time_to_live.unread and time_to_live.status not in _USABLE_TIME_TO_LIVE:
        changes.append(EnableTimeToLive(table))
    changes += tagging.due(f"table {table}", actual.arn, desired.tags, actual.tags)
    refusals = tagging.refusals(f"table {table}", actual.tags)
    if time_to_live.unread:
        refusals = (f"table {table}: its time-to-live could not be read: {time_to_live.unread}", *refusals)
    return Plan(tuple(changes), tuple(_warnings(table, actual)), refusals)


def usable(desired: DesiredState, actual: Actual) -> bool:
    """Whether other components may write: the table is ACTIVE, has the right key and belongs to this repository."""
    return actual.status == "ACTIVE" and actual.keys == KEY_SCHEMA and actual.claim == our_claim(desired)


def our_claim(desired: DesiredState) -> Claim:
    """Return the claim that a table of this repository has."""
    return Claim(str(desired.repository), desired.github_server)


def _require_our_claim(desired: DesiredState, claim: Claim | None) -> None:
    """Refuse a table of another repository, or of the repository of this name on another server."""
    if claim is None:
        return
    table, ours = names.table(desired.repository), our_claim(desired)
    if claim.repository != ours.repository:
        raise errors.Refused(
            f"table {table}: it belongs to the runner pool of {claim.repository}, not of {ours.repository}; both names "
            "map to this table. Nothing was changed. Use another AWS account or region for one of them."
        )
    if claim.server not in ("", ours.server):
        raise errors.Refused(
            f"table {table}: it belongs to the runner pool of {claim.repository} on {claim.server}, not on "
            f"{ours.server}. Nothing was changed. Use another AWS account or region for one of them. If the server was "
            f"renamed, write {ours.server} into the attribute server of the table's item TYPE#METADATA, ID#pool."
        )


def _warnings(table: str, actual: Actual) -> Iterator[str]:
    attribute = actual.time_to_live.attribute
    if attribute not in ("", records.TIME_TO_LIVE_ATTRIBUTE):
        yield (
            f"table {table}: its time-to-live is on {attribute!r} and was not changed; history and heartbeats do not "
            f"expire until it is on {records.TIME_TO_LIVE_ATTRIBUTE!r}."
        )
    if not actual.deletion_protection:
        yield f"table {table}: it has no deletion protection. Switch it on; this action did not create the table."
    if not actual.on_demand:
        yield f"table {table}: it has provisioned throughput, not on-demand; a burst of runners may be throttled."


def _schema(keys: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(f"{name} ({kind}, {value_type})" for name, kind, value_type in keys) or "empty"
