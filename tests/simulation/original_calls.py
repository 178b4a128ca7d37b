"""The calls of the archived action's `provision` and `release`, each with the conditions that it writes.

They pass no seam: a seam is the door of the run that is tested.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from refresh import errors
from refresh.pool import records
from tests.fakes.desired import TABLE

if TYPE_CHECKING:
    from tests.simulation.pool import Pool

CALL = 0.02
"""Seconds that a call takes."""
CLAIMED_FOR, CREATED_FOR = 300, 600
EXPIRED = -300
DELAY = 3
"""Seconds by which every message is delayed."""

Message = dict[str, Any]


def _quiet(client: Any, method: str, **request: Any) -> Any:
    """Have a call's effect without its seam."""
    return getattr(type(client), method).__wrapped__(client, **request)


@frozen
class OriginalCalls:
    """The hands of one process, with a clock of its own."""

    pool: Pool
    skew: float = 0
    """Seconds by which its clock is ahead."""
    handles: dict[str, str] = field(factory=dict)

    def time(self, seconds: float = 0) -> str:
        """Write the time in some seconds."""
        return records.wire_time(self._now(seconds))

    def age(self, text: str | None) -> float:
        """Give how many seconds ago a time was, by its clock; endless for none."""
        moment = records.read_time(text or "")
        return (self._now() - moment).total_seconds() if moment else float("inf")

    def get(self, entity: str, identifier: str) -> dict[str, Any]:
        """Read an item; empty for none."""
        key = records.key(entity, identifier)
        answer = _quiet(self.pool.dynamodb, "get_item", TableName=TABLE, Key=key, ConsistentRead=True)
        return cast("dict[str, Any]", answer.get("Item", {}))

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """Read the records of a run: one page, and what an eventually consistent read shows."""
        return self._records("runId", run_id)

    def in_state(self, state: str) -> list[dict[str, Any]]:
        """Read the records in a state, in the same way."""
        return self._records("state", state)

    def _records(self, name: str, value: str) -> list[dict[str, Any]]:
        answer = _quiet(
            self.pool.dynamodb,
            "query",
            TableName=TABLE,
            KeyConditionExpression="PK = :pk",
            FilterExpression="#name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":pk": {"S": "TYPE#INSTANCE"}, ":value": {"S": value}},
        )
        return cast("list[dict[str, Any]]", answer["Items"])

    def change(self, identifier: str, was: str, whose: str, /, **written: str) -> bool:
        """Update a record if its state and run are these and its threshold is ahead; any error is a no."""
        values = {**written, "updatedAt": self.time()}
        names = {f"#{name}": name for name in ("state", "runId", "threshold", *values)}
        condition = "#state = :is_state AND #runId = :is_run AND #threshold > :now"
        asked = {":is_state": was, ":is_run": whose, ":now": self.time()}
        return self._write(
            "Update",
            identifier,
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={
                name: {"S": value} for name, value in {**asked, **{f":{key}": it for key, it in values.items()}}.items()
            },
        )

    def expire(self, identifier: str, state: str, run_id: str) -> bool:
        """Set its threshold into the past; state and run stay."""
        return self.change(identifier, state, run_id, threshold=self.time(EXPIRED))

    def mark(self, identifier: str, was: str, whose: str) -> bool:
        """Mark an expired record as terminated, if it is still as it was."""
        return self._write(
            "Update",
            identifier,
            UpdateExpression="SET #state = :terminated, #runId = :none, #threshold = :now, #updatedAt = :now",
            ConditionExpression="#state = :is_state AND #runId = :is_run AND #threshold < :now",
            ExpressionAttributeNames={f"#{each}": each for each in ("state", "runId", "threshold", "updatedAt")},
            ExpressionAttributeValues={
                ":terminated": {"S": records.TERMINATED},
                ":none": {"S": ""},
                ":now": {"S": self.time()},
                ":is_state": {"S": was},
                ":is_run": {"S": whose},
            },
        )

    def create(self, identifier: str, run_id: str, **attributes: str) -> bool:
        """Write the record of a new instance, if it has none."""
        wanted = {"state": "created", "runId": run_id, "threshold": self.time(CREATED_FOR), **attributes}
        item = records.item(records.INSTANCE, identifier, self._now(), **wanted)
        try:
            _quiet(
                self.pool.dynamodb,
                "put_item",
                TableName=TABLE,
                Item=item,
                ConditionExpression="attribute_not_exists(PK)",
            )
        except errors.ApiError:
            return False
        return True

    def delete(self, identifier: str, run_id: str | None) -> bool:
        """Delete a record, if it is of this run; of any for None."""
        if run_id is None:
            return self._write("Delete", identifier)
        return self._write(
            "Delete",
            identifier,
            ConditionExpression="#runId = :run",
            ExpressionAttributeNames={"#runId": "runId"},
            ExpressionAttributeValues={":run": {"S": run_id}},
        )

    def receive(self, queue_url: str) -> tuple[str, Message] | None:
        """Receive a message without waiting: its handle and what it says."""
        answer = _quiet(self.pool.sqs, "receive_message", QueueUrl=queue_url, MaxNumberOfMessages=1, WaitTimeSeconds=0)
        for message in answer.get("Messages", []):
            return message["ReceiptHandle"], json.loads(message["Body"])
        return None

    def drop(self, queue_url: str, handle: str) -> None:
        """Delete a message."""
        _quiet(self.pool.sqs, "delete_message", QueueUrl=queue_url, ReceiptHandle=handle)

    def send(self, queue_url: str, message: Message) -> None:
        """Send a message."""
        body = json.dumps(message)
        _quiet(self.pool.sqs, "send_message", QueueUrl=queue_url, MessageBody=body, DelaySeconds=DELAY)

    def end(self, identifiers: list[str]) -> None:
        """End instances; an error is logged and forgotten."""
        try:
            _quiet(self.pool.ec2, "terminate_instances", InstanceIds=identifiers)
        except errors.ApiError:
            return

    def _now(self, seconds: float = 0) -> datetime:
        return self.pool.account.clock.now() + timedelta(seconds=self.skew + seconds)

    def _write(self, kind: str, identifier: str, **more: Any) -> bool:
        action = {"TableName": TABLE, "Key": records.key(records.INSTANCE, identifier), **more}
        try:
            _quiet(self.pool.dynamodb, "transact_write_items", TransactItems=[{kind: action}])
        except errors.ApiError:
            return False
        return True
