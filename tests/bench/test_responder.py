"""What plays EC2 and DynamoDB for thousands of instances answers as they do, or not at all."""

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


def test_the_responder_gives_all_records_in_pages_of_a_megabyte_with_what_was_asked_for() -> None:
    """DynamoDB counts whole items, and sends what is left of them."""
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


def test_the_responder_ends_instances_and_remembers_what_is_written_of_them() -> None:
    """So a collection that is played through leaves nothing behind but history."""
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
def test_the_responder_describes_nothing_by_filters_that_it_does_not_know(filters: dict[str, str]) -> None:
    """An answer that ignored them would look right."""
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
def test_the_responder_refuses_loudly_what_it_cannot_play(request_: Message, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing that it does not do may look as if it were done."""

    async def asked() -> bytes:
        return await Responder(1, expired=False, emulators=(0, 0))._answered(request_)

    assert asyncio.run(asked()).startswith(b"HTTP/1.1 400 ")
    assert "bench.responder does not answer" in capfd.readouterr().err
