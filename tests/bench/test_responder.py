"""The responder answers for thousands of instances as EC2 and DynamoDB do, or refuses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tools.bench.messages import Message
from tools.bench.played import Pool, Unknown
from tools.bench.responder import Responder

PAGE = {
    "ExpressionAttributeValues": {":entity": {"S": "TYPE#INSTANCE"}},
    "ExpressionAttributeNames": {"#state": "state", "#identifier": "identifier"},
}


def test_records_come_in_pages_of_a_megabyte_with_the_projected_attributes() -> None:
    """DynamoDB counts whole items and sends the projection."""
    pool = Pool(5000, expired=True)
    found: list[list[dict[str, Any]]] = []
    start: dict[str, Any] = {}
    while True:
        page = json.loads(pool.query({**PAGE, **start}))
        found.append(page["Items"])
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert len(found) == 2
    assert len({item["identifier"]["S"] for items in found for item in items}) == 5000
    assert {name for items in found for item in items for name in item} == {"state", "identifier"}


def test_ended_instances_and_written_items_are_kept() -> None:
    """A collection leaves nothing but history."""
    pool, identifier = Pool(2, expired=True), f"i-{1:017x}"
    keys = [
        {"PK": {"S": f"TYPE#{entity}"}, "SK": {"S": f"ID#{identifier}"}} for entity in ("INSTANCE", "WS", "HISTORY")
    ]
    pool.terminate({"InstanceId.1": identifier})
    pool.transact({"TransactItems": [{"Delete": {"Key": keys[0]}}, {"Delete": {"Key": keys[1]}}]})
    pool.transact({"TransactItems": [{"Put": {"Item": keys[2]}}]})
    assert pool.machines[identifier] == "terminated"
    assert {entity: len(items) for entity, items in pool.items.items()} == {
        "INSTANCE": 1,
        "HEARTBEAT": 2,
        "WS": 1,
        "HISTORY": 1,
    }


@pytest.mark.parametrize("filters", [{}, {"Filter.1.Name": "vpc-id"}, {"Filter.1.Name": "tag:x", "Filter.2.Name": "y"}])
def test_unknown_filters_are_refused(filters: dict[str, str]) -> None:
    with pytest.raises(Unknown):
        Pool(1, expired=False).describe(filters)


def _request(body: bytes, target: str = "") -> Message:
    return Message("POST / HTTP/1.1", (("X-Amz-Target", target),), body)


@pytest.mark.parametrize(
    "request_",
    [
        _request(b"{}", "DynamoDB_20120810.PutItem"),
        _request(b'{"PK": "TYPE#INSTANCE"}', "DynamoDB_20120810.GetItem"),
        _request(b"Action=RunInstances"),
        _request(b"Action=DescribeInstances"),
    ],
)
def test_unknown_calls_are_refused_and_reported(request_: Message, capfd: pytest.CaptureFixture[str]) -> None:

    async def asked() -> bytes:
        return await Responder(1, expired=False, emulators=(0, 0))._answered(request_)

    assert asyncio.run(asked()).startswith(b"HTTP/1.1 400 ")
    assert "bench.responder does not answer" in capfd.readouterr().err
