"""DynamoDB: what the agents of waiting machines report, and what became of machines that were launched to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.dynamodb import items, reports
from refresh.pool import names, records
from refresh.pool.settings import from_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor

    from types_boto3_dynamodb import DynamoDBClient

    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.pool.signals import Report
    from refresh.ports import Clock


def role_id(metadata: MetadataItems) -> str:
    """Return the id of the instances' role, which the keys of their reports have; "" if it is unknown."""
    known = from_item(metadata.read(names.SETTINGS_IDENTIFIER, records.SETTINGS))
    return known.runner_role_id if known else ""


def read_reports(  # noqa: PLR0913, PLR0917 - the clients, the table and the keys
    dynamodb: DynamoDBClient, clock: Clock, executor: Executor, table: str, role: str, identifiers: Sequence[str]
) -> dict[str, Report]:
    """Read what the agents of these machines report."""
    return reports.read(dynamodb, clock, executor, table, role, identifiers) if identifiers else {}


def history(dynamodb: DynamoDBClient, clock: Clock, table: str, identifiers: Iterable[str]) -> dict[str, str]:
    """Read in which state these machines were when they were marked; nothing of those that were not cleaned up."""
    wanted = list(identifiers)
    found = items.by_identifier(dynamodb, clock, table, records.HISTORY, wanted) if wanted else {}
    return {identifier: records.text(each, "endedState") or "" for identifier, each in found.items()}
