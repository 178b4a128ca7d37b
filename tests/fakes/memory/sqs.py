"""SQS in memory: a queue is shown a second after its creation, and its name is blocked for a minute after deletion.

A message is hidden until its delay has passed, and for the visibility timeout after each receive.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from attrs import define, field

from tests.fakes.memory.account import Account, operation, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "https://sqs.eu-west-1.amazonaws.com"
DEFAULTS = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600"}
MOST_ENTRIES = 10
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
"""Of a queue, and of a message in a batch."""
_RECEIPT = re.compile(r"msg-[0-9a-f]{17}#[0-9]+")
_LONGEST_DELAY = 900
_COOL_DOWN = timedelta(seconds=60)
_SHOWN_AFTER = timedelta(seconds=1)
_READ_BACK_AFTER = timedelta(seconds=60)


@define
class Message:
    """A message in a queue."""

    id: str
    body: str
    sent_at: datetime
    visible_at: datetime
    receives: int = 0

    @property
    def receipt(self) -> str:
        """The handle of the latest receive, with which it can be deleted."""
        return f"{self.id}#{self.receives}"


@define
class Queue:
    """A queue; changed attributes are read back old for a minute."""

    created_at: datetime
    attributes: dict[str, str]
    before: dict[str, str]
    changed_at: datetime
    messages: list[Message] = field(factory=list)
    tags: dict[str, str] = field(factory=dict)


def url(name: str) -> str:
    """Give a queue's URL."""
    return f"{HOST}/123456789012/{name}"


