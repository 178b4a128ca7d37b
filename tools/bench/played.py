"""Thousands of instances as EC2 and DynamoDB would tell of them, from memory."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refresh.pool import records
from tests.fakes import instance_items

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE_BYTES = 1_000_000
"""How much a page of a query holds before its projection: DynamoDB's megabyte."""
_RESERVATION = Path(__file__).with_name("reservation.xml").read_text(encoding="utf-8").replace("\n", "")
"""A reservation as EC2 describes it, which is most of what a large pool costs."""
_RUN = "17234567890"
_STATES = ("idle", "claimed", "running", "created")
_CODES = {"running": 16, "terminated": 48}


class Unknown(Exception):
    """Nothing here answers this: what was asked must not look as if it had been done."""


class Pool:
    """The instances of one pool, as EC2 and the table have them."""

    def __init__(self, number: int, *, expired: bool) -> None:
        now = datetime.now(UTC)
        threshold = now + (timedelta(minutes=-5) if expired else timedelta(minutes=20))
        self.launched = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self._template = "lt-unknown"
        self.machines = {f"i-{each:017x}": "running" for each in range(1, number + 1)}
        self.items: dict[str, dict[str, dict[str, Any]]] = {
            records.INSTANCE: {},
            records.HEARTBEAT: {},
            records.SIGNAL: {},
        }
        for place, identifier in enumerate(self.machines):
            self._record(identifier, _STATES[place % len(_STATES)], threshold, now)

    def _record(self, identifier: str, state: str, threshold: datetime, written: datetime) -> None:
        record = instance_items.record(
            identifier,
            written,
            state=state,
            runId=_RUN if state == "running" else "",
            threshold=records.wire_time(threshold),
            instanceType="m7i-flex.large",
        )
        for item in (record, *instance_items.artifacts(identifier, written, _RUN)):
            self.items[item["entityType"]["S"]][identifier] = item

    def describe(self, query: Mapping[str, str]) -> str:
        """Answer DescribeInstances, by the template's tag or by ids."""
        kind = query.get("Filter.1.Name", "")
        if not kind.startswith(("tag:", "instance-id")) or "Filter.2.Name" in query:
            raise Unknown("filters other than one by tag or by instance-id")
        values = [value for name, value in query.items() if name.startswith("Filter.1.Value.")]
        by_tag = kind.startswith("tag:")
        found = list(self.machines) if by_tag else [each for each in values if each in self.machines]
        start, size = int(query.get("NextToken", 0)), int(query.get("MaxResults", 1000))
        # Whoever looks for ids has seen the template's own id before: all instances are found by it first.
        self._template = values[0] if by_tag else self._template
        listed = "".join(self._reservation(each) for each in found[start : start + size])
        following = f"<nextToken>{start + size}</nextToken>" if start + size < len(found) else ""
        return _xml("DescribeInstances", f"<reservationSet>{listed}</reservationSet>{following}")

    def _reservation(self, identifier: str) -> str:
        tags = {
            "aws:ec2launchtemplate:id": self._template,
            "aws:ec2launchtemplate:version": "1",
            "aws:ec2:fleet-id": "fleet-0123456789abcdef0",
            "AllowSelfTermination": "true",
            "InitialRunId": _RUN,
            "Name": "runner",
        }
        state = self.machines[identifier]
        shown = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in tags.items())
        return _RESERVATION.format(
            id=identifier,
            code=_CODES[state],
            state=state,
            launched=self.launched,
            tags=shown,
        )

    def terminate(self, query: Mapping[str, str]) -> str:
        """Answer TerminateInstances: they end at once."""
        ids = [value for name, value in query.items() if name.startswith("InstanceId.")]
        self.machines |= dict.fromkeys(ids, "terminated")
        listed = "".join(
            f"<item><instanceId>{each}</instanceId><currentState><code>32</code><name>shutting-down</name></currentState>"
            "<previousState><code>16</code><name>running</name></previousState></item>"
            for each in ids
        )
        return _xml("TerminateInstances", f"<instancesSet>{listed}</instancesSet>")

    def query(self, asked: Mapping[str, Any]) -> str:
        """Answer Query of an entity: pages of a megabyte, projected."""
        entity = asked["ExpressionAttributeValues"][":entity"]["S"].removeprefix("TYPE#")
        names = set(asked["ExpressionAttributeNames"].values())
        after = asked.get("ExclusiveStartKey", {}).get("SK", {}).get("S", "")
        page: list[dict[str, Any]] = []
        size, seen, last = 0, "", None
        for item in self.items.get(entity, {}).values():
            if item["SK"]["S"] <= after:
                continue
            size += _size(item)
            if size > PAGE_BYTES:
                last = {"PK": item["PK"], "SK": {"S": seen}}
                break
            seen = item["SK"]["S"]
            page.append({name: value for name, value in item.items() if name in names})
        return json.dumps({"Items": page, "Count": len(page), **({"LastEvaluatedKey": last} if last else {})})

    def transact(self, asked: Mapping[str, Any]) -> str:
        """Answer TransactWriteItems; conditions always hold, as there is no other writer."""
        for action in asked["TransactItems"]:
            ((kind, what),) = action.items()
            key = what["Item"] if kind == "Put" else what["Key"]
            entity, identifier = key["PK"]["S"].removeprefix("TYPE#"), key["SK"]["S"].removeprefix("ID#")
            if kind == "Delete":
                self.items[entity].pop(identifier, None)
            elif kind == "Update":
                names, values = what["ExpressionAttributeNames"], what["ExpressionAttributeValues"]
                written = {name: values[f":{alias[1:]}"] for alias, name in names.items() if f":{alias[1:]}" in values}
                self.items[entity][identifier] |= written
            else:
                self.items.setdefault(entity, {})[identifier] = what["Item"]
        return "{}"


def _size(item: Mapping[str, Any]) -> int:
    """Count an item's bytes as DynamoDB does: its names and what they hold."""
    contents = ((name, next(iter(each.values()))) for name, each in item.items())
    return sum(len(name) + (_size(each) if isinstance(each, dict) else len(each)) for name, each in contents)


def _xml(operation: str, content: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>00000000-0000-0000-0000-000000000000</requestId>{content}</{operation}Response>"
    )
