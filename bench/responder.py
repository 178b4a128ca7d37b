"""Plays EC2 and DynamoDB for thousands of instances, much faster than the emulators.

moto answers about 200 requests a second and takes 43 s to describe 5,000 instances, which would be all that is
measured. What concerns instances is answered here, from memory; everything else is asked of the emulator once and
answered from memory afterwards, so the pool has to be settled before.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from attrs import evolve

from bench.messages import LIMIT, Message, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PAGE_BYTES = 1_000_000
"""How much a page of a query holds before its projection: DynamoDB's megabyte."""
_RESERVATION = Path(__file__).with_name("reservation.xml").read_text(encoding="utf-8").replace("\n", "")
"""A reservation as EC2 describes it, which is most of what a large pool costs."""
_STATES = ("idle", "claimed", "running", "created")


class Pool:
    """The instances of one pool, as EC2 and the table have them."""

    def __init__(self, number: int, *, expired: bool) -> None:
        now = datetime.now(UTC)
        threshold = now + (timedelta(minutes=-5) if expired else timedelta(minutes=20))
        self.launched = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        self.machines = {f"i-{each:017x}": "running" for each in range(1, number + 1)}
        self.items: dict[str, dict[str, dict[str, Any]]] = {"INSTANCE": {}, "HEARTBEAT": {}, "WS": {}}
        for place, identifier in enumerate(self.machines):
            self._record(identifier, _STATES[place % len(_STATES)], _wire(threshold), _wire(now))

    def _record(self, identifier: str, state: str, threshold: str, written: str) -> None:
        texts = {
            "INSTANCE": {
                "state": state,
                "runId": "17234567890" if state == "running" else "",
                "threshold": threshold,
                "resourceClass": "large",
                "instanceType": "m7i-flex.large",
                "usageClass": "on-demand",
            },
            "HEARTBEAT": {"value": "PING"},
            "WS": {"value": "UD_REG_OK"},
        }
        for entity, attributes in texts.items():
            whole = {"PK": f"TYPE#{entity}", "SK": f"ID#{identifier}", "entityType": entity, "identifier": identifier}
            whole |= {**attributes, "updatedAt": written}
            self.items[entity][identifier] = {name: {"S": value} for name, value in whole.items()}

    def describe(self, query: Mapping[str, str]) -> str:
        """Answer DescribeInstances, by the template's tag or by ids."""
        values = [value for name, value in query.items() if name.startswith("Filter.1.Value.")]
        by_tag = query["Filter.1.Name"].startswith("tag:")
        found = list(self.machines) if by_tag else [each for each in values if each in self.machines]
        start, size = int(query.get("NextToken", 0)), int(query.get("MaxResults", 1000))
        template = values[0] if by_tag else "lt-unknown"
        listed = "".join(self._reservation(each, template) for each in found[start : start + size])
        following = f"<nextToken>{start + size}</nextToken>" if start + size < len(found) else ""
        return _xml("DescribeInstances", f"<reservationSet>{listed}</reservationSet>{following}")

    def _reservation(self, identifier: str, template: str) -> str:
        tags = {
            "aws:ec2launchtemplate:id": template,
            "aws:ec2launchtemplate:version": "1",
            "aws:ec2:fleet-id": "fleet-0123456789abcdef0",
            "AllowSelfTermination": "true",
            "InitialRunId": "17234567890",
        }
        state = self.machines[identifier]
        shown = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in tags.items())
        return _RESERVATION.format(
            id=identifier,
            code=16 if state == "running" else 48,
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
        size, last = 0, None
        for item in self.items.get(entity, {}).values():
            if item["SK"]["S"] <= after:
                continue
            size += sum(len(name) + len(value["S"]) for name, value in item.items())
            if size > PAGE_BYTES:
                last = {"PK": item["PK"], "SK": page[-1]["SK"]}
                break
            page.append({name: value for name, value in item.items() if name in names})
        return json.dumps({"Items": page, "Count": len(page), **({"LastEvaluatedKey": last} if last else {})})

    def transact(self, asked: Mapping[str, Any]) -> str:
        """Answer TransactWriteItems, whose conditions all hold: nobody else is here."""
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
        return "{}"


def _wire(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _xml(operation: str, content: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><{operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>00000000-0000-0000-0000-000000000000</requestId>{content}</{operation}Response>"
    )


class Responder:
    """Answers by the pool what concerns instances, and the rest as the emulators did the first time."""

    def __init__(self, pool: Pool, aws: int, dynamodb: int) -> None:
        self.pool = pool
        self._aws = aws
        self._dynamodb = dynamodb
        self._answers: dict[tuple[str, bytes], bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                request = await read(reader)
                writer.write(self._own(request) or await self._theirs(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _own(self, request: Message) -> bytes | None:
        target = request.header("x-amz-target")
        if target.endswith(".Query"):
            return _answer(self.pool.query(json.loads(request.body)))
        if target.endswith(".TransactWriteItems"):
            return _answer(self.pool.transact(json.loads(request.body)))
        if target:
            return None
        asked = dict(parse_qsl(request.body.decode()))
        if asked.get("Action") == "DescribeInstances":
            return _answer(self.pool.describe(asked), "text/xml")
        if asked.get("Action") == "TerminateInstances":
            return _answer(self.pool.terminate(asked), "text/xml")
        return None

    async def _theirs(self, request: Message) -> bytes:
        target = request.header("x-amz-target")
        key = (target, request.body)
        if key not in self._answers:
            port = self._dynamodb if target.startswith("DynamoDB") else self._aws
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)
            writer.write(request.written())
            found = await read(reader)
            writer.close()
            # A date of then would be taken for a clock that goes wrong.
            kept = evolve(found.without("date"), start=found.start.replace("HTTP/1.0", "HTTP/1.1"))
            self._answers[key] = kept.written()
        return self._answers[key]


def _answer(content: str, kind: str = "application/x-amz-json-1.0") -> bytes:
    return Message("HTTP/1.1 200 OK", (("Content-Type", kind),), content.encode()).written()


async def main(arguments: Iterable[str]) -> None:
    """Serve: the ports of the emulators, how many instances, `expired` or `living`; prints the port.

    Each line on stdin has all instances there again.
    """
    aws, dynamodb, number, kind = arguments
    responder = Responder(Pool(int(number), expired=kind == "expired"), int(aws), int(dynamodb))
    server = await asyncio.start_server(responder.serve, "127.0.0.1", 0, limit=LIMIT)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        responder.pool = Pool(int(number), expired=kind == "expired")
        print("there", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