@define
class Sqs:
    """The operations that are used, one method each."""

    account: Account
    meta: Any = field(factory=lambda: SimpleNamespace(endpoint_url=HOST))

    @operation("sqs:CreateQueue", writes=True)
    def create_queue(self, **request: Any) -> dict[str, str]:
        """Create a queue; an equal one is no error, one with other attributes is."""
        name, now = request["QueueName"], self.account.clock.now()
        if not _NAME.fullmatch(name):
            raise refused("sqs:CreateQueue", "InvalidParameterValue", name)
        attributes = {**DEFAULTS, **request.get("Attributes", {})}
        if (queue := self.account.state.queues.get(name)) is not None:
            if queue.attributes != attributes:
                raise refused("sqs:CreateQueue", "QueueNameExists", "A queue already exists with other attributes")
            return {"QueueUrl": url(name)}
        if now - self.account.state.deleted_queues.get(name, now - _COOL_DOWN) < _COOL_DOWN:
            problem = (
                "You must wait 60 seconds after deleting a queue before you can create another with the same name."
            )
            raise refused("sqs:CreateQueue", "QueueDeletedRecently", problem)
        self.account.state.queues[name] = Queue(now, attributes, attributes, now, tags=dict(request.get("tags", {})))
        return {"QueueUrl": url(name)}

    @operation("sqs:GetQueueUrl")
    def get_queue_url(self, **request: Any) -> dict[str, str]:
        """Give the URL of a queue that is shown."""
        self._shown("sqs:GetQueueUrl", request["QueueName"])
        return {"QueueUrl": url(request["QueueName"])}

    @operation("sqs:GetQueueAttributes")
    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        """Give the attributes as they are read back."""
        queue = self._shown("sqs:GetQueueAttributes", request["QueueUrl"].rpartition("/")[2])
        late = self.account.clock.now() - queue.changed_at < _READ_BACK_AFTER
        seen = queue.before if late else queue.attributes
        return {"Attributes": {name: seen[name] for name in request["AttributeNames"]}}

    @operation("sqs:SetQueueAttributes", writes=True)
    def set_queue_attributes(self, **request: Any) -> None:
        """Change attributes."""
        name = request["QueueUrl"].rpartition("/")[2]
        queue = self._shown("sqs:SetQueueAttributes", name)
        queue.before = queue.attributes
        queue.attributes = {**queue.attributes, **request["Attributes"]}
        queue.changed_at = self.account.clock.now()

    @operation("sqs:ListQueueTags")
    def list_queue_tags(self, **request: Any) -> dict[str, Any]:
        """List a queue's tags; one without any has no list of them."""
        queue = self._shown("sqs:ListQueueTags", request["QueueUrl"].rpartition("/")[2])
        return {"Tags": dict(queue.tags)} if queue.tags else {}

    @operation("sqs:TagQueue", writes=True)
    def tag_queue(self, **request: Any) -> None:
        """Set tags."""
        self._shown("sqs:TagQueue", request["QueueUrl"].rpartition("/")[2]).tags.update(request["Tags"])

    @operation("sqs:SendMessageBatch", writes=True)
    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Send up to ten messages; each is accepted or refused by itself, and an empty list is left out."""
        name, entries = "sqs:SendMessageBatch", request["Entries"]
        queue = self._of(name, request)
        if problem := _unbatchable([entry["Id"] for entry in entries]):
            raise refused(name, f"AWS.SimpleQueueService.{problem}")
        sent: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for entry in entries:
            code = self.account.refuse_message(entry["MessageBody"]) or _unsendable(entry)
            if code:
                fault = {"SenderFault": code != "InternalError", "Code": code, "Message": "refused."}
                failed.append({"Id": entry["Id"], **fault})
            else:
                sent.append({"Id": entry["Id"], "MessageId": self._send(queue, entry).id})
        return {name: each for name, each in (("Successful", sent), ("Failed", failed)) if each}

    @operation("sqs:SendMessage", writes=True, foreign=True)
    def send_message(self, **request: Any) -> dict[str, str]:
        """Send one message."""
        queue = self._of("sqs:SendMessage", request)
        if code := _unsendable(request):
            raise refused("sqs:SendMessage", code)
        return {"MessageId": self._send(queue, request).id}

    @operation("sqs:ReceiveMessage", writes=True, foreign=True)
    def receive_message(self, **request: Any) -> dict[str, Any]:
        """Give at most one message without waiting, and hide it for the visibility timeout."""
        queue, now = self._of("sqs:ReceiveMessage", request), self.account.clock.now()
        if self.account.state.false_empty > 0:
            self.account.state.false_empty -= 1
            return {}
        message = next((each for each in queue.messages if each.visible_at <= now), None)
        if message is None:
            return {}
        message.receives += 1
        hidden = request.get("VisibilityTimeout", queue.attributes["VisibilityTimeout"])
        message.visible_at = now + timedelta(seconds=int(hidden))
        return {"Messages": [{"MessageId": message.id, "ReceiptHandle": message.receipt, "Body": message.body}]}

    @operation("sqs:DeleteMessage", writes=True, foreign=True)
    def delete_message(self, **request: Any) -> None:
        """Delete a message by the handle of its latest receive; an older handle deletes nothing."""
        queue, handle = self._of("sqs:DeleteMessage", request), request["ReceiptHandle"]
        if not _RECEIPT.fullmatch(handle):
            raise refused("sqs:DeleteMessage", "ReceiptHandleIsInvalid", handle)
        queue.messages = [each for each in queue.messages if each.receipt != handle]

    def delete(self, name: str) -> None:
        """Delete a queue, as by hand."""
        if self.account.state.queues.pop(name, None):
            self.account.state.deleted_queues[name] = self.account.clock.now()

    def _send(self, queue: Queue, entry: Mapping[str, Any]) -> Message:
        now = self.account.clock.now()
        delay = timedelta(seconds=int(entry.get("DelaySeconds", 0)))
        message = Message(self.account.next_id("msg"), entry["MessageBody"], now, now + delay)
        queue.messages.append(message)
        return message

    def _of(self, operation_name: str, request: Mapping[str, Any]) -> Queue:
        """Give the queue of a request about messages, without those that were kept for long enough."""
        queue = self._shown(operation_name, request["QueueUrl"].rpartition("/")[2])
        oldest = self.account.clock.now() - timedelta(seconds=int(queue.attributes["MessageRetentionPeriod"]))
        queue.messages = [each for each in queue.messages if each.sent_at > oldest]
        return queue

    def _shown(self, operation_name: str, name: str) -> Queue:
        queue: Queue | None = self.account.state.queues.get(name)
        if queue is None or self.account.clock.now() - queue.created_at < _SHOWN_AFTER:
            raise refused(operation_name, "QueueDoesNotExist", name)
        return queue


def _unsendable(entry: Mapping[str, Any]) -> str:
    """Give the code with which SQS refuses the delay of a message; "" for one that it takes."""
    return "" if 0 <= int(entry.get("DelaySeconds", 0)) <= _LONGEST_DELAY else "InvalidParameterValue"


def _unbatchable(identifiers: list[str]) -> str:
    """Give the code with which SQS refuses a whole batch; "" for one that it takes."""
    if not identifiers:
        return "EmptyBatchRequest"
    if len(identifiers) > MOST_ENTRIES:
        return "TooManyEntriesInBatchRequest"
    if not all(_NAME.fullmatch(each) for each in identifiers):
        return "InvalidBatchEntryId"
    return "BatchEntryIdsNotDistinct" if len({*identifiers}) < len(identifiers) else ""
