"""SQS in memory: a queue is shown a second after its creation, and its name is blocked for a minute after deletion."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from attrs import define, field

from tests.fakes.memory.account import Account, operation, refused

HOST = "https://sqs.eu-west-1.amazonaws.com"
DEFAULTS = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_COOL_DOWN = timedelta(seconds=60)
_SHOWN_AFTER = timedelta(seconds=1)
_READ_BACK_AFTER = timedelta(seconds=60)


@define
class Queue:
    """A queue; changed attributes are read back old for a minute."""

    created_at: datetime
    attributes: dict[str, str]
    before: dict[str, str]
    changed_at: datetime
    messages: list[str] = field(factory=list)
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

    def delete(self, name: str) -> None:
        """Delete a queue, as by hand."""
        if self.account.state.queues.pop(name, None):
            self.account.state.deleted_queues[name] = self.account.clock.now()

    def _shown(self, operation_name: str, name: str) -> Queue:
        queue: Queue | None = self.account.state.queues.get(name)
        if queue is None or self.account.clock.now() - queue.created_at < _SHOWN_AFTER:
            raise refused(operation_name, "QueueDoesNotExist", name)
        return queue
